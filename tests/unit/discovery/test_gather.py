"""What the series of one poll come to."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.discovery.answers import Series
from servicegraph.discovery.gather import Gathered, power_of_ten
from servicegraph.discovery.presets import Labels
from servicegraph.model.telemetry import RawCall

A_B = {"client": "a", "server": "b"}
NAMES = st.sampled_from(["a", "b", "", "a\x00", "x" * 300])
SERIES = st.builds(
    Series,
    st.fixed_dictionaries({"client": NAMES, "server": NAMES, "failed": st.sampled_from(["true", "false"])}),
    st.sampled_from(["1", "NaN", "+Inf", "-Inf", "0", "-3", "", "what"]),
)


def gathered(seen: list[Series], counted: list[Series] | None = None) -> Gathered:
    made = Gathered(Labels())
    for one in seen:
        made.see(one)
    for one in counted or ():
        made.count(one)
    return made


@given(st.lists(SERIES))
def test_every_series_is_a_call_or_dropped_for_a_reason_whatever_its_value(series: list[Series]) -> None:
    made = gathered(series)
    good = [one for one in series if {one.labels["client"], one.labels["server"]} <= {"a", "b"}]
    assert made.series == len(series)
    assert sum(made.dropped.values()) == len(series) - len(good)
    assert set(made.calls()) == {RawCall(one.labels["client"], one.labels["server"]) for one in good}


@given(st.permutations([Series(A_B | {"failed": failed}, "6") for failed in ("true", "false")]))
def test_twins_are_one_call_whose_volumes_add_up(twins: list[Series]) -> None:
    assert gathered(twins, twins).calls() == {RawCall("a", "b"): 1}


def test_what_was_counted_and_not_seen_is_no_call() -> None:
    assert gathered([], [Series(A_B, "7")]).calls() == {}


def test_what_counts_nothing_is_not_known() -> None:
    for text in ("NaN", "+Inf", "-Inf", "0", "-3", "", "what"):
        assert gathered([Series(A_B, "1")], [Series(A_B, text)]).calls() == {RawCall("a", "b"): None}


@pytest.mark.parametrize(
    ("volume", "power"),
    [(0, None), (0.02, 0), (1, 0), (9.99, 0), (10, 1), (999, 2), (1000, 3), (1e300, 300)],
)
def test_volume_is_told_by_its_power_of_ten(volume: float, power: int | None) -> None:
    assert power_of_ten(volume) == power


@given(st.floats(1, 1e300))
def test_a_power_of_ten_holds_the_volume(volume: float) -> None:
    power = power_of_ten(volume)
    assert power is not None
    assert math.log10(volume) - 1 <= power <= math.log10(volume)
