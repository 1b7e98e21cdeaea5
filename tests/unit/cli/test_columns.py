"""Columns are aligned and ages short."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from servicegraph.cli.columns import age, columns

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_every_column_begins_at_one_place_and_no_line_ends_in_blanks() -> None:
    text = columns(["NAME", "AGE", "PATH"], [["a", "12m", "b → c"], ["longer", "3d", ""]])
    assert text == "NAME     AGE   PATH\na        12m   b → c\nlonger   3d\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (3_599, "59m"),
        (3_600, "1h"),
        (86_400, "1d"),
        (8_640_000, "100d"),
        (-5, "0s"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(seconds: int, text: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == text
