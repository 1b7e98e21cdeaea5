"""What `--until` of `servicegraph ack` means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest

from servicegraph.cli.moments import moment

NOW = datetime(2026, 12, 1, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T12:00:00Z", datetime(2027, 1, 31, 12, tzinfo=UTC)),
        ("2027-01-31T12:00:00+02:00", datetime(2027, 1, 31, 10, tzinfo=UTC)),
        ("90d", NOW + timedelta(days=90)),
        ("12h", NOW + timedelta(hours=12)),
        ("1h30m", NOW + timedelta(hours=1, minutes=30)),
        ("2027-01-31T12:00:00", datetime(2027, 1, 31, 12, tzinfo=UTC)),
        ("2027-01-31 13:30", datetime(2027, 1, 31, 13, 30, tzinfo=UTC)),
    ],
)
def test_a_day_a_time_or_a_span_is_a_moment(text: str, end: datetime) -> None:
    assert moment(text, NOW, "--until") == end


@pytest.mark.parametrize(
    "text", ["", "soon", "-1d", "90", "90 d", "1w", "2027-02-30", "2027-01-31T25:00:00", "31.1.2027"]
)
def test_anything_else_is_told_what_it_takes(text: str) -> None:
    with pytest.raises(
        click.BadParameter,
        match="is no time; write a span such as 90d, 12h or 1h30m, a day such as 2027-01-31, or a time",
    ):
        moment(text, NOW, "--until")


@pytest.mark.parametrize("text", ["2026-12-01", "2026-12-01T10:30:00Z", "1999-01-01", "0d"])
def test_a_moment_that_has_passed_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="has passed"):
        moment(text, NOW, "--until")
