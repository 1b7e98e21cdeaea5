"""The spec of a DiscoverySource: where telemetry is asked about calls, how often, and how its series are read.

Like those of ServiceDependency these models are the one source of the CRD's schema (`model.crd`), of `kubectl explain`, and of
the operator's own check. A rule stands twice here, as CEL for the API server and as Python for us; one table of specs in the
tests holds both to the same verdicts. `discovery.sources` makes of a spec what can be polled; the status is in `sourcestatus`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from servicegraph.model.fields import (
    LINE_PATTERN,
    TEXT_PATTERN,
    WORD_PATTERN,
    Duration,
    Namespace,
    SecretKey,
    SecretName,
    Tenant,
    TimestampOrNothing,
    Url,
    parse_duration,
)
from servicegraph.model.servicedependency import Part, rule

if TYPE_CHECKING:
    from pydantic.config import JsonDict

KIND = "DiscoverySource"
PLURAL = "discoverysources"

MAX_QUARANTINED = 100
RESERVED_NAME = "declared"
"""The provider of everything that objects say."""

SHORTEST_INTERVAL = timedelta(seconds=15)
LONGEST_INTERVAL = timedelta(hours=24)
LONGEST_WINDOW = timedelta(days=7)
SHORTEST_TIMEOUT = timedelta(seconds=1)
LONGEST_TIMEOUT = timedelta(minutes=5)
WINDOW_IN_INTERVALS = 3
"""The window in intervals, where the spec says none."""

INTERVAL_IN_BOUNDS = "an interval takes from 15s to 24h"
WINDOW_IN_BOUNDS = (
    "the window must be at least twice the interval, so that no call falls between two polls, and at most 168h:"
    " raise it, lower the interval, or leave the window out"
)
TIMEOUT_IN_BOUNDS = "a timeout takes from 1s to 5m"
CUSTOM_WITH_ITS_PRESET = (
    "custom belongs to the preset Custom and to no other: add it, remove it or change the preset"
)
ONE_WAY_TO_LOG_IN = "bearerTokenSecretRef and basicAuthSecretRef exclude each other: keep one of them"
CA_ONLY_WITH_TLS = "caSecretRef is for an https URL: write https, or remove it"
NAME_IS_RESERVED = "the name `declared` is taken by what teams declare: name the source otherwise"

_SPELLED = {"max_length": 253, "pattern": WORD_PATTERN}
LabelName = Annotated[str, Field(min_length=1, **_SPELLED)]
Query = Annotated[str, Field(min_length=1, max_length=4096, pattern=TEXT_PATTERN)]
Quarantined = Annotated[str, Field(min_length=1, **_SPELLED)]
_SET: JsonDict = {"x-kubernetes-list-type": "set"}


class SecretRef(Part):
    """A value in a Secret of the namespace that the operator itself runs in."""

    name: SecretName = Field(description="The Secret, in the operator's own namespace.")
    key: SecretKey = Field(description="The key within it that holds the value.")


class BasicAuthRef(Part):
    """User and password in a Secret of the namespace that the operator itself runs in."""

    name: SecretName = Field(description="The Secret, in the operator's own namespace.")
    key: SecretKey | None = Field(
        default=None,
        description="The key that holds `user:password`. Left out, the keys `username` and `password` are read, as Secrets of"
        " type kubernetes.io/basic-auth have them.",
    )


class Prometheus(Part):
    """The server that is asked: Prometheus, or one that answers as it does (Thanos, Mimir, VictoriaMetrics)."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                rule("!(has(self.bearerTokenSecretRef) && has(self.basicAuthSecretRef))", ONE_WAY_TO_LOG_IN),
                rule(
                    "!has(self.caSecretRef) || !has(self.url) || self.url.startsWith('https://')",
                    CA_ONLY_WITH_TLS,
                    ".caSecretRef",
                ),
            ]
        }
    )

    url: Url = Field(
        description="Its address, up to what comes before /api/v1/query, such as http://prometheus.monitoring:9090 or"
        " https://mimir.example.com/prometheus. No user, password or query; redirects are not followed."
    )
    timeout: Duration = Field(
        default="30s",
        description="How long one answer may take, from 1s to 5m.",
        json_schema_extra={
            "x-kubernetes-validations": [
                rule(
                    "duration(self) >= duration('1s') && duration(self) <= duration('5m')", TIMEOUT_IN_BOUNDS
                )
            ]
        },
    )
    bearer_token_secret_ref: SecretRef | None = Field(
        default=None, description="Where the token lies that is sent as `Authorization: Bearer …`."
    )
    basic_auth_secret_ref: BasicAuthRef | None = Field(
        default=None, description="Where user and password lie that are sent as `Authorization: Basic …`."
    )
    ca_secret_ref: SecretRef | None = Field(
        default=None,
        description="Where the certificates (PEM) lie that the server's certificate is held to, instead of those that the"
        " system trusts.",
    )
    tenant: Tenant | None = Field(
        default=None,
        description="Sent as X-Scope-OrgID, as Mimir and Cortex want it; several are joined by |.",
    )

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if not SHORTEST_TIMEOUT <= parse_duration(self.timeout) <= LONGEST_TIMEOUT:
            raise PydanticCustomError("timeout", TIMEOUT_IN_BOUNDS, {"at": "timeout"})
        if self.bearer_token_secret_ref and self.basic_auth_secret_ref:
            raise PydanticCustomError("two_logins", ONE_WAY_TO_LOG_IN)
        if self.ca_secret_ref and not self.url.startswith("https://"):
            raise PydanticCustomError("ca_without_tls", CA_ONLY_WITH_TLS, {"at": "caSecretRef"})
        return self


