"""What is asked of each kind of telemetry, and by which labels its series say who calls whom: data, no code to poll.

Why each query is as it is stands in the decision on asking Prometheus. In short: presence looks at the last sample of the
window, since `increase` loses the first call of a series and an instant vector every call that was some minutes ago; it is
aggregated by the labels below, so that `failed` twins and replicas are one call. `sources` makes queries of these;
`clean` reads the labels.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

WINDOW = "$window"
"""Stands in a query for how far it looks back."""


@dataclass(frozen=True, slots=True)
class Labels:
    """By which labels a series says what: several spellings each, the first that says something counts."""

    client: tuple[str, ...] = ("client",)
    server: tuple[str, ...] = ("server",)
    client_namespace: tuple[str, ...] = (
        "client_k8s_namespace_name",
        "client_k8s.namespace.name",
        "client_service_namespace",
        "client_service.namespace",
    )
    """With dots where nothing translates attributes to what Prometheus called legal before its version 3."""
    server_namespace: tuple[str, ...] = (
        "server_k8s_namespace_name",
        "server_k8s.namespace.name",
        "server_service_namespace",
        "server_service.namespace",
    )
    connection_type: tuple[str, ...] = ("connection_type",)
    virtual_node: tuple[str, ...] = ("virtual_node",)

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every label that is read."""
        return tuple(chain.from_iterable(getattr(self, one.name) for one in fields(self)))


@dataclass(frozen=True, slots=True)
class Preset:
    """How one kind of telemetry is asked; the queries hold `WINDOW`."""

    presence: str
    """One series for each call that was seen within the window, whatever its value."""
    volume: str
    """By the same labels, how many calls there were."""
    labels: Labels = Labels()


def within(query: str, window: timedelta) -> str:
    """The query for a window, as PromQL writes durations."""
    seconds = int(window.total_seconds())
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds % length == 0:
            return query.replace(WINDOW, f"{seconds // length}{unit}")
    return query.replace(WINDOW, f"{seconds}s")


def _plain(label: str) -> str:
    """The spelling that every version of Prometheus takes within `by`."""
    return label.replace(".", "_")


def _aggregated(operation: str, series: str, labels: Labels) -> str:
    """The aggregation of `series` by `labels`.

    Prometheus before version 3 refuses a dotted label within `by`, but `label_replace` takes one from any version: so such a
    label is copied into its plain twin, and one query serves all.
    """
    for label in labels.spellings:
        if label != _plain(label):
            series = f'label_replace({series}, "{_plain(label)}", "$1", "{label}", "(.+)")'
    names = ", ".join(dict.fromkeys(map(_plain, labels.spellings)))
    return f"{operation} by ({names}) ({series})"


_PREFIX = "(.+_)?traces_service_graph_"
"""Exporters may put a namespace of their own before the name."""


def _service_graph(metrics: str) -> Preset:
    """The preset for service-graph series, present where one of `metrics` is (a part of a regular expression)."""
    labels = Labels()
    seen = f'last_over_time({{__name__=~"{_PREFIX}{metrics}"}}[{WINDOW}])'
    calls = f'increase({{__name__=~"{_PREFIX}request_total"}}[{WINDOW}])'
    return Preset(_aggregated("max", seen, labels), _aggregated("sum", calls, labels), labels)


PRESETS = {
    "OTelCollector": _service_graph("request_total"),
    # The gauge is made for topology and can be had without the counters; it has their labels, so nothing
    # doubles where both are.
    "Tempo": _service_graph("(connection_info|request_total)"),
}
"""By name; Custom has its queries in the spec."""
