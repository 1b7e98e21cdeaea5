"""Every setting, its unit, its default and its reason; the only reader of the environment.

Settings are environment variables named as the fields below, in capitals. A value that cannot be used stops the start with the
variable's name and what it takes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from servicegraph.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_Kind = TypeVar("_Kind", bound=BaseModel)


class Settings(BaseModel):
    """The settings of one process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: str = Field(
        default="",
        description="Postgres, as `postgresql://user:password@host:port/name`; several hosts are separated by commas.",
    )
    db_pool_size: int = Field(default=20, ge=1, le=1000, description="Connections to Postgres kept open.")
    db_max_overflow: int = Field(default=10, ge=0, le=1000, description="Further connections under load.")
    redis_url: str = Field(
        default="",
        description="Valkey or Redis, as `redis://user:password@host:port/0` (`rediss://` with TLS), where replicas share their"
        " rate limits; empty counts in each process.",
    )
    api_host: str = Field(
        default="127.0.0.1",
        description="Address the HTTP server binds to; the image and the chart set 0.0.0.0.",
    )
    api_port: int = Field(
        default=8000, ge=0, le=65535, description="Port of the HTTP server; 0 takes a free one."
    )
    rate_limit_query: int = Field(
        default=60,
        ge=0,
        le=1_000_000,
        description="Requests that only look, a minute and key; 0 does not limit. A key may have a limit of its own.",
    )
    rate_limit_ingestion: int = Field(
        default=10,
        ge=0,
        le=1_000_000,
        description="Requests that change the graph, a minute and key; 0 does not limit. A key may have a limit of its own.",
    )
    anonymous_read: bool = Field(
        default=False,
        description="Whether requests that only look may come without a key; they are limited by address.",
    )
    status_writes_per_second: float = Field(
        default=50,
        gt=0,
        le=10_000,
        description="Status writes a second at most, so that a first sync spares the API server.",
    )
    resync_minutes: float = Field(
        default=10,
        gt=0,
        description="Minutes between two full comparisons with the API server; each is shifted by up to 10 %.",
    )
    resync_max_removal: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Share of all objects that one comparison may remove (from 100 objects on) without being told to.",
    )
    prometheus_url: str = Field(
        default="",
        description="Prometheus with OpenTelemetry service-graph metrics, such as `http://prometheus.monitoring:9090`: a source"
        " of telemetry named `default`, unless a DiscoverySource of that name exists. Empty asks none.",
    )
    prometheus_timeout_seconds: float = Field(
        default=30, ge=1, le=300, description="Seconds that PROMETHEUS_URL may take for one answer."
    )
    otel_graph_ingest_interval_minutes: float = Field(
        default=5, ge=0.25, le=1440, description="Minutes between two polls of PROMETHEUS_URL."
    )
    quarantine: str = Field(
        default="",
        description="Names seen in telemetry that are kept out of every answer unless asked for, separated by commas, beside"
        " those that are never a service: unknown, outgoing, localhost, …",
    )
    stale_edge_threshold_hours: float = Field(
        default=168,
        gt=0,
        description="Hours, of those in which its source is healthy, after which an edge that is not seen is stale.",
    )
    stale_edge_retention_hours: float = Field(
        default=720,
        gt=0,
        description="Hours after which what is gone is forgotten: stale edges, and removals kept for explanations.",
    )
    cycle_absence_hours: float = Field(
        default=24,
        gt=0,
        description="Hours, of those in which its source is healthy, after which an edge that is not seen is in no circle.",
    )
    cycle_alert_retention_hours: float = Field(
        default=720,
        gt=0,
        description="Hours after which a resolved alert goes, unless somebody has acknowledged it.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least level that is logged."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="json, console, or auto: console on a terminal, else json."
    )
    cluster_name: str = Field(
        default="", max_length=253, description="Name of this cluster where several share one database."
    )
    instance_name: str = Field(
        default="servicegraph",
        pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
        description="Tells two operators in one cluster apart.",
    )
    pod_namespace: str = Field(default="servicegraph-system", description="Namespace of the operator itself.")
    watch_namespaces: str = Field(
        default="", description="Namespaces to watch, separated by commas; empty watches all."
    )
    webhook_port: int = Field(
        default=9443,
        ge=0,
        le=65535,
        description="Port where the API server asks for warnings about what is applied, with TLS, at API_HOST; 0 takes a free"
        " one. Open where WEBHOOK_CONFIGURATION or WEBHOOK_CERT is set.",
    )
    webhook_configuration: str = Field(
        default="",
        max_length=240,
        description="Name of the ValidatingWebhookConfiguration that leads there. The operator makes a certificate for the name"
        " in it, keeps it in the Secret of that name and `-webhook` in POD_NAMESPACE, renews it, and has the configuration"
        " trust it.",
    )
    webhook_cert: str = Field(
        default="",
        description="File with a certificate for WEBHOOK_PORT, instead of one that the operator makes; read again when it"
        " changes.",
    )
    webhook_key: str = Field(default="", description="File with the key of WEBHOOK_CERT.")
    kubeconfig: str = Field(
        default="",
        description="Path of a kubeconfig; empty uses the pod's service account, else the usual place.",
    )
    servicegraph_url: str = Field(default="", description="Where the command line finds the HTTP server.")
    servicegraph_api_key: str = Field(
        default="", repr=False, description="The key that the command line sends there."
    )

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces to watch; empty means all."""
        return _listed(self.watch_namespaces)

    @property
    def quarantined(self) -> tuple[str, ...]:
        """The names to quarantine, beside the built-in ones."""
        return _listed(self.quarantine)


class LocalSettings(BaseModel):
    """The settings of the local environment and of the tests; no part of a deployed servicegraph reads them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kubebuilder_assets: Path | None = Field(
        default=None,
        description="Folder with etcd and kube-apiserver to use instead of finding or building them.",
    )
    xdg_cache_home: Path | None = Field(default=None, description="Where caches lie; empty is `~/.cache`.")
    envtest_index_url: str = Field(
        default="https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml",
        description="List of the official control-plane archives with their checksums; `none` builds at once.",
    )
    test_database_url: str = Field(
        default="",
        description="Postgres server for the tests (its user may create databases); empty starts one.",
    )
    test_redis_url: str = Field(
        default="",
        description="Valkey or Redis for the tests that leave it whole; empty starts one.",
    )
    servicegraph_prometheus: Path | None = Field(
        default=None, description="Prometheus to run, instead of finding or fetching one."
    )
    prometheus_releases_url: str = Field(
        default="https://github.com/prometheus/prometheus/releases/download",
        description="Where the official archives of Prometheus and their checksums lie; `none` does without.",
    )
    test_prometheus_url: str = Field(
        default="",
        description="Prometheus server for the tests, which scrapes TEST_PROMETHEUS_TARGETS; empty starts one.",
    )
    test_prometheus_targets: Path | None = Field(
        default=None,
        description="Folder whose *.json files that server takes its targets from (file_sd_configs), scraping each second.",
    )

    @property
    def cache(self) -> Path:
        """The folder of everything that servicegraph keeps between two runs."""
        return (self.xdg_cache_home or Path.home() / ".cache") / "servicegraph"


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environ` (the process environment when left out); empty values count as not set.

    Raises:
        SettingsError: naming each variable that cannot be used and what it takes.
    """
    return _read(Settings, environ)


def load_local(environ: Mapping[str, str] | None = None) -> LocalSettings:
    """Read the settings of the local environment, as `load` does."""
    return _read(LocalSettings, environ)


def for_child(**changes: str) -> dict[str, str]:
    """Our environment with `changes`, for a child process."""
    return {**os.environ, **changes}  # noqa: TID251 - the one place that may


def _listed(text: str) -> tuple[str, ...]:
    """What is separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _read(kind: type[_Kind], environ: Mapping[str, str] | None) -> _Kind:
    source = os.environ if environ is None else environ  # noqa: TID251 - the one place that may
    given = {name: source[name.upper()] for name in kind.model_fields if source.get(name.upper())}
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        faults = [
            f"{fault['loc'][0]!s}".upper() + f"={fault['input']!r}: {fault['msg']}"
            for fault in error.errors()
        ]
        raise SettingsError("; ".join(faults)) from error
