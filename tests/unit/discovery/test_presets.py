"""The queries: what every version of Prometheus has to understand, and what must not get into an answer."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from servicegraph.discovery.presets import PRESETS, within

MINUTES = timedelta(minutes=15)


def grouped(query: str) -> set[str]:
    found = re.match(r"(?:max|sum) by \(([^)]*)\)", query)
    assert found is not None
    return set(found[1].split(", "))


@pytest.mark.parametrize("name", PRESETS)
def test_presence_and_volume_are_told_by_the_same_labels_none_of_them_dotted(name: str) -> None:
    preset = PRESETS[name]
    assert grouped(preset.presence) == grouped(preset.volume)
    assert all(re.fullmatch("[a-z0-9_]+", label) for label in grouped(preset.presence))


@pytest.mark.parametrize("name", PRESETS)
def test_every_spelling_that_is_read_gets_into_the_answer(name: str) -> None:
    preset = PRESETS[name]
    for label in preset.labels.spellings:
        assert label.replace(".", "_") in grouped(preset.presence)
        assert "." not in label or f'"{label}", "(.+)"' in preset.presence
    assert {"failed", "instance", "job"}.isdisjoint(grouped(preset.presence))
    assert "virtual_node" in grouped(preset.presence)


@pytest.mark.parametrize(
    ("preset", "metric", "taken"),
    [
        ("OTelCollector", "traces_service_graph_request_total", True),
        ("OTelCollector", "servicegraph_traces_service_graph_request_total", True),
        ("OTelCollector", "traces_service_graph_request_failed_total", False),
        ("OTelCollector", "traces_service_graph_request_server_seconds_bucket", False),
        ("OTelCollector", "traces_service_graph_connection_info", False),
        ("OTelCollector", "xtraces_service_graph_request_total", False),
        ("Tempo", "traces_service_graph_request_total", True),
        ("Tempo", "traces_service_graph_connection_info", True),
        ("Tempo", "traces_service_graph_request_failed_total", False),
    ],
)
def test_presence_takes_the_counters_of_calls_by_whatever_prefix(
    preset: str, metric: str, taken: bool
) -> None:
    found = re.search(r'__name__=~"([^"]*)"', PRESETS[preset].presence)
    assert found is not None
    assert (re.fullmatch(found[1], metric) is not None) is taken


@pytest.mark.parametrize(
    ("window", "written"),
    [
        (MINUTES, "15m"),
        (timedelta(hours=1), "1h"),
        (timedelta(hours=36), "36h"),
        (timedelta(seconds=90), "90s"),
        (timedelta(seconds=45, milliseconds=500), "45s"),
    ],
)
def test_a_window_is_written_as_promql_takes_it(window: timedelta, written: str) -> None:
    assert within("x[$window] + y[$window]", window) == f"x[{written}] + y[{written}]"
