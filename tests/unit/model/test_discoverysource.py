"""The operator's own check of sources says what the API server says: one table of specs for both."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from servicegraph.model.discoverysource import DiscoverySourceSpec
from servicegraph.model.faults import faults, summary
from support.sourcespecs import RIGHT, WRONG


@pytest.mark.parametrize("case", RIGHT)
def test_a_right_spec_is_understood_in_full(case: str) -> None:
    spec = DiscoverySourceSpec.model_validate(RIGHT[case], extra="forbid")
    assert spec.prometheus.url == RIGHT[case]["prometheus"]["url"]


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_spec_is_refused_at_its_field_with_what_it_takes(case: str) -> None:
    wrong = WRONG[case]
    with pytest.raises(ValidationError) as refused:
        DiscoverySourceSpec.model_validate(wrong.spec, extra="forbid")
    said = summary(faults(refused.value))
    assert wrong.field in said
    assert wrong.advice in said


@pytest.mark.parametrize("case", [case for case in WRONG if WRONG[case].strict_only])
def test_a_field_that_only_strict_validation_sees_is_passed_over(case: str) -> None:
    spec = DiscoverySourceSpec.model_validate(WRONG[case].spec)
    assert spec.prometheus.url == WRONG[case].spec["prometheus"]["url"]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({}, 900),
        ({"interval": "15s"}, 45),
        ({"interval": "10m"}, 1800),
        ({"interval": "10m", "window": "1h"}, 3600),
        ({"interval": "24h"}, 72 * 3600),
    ],
)
def test_the_window_is_what_is_said_or_three_intervals(said: dict[str, str], seconds: float) -> None:
    spec = DiscoverySourceSpec.model_validate({"prometheus": {"url": "http://a"}, **said})
    assert spec.looks_back.total_seconds() == seconds