class CustomLabels(Part):
    """Which labels of the answer say what. One that is left out is read as the presets read it."""

    client: LabelName = Field(default="client", description="The label that names who calls.")
    server: LabelName = Field(default="server", description="The label that names who is called.")
    client_namespace: LabelName | None = Field(
        default=None, description="The label with the namespace of who calls, such as source_namespace."
    )
    server_namespace: LabelName | None = Field(
        default=None,
        description="The label with the namespace of who is called, such as destination_namespace.",
    )
    connection_type: LabelName | None = Field(
        default=None,
        description="The label that says how they are joined, with the values that service-graph metrics give it: database,"
        " messaging_system, virtual_node.",
    )
    virtual_node: LabelName | None = Field(
        default=None, description="The label that says which end sent no span of its own: client or server."
    )


class Custom(Part):
    """Queries of your own, for series that no preset fits."""

    presence: Query = Field(
        description="PromQL that gives one series for each call seen within the window, whatever its value, such as"
        " max by (client, server) (last_over_time(calls_total[$window])); $window stands for the window, as 15m. Aggregate away"
        " what does not tell calls apart."
    )
    volume: Query | None = Field(
        default=None,
        description="PromQL that gives, with the same labels, how many calls there were within the window, such as"
        " sum by (client, server) (increase(calls_total[$window])). Left out, volume is not known.",
    )
    labels: CustomLabels | None = Field(
        default=None, description="Which labels of the answer say what; left out, as with the presets."
    )


class DiscoverySourceSpec(Part):
    """Where telemetry is asked about calls between services, and how its series are read."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                rule(
                    "!has(self.window) || !has(self.interval)"
                    " || (duration(self.window) >= duration(self.interval) + duration(self.interval)"
                    " && duration(self.window) <= duration('168h'))",
                    WINDOW_IN_BOUNDS,
                    ".window",
                ),
                rule("(self.preset == 'Custom') == has(self.custom)", CUSTOM_WITH_ITS_PRESET, ".custom"),
            ]
        }
    )

    preset: Literal["OTelCollector", "Tempo", "Custom"] = Field(
        default="OTelCollector",
        description="Who makes the series: OTelCollector is the service_graph connector of the OpenTelemetry Collector, Tempo"
        " the metrics-generator of Grafana Tempo, Custom whatever your own queries find.",
    )
    prometheus: Prometheus = Field(description="The server that is asked.")
    interval: Duration = Field(
        default="5m",
        description="Time between two polls, from 15s to 24h. Series of calls that have ended stay for 15 minutes or so: a"
        " longer interval may miss calls that are rare.",
        json_schema_extra={
            "x-kubernetes-validations": [
                rule(
                    "duration(self) >= duration('15s') && duration(self) <= duration('24h')",
                    INTERVAL_IN_BOUNDS,
                )
            ]
        },
    )
    window: Duration | None = Field(
        default=None,
        description="How far each poll looks back: at least twice the interval, at most 168h. Left out, it is three times the"
        " interval.",
    )
    default_namespace: Namespace = Field(
        default="",
        description="Namespace of services whose series carry none. Left out, who is called counts to the namespace of who"
        " calls.",
    )
    cluster: Annotated[str, Field(max_length=253, pattern=LINE_PATTERN)] = Field(
        default="",
        description='Cluster of the services that it shows. Left out or "" means the one that the operator runs in.',
    )
    quarantine: Annotated[list[Quarantined], Field(max_length=MAX_QUARANTINED)] | None = Field(
        default=None,
        description="Names that are no services, such as probe: kept out of every answer unless asked for. Added to the"
        " built-in ones (unknown, outgoing, localhost, …); at most 100.",
        json_schema_extra=_SET,
    )
    accept_drop_until: TimestampOrNothing = Field(
        default="",
        description="A time such as 2027-01-31T00:00:00Z: until then it is believed when more than half of its calls are gone"
        " at once, as after a migration. Otherwise that counts as trouble of the source, and nothing is taken for gone.",
    )
    custom: Custom | None = Field(
        default=None, description="The queries of preset Custom, and only of that one."
    )
    suspend: bool = Field(
        default=False,
        description="True stops the polls. What was seen stays as it is, and nothing is taken for gone.",
    )

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        interval = parse_duration(self.interval)
        if not SHORTEST_INTERVAL <= interval <= LONGEST_INTERVAL:
            raise PydanticCustomError("interval", INTERVAL_IN_BOUNDS, {"at": "interval"})
        if self.window and not 2 * interval <= parse_duration(self.window) <= LONGEST_WINDOW:
            raise PydanticCustomError("window", WINDOW_IN_BOUNDS, {"at": "window"})
        if (self.preset == "Custom") != (self.custom is not None):
            raise PydanticCustomError("custom", CUSTOM_WITH_ITS_PRESET, {"at": "custom"})
        names = self.quarantine or []
        repeated = [name for position, name in enumerate(names) if name in names[:position]]
        if repeated:
            raise PydanticCustomError(
                "duplicate_name", "names {name} twice: remove one", {"at": "quarantine", "name": repeated[0]}
            )
        return self

    @property
    def looks_back(self) -> timedelta:
        """The window, said or worked out from the interval."""
        if self.window:
            return parse_duration(self.window)
        return min(WINDOW_IN_INTERVALS * parse_duration(self.interval), LONGEST_WINDOW)
