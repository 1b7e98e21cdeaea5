"""Every metric: its name, its help, its labels. Nothing is counted that does not stand here.

Labels hold closed lists only (route, status, result), never the name of a service, object or key, so that the number of series
is bounded for any input. The one exception are sources of telemetry, which are few, since only who administers the cluster may
make them; what was counted of one that is gone is forgotten. `docs/reference/metrics.md` is generated from this module.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

registry = CollectorRegistry()

_LATENCY = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_WORK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_WAITING = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
_MANY = (1, 2, 5, 10, 20, 50, 100, 200, 500)

DEPTHS = (1, 3, 10, 50)
"""Depths by which walks are told apart: each counts under the smallest of these that it does not exceed."""

graph_version = Gauge(
    "servicegraph_graph_version", "Version of the graph that this process serves.", registry=registry
)
graph_nodes = Gauge(
    "servicegraph_graph_nodes", "Services in the graph that this process serves.", registry=registry
)
graph_edges = Gauge(
    "servicegraph_graph_edges", "Edges in the graph that this process serves.", registry=registry
)
cycle_alerts = Gauge(
    "servicegraph_cycle_alerts",
    "Alerts of circles in the graph that this process serves; state: Open, Acknowledged, Resolved; severity: Critical,"
    " Warning, Info.",
    ["state", "severity"],
    registry=registry,
)
snapshot_load_seconds = Histogram(
    "servicegraph_snapshot_load_seconds",
    "Seconds it took to read the graph from Postgres and build it.",
    buckets=_WORK,
    registry=registry,
)
snapshot_age_seconds = Gauge(
    "servicegraph_snapshot_age_seconds",
    "Seconds since the graph that this process serves was last known to be current.",
    registry=registry,
)
traversal_seconds = Histogram(
    "servicegraph_traversal_seconds",
    "Seconds a walk through the graph took, by the depth asked for.",
    ["depth"],
    buckets=_LATENCY,
    registry=registry,
)
db_connections = Gauge(
    "servicegraph_db_connections",
    "Connections of the pool to Postgres, by state: in_use, idle.",
    ["state"],
    registry=registry,
)
rows_written = Counter(
    "servicegraph_rows_written_total",
    "Rows written by the graph transaction.",
    ["table", "operation"],
    registry=registry,
)
inbox_depth = Gauge("servicegraph_inbox_depth", "Objects waiting to be reconciled.", registry=registry)
reconciles = Counter(
    "servicegraph_reconciles_total",
    "Batches by result: changed (a new graph version), unchanged, refused, fault, unavailable.",
    ["result"],
    registry=registry,
)
reconcile_seconds = Histogram(
    "servicegraph_reconcile_seconds",
    "Seconds it took to translate and store a batch, a batch that had to wait for the store not counted.",
    buckets=_WORK,
    registry=registry,
)
reconcile_batch_objects = Histogram(
    "servicegraph_reconcile_batch_objects",
    "Objects in a batch as it was taken from the inbox.",
    buckets=_MANY,
    registry=registry,
)
reconcile_wait_seconds = Histogram(
    "servicegraph_reconcile_wait_seconds",
    "Seconds from the first word of a change until it was stored, outages included.",
    buckets=_WAITING,
    registry=registry,
)
http_requests = Counter(
    "servicegraph_http_requests_total", "HTTP requests.", ["route", "status"], registry=registry
)
http_seconds = Histogram(
    "servicegraph_http_request_seconds",
    "Seconds an HTTP request took.",
    ["route"],
    buckets=_LATENCY,
    registry=registry,
)
auth_failures = Counter(
    "servicegraph_auth_failures_total",
    "Requests refused for their key, by reason: missing, malformed, unknown, revoked, expired, scope, in_url.",
    ["reason"],
    registry=registry,
)
rate_limited = Counter(
    "servicegraph_rate_limited_total",
    "Requests refused as too many, by what they count as: query, ingestion, failure (without a good key).",
    ["kind"],
    registry=registry,
)
limits_shared = Gauge(
    "servicegraph_limits_shared",
    "1 while rate limits are counted together with the other replicas, 0 while they should be and are not.",
    registry=registry,
)
admission_reviews = Counter(
    "servicegraph_admission_reviews_total",
    "Objects that the API server asked about before it stored them, all of them allowed, by result: clean, warned, not_ready"
    " (no graph yet), late (no answer within a second), not_understood, fault.",
    ["result"],
    registry=registry,
)
admission_seconds = Histogram(
    "servicegraph_admission_seconds",
    "Seconds it took to answer the API server about an object.",
    buckets=_LATENCY,
    registry=registry,
)
webhook_certificate_end = Gauge(
    "servicegraph_webhook_certificate_end_timestamp_seconds",
    "When the certificate that the API server is shown is over, in seconds since 1970; 0 while there is none.",
    registry=registry,
)
watch_restarts = Counter(
    "servicegraph_watch_restarts_total", "Restarts of the watch.", ["why"], registry=registry
)
resyncs = Counter(
    "servicegraph_resyncs_total",
    "Full comparisons of Kubernetes and the store, by result: done, failed.",
    ["result"],
    registry=registry,
)
resync_missed = Counter(
    "servicegraph_resync_missed_total",
    "Objects that a full comparison found and the watch had not delivered.",
    registry=registry,
)
resync_orphans = Gauge(
    "servicegraph_resync_orphans",
    "Objects that are gone and were not removed, since they are too many at once.",
    registry=registry,
)
status_backlog = Gauge(
    "servicegraph_status_backlog", "Status writes that wait for their turn.", registry=registry
)
status_writes = Counter(
    "servicegraph_status_writes_total",
    "Status writes by result: written, unchanged, conflict, gone, refused, unavailable.",
    ["result"],
    registry=registry,
)
alert_writes = Counter(
    "servicegraph_alert_writes_total",
    "Writes to CycleAlert objects by result: created, written, deleted, conflict, gone, refused, unavailable.",
    ["result"],
    registry=registry,
)
source_writes = Counter(
    "servicegraph_source_writes_total",
    "Writes to the status of DiscoverySource objects by result: written, conflict, gone, refused, unavailable.",
    ["result"],
    registry=registry,
)
events = Counter(
    "servicegraph_events_total",
    "Events by reason and result: created, repeated (counted on an earlier one), exists, dropped (too many), refused.",
    ["reason", "result"],
    registry=registry,
)
polls = Counter(
    "servicegraph_polls_total",
    "Polls of a source of telemetry by result: good, partial, failed.",
    ["source", "result"],
    registry=registry,
)
poll_seconds = Histogram(
    "servicegraph_poll_seconds",
    "Seconds a poll of a source of telemetry took, until its answers were read.",
    ["source"],
    buckets=_WORK,
    registry=registry,
)
poll_series = Gauge(
    "servicegraph_poll_series",
    "Series in the last answer of a source of telemetry.",
    ["source"],
    registry=registry,
)
poll_last_good = Gauge(
    "servicegraph_poll_last_good_timestamp_seconds",
    "When a source of telemetry was last asked and gave a complete answer, in seconds since 1970; its age is time() less this.",
    ["source"],
    registry=registry,
)


def forget_source(name: str) -> None:
    """Leave out a source of telemetry that exists no more."""
    for metric in (polls, poll_seconds, poll_series, poll_last_good):
        metric.remove_by_labels({"source": name})


def depth_label(depth: int) -> str:
    """The label of walks of this depth: one of `DEPTHS`."""
    return str(next((most for most in DEPTHS if depth <= most), DEPTHS[-1]))
