"""From a spec, or from the settings, to what can be polled: the source as the graph knows it, how to ask it, with what Secrets.

Pure. Who holds an `Asking` reads its secrets through `kube`, opens it with them, and hands source and access to `poll`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from servicegraph.discovery.access import Access, SecretPlace
from servicegraph.discovery.presets import PRESETS, Labels, Preset, within
from servicegraph.errors import SettingsError
from servicegraph.model.discoverysource import DiscoverySourceSpec
from servicegraph.model.faults import faults, summary
from servicegraph.model.fields import TAKES, URL_PATTERN, Url, parse_duration, parse_time, print_duration
from servicegraph.model.telemetry import NEVER_A_SERVICE, Failure, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicegraph.model.discoverysource import Custom, Prometheus
    from servicegraph.settings import Settings

DEFAULT_NAME = "default"
"""The source that `PROMETHEUS_URL` means."""
INVALID_SPEC = "InvalidSpec"
"""The spec does not match the schema of this version."""

_MOST = 1000


@dataclass(frozen=True, slots=True)
class Asking:
    """Everything about polling one source."""

    source: Source
    access: Access
    """Without what Secrets hold."""
    secrets: Mapping[str, SecretPlace] = field(default_factory=dict)
    """By use; what `open` wants the values of."""
    suspended: bool = False

    def opened(self, values: Mapping[SecretPlace, str]) -> Access:
        """The access with the values of all `secrets`; line ends around them, which editors leave, are taken off."""
        of = {use: values[place].strip("\r\n") for use, place in self.secrets.items()}
        basic = of.get("basic", "")
        if "username" in of:
            basic = f"{of['username']}:{of['password']}"
        return replace(
            self.access, bearer=of.get("bearer", ""), basic=basic, authority=of.get("authority", "")
        )


def translate(body: Mapping[str, Any], settings: Settings) -> Asking | Failure:
    """How the DiscoverySource `body` is to be polled, or why its spec cannot be used."""
    try:
        spec = DiscoverySourceSpec.model_validate(body.get("spec") or {})
    except ValidationError as error:
        return Failure(INVALID_SPEC, summary(faults(error))[:_MOST])
    prometheus = spec.prometheus
    preset = _custom(spec.custom) if spec.custom else PRESETS[spec.preset]
    return Asking(
        source=Source(
            name=body["metadata"]["name"],
            url=_one_spelling(prometheus.url),
            preset=spec.preset,
            query=within(preset.presence, spec.looks_back),
            interval=parse_duration(spec.interval).total_seconds(),
            default_namespace=spec.default_namespace,
            cluster="" if spec.cluster == settings.cluster_name else spec.cluster,
            quarantine=NEVER_A_SERVICE.union(settings.quarantined, spec.quarantine or ()),
            accept_drop_until=parse_time(spec.accept_drop_until) if spec.accept_drop_until else None,
        ),
        access=Access(
            url=_one_spelling(prometheus.url),
            volume=within(preset.volume, spec.looks_back),
            labels=preset.labels,
            timeout=parse_duration(prometheus.timeout).total_seconds(),
            tenant=prometheus.tenant or "",
        ),
        secrets=_secrets(prometheus),
        suspended=spec.suspend,
    )


def implicit_source(settings: Settings) -> Asking | None:
    """The source that the settings name, unless they name none. A DiscoverySource called `default` takes its place.

    Raises:
        SettingsError: PROMETHEUS_URL cannot be used.
    """
    if not settings.prometheus_url:
        return None
    try:
        url = TypeAdapter(Url).validate_python(settings.prometheus_url)
    except ValidationError:
        # What was given is not repeated: it may hold a password.
        raise SettingsError(f"PROMETHEUS_URL takes {TAKES[URL_PATTERN]}") from None
    spec = {
        "prometheus": {"url": url, "timeout": print_duration(settings.prometheus_timeout_seconds)},
        "interval": print_duration(settings.otel_graph_ingest_interval_minutes * 60),
    }
    made = translate({"metadata": {"name": DEFAULT_NAME}, "spec": spec}, settings)
    if isinstance(made, Failure):
        raise SettingsError(f"PROMETHEUS_URL: {made.message}")
    return made


def _custom(said: Custom) -> Preset:
    """The preset that a spec's own queries make; labels that it does not name are read as those of the others."""
    usual, own = Labels(), said.labels
    if own is None:
        return Preset(said.presence, said.volume or "", usual)
    labels = Labels(
        client=(own.client,),
        server=(own.server,),
        client_namespace=_or(own.client_namespace, usual.client_namespace),
        server_namespace=_or(own.server_namespace, usual.server_namespace),
        connection_type=_or(own.connection_type, usual.connection_type),
        virtual_node=_or(own.virtual_node, usual.virtual_node),
    )
    return Preset(said.presence, said.volume or "", labels)


def _or(label: str | None, usual: tuple[str, ...]) -> tuple[str, ...]:
    return usual if label is None else (label,)


def _secrets(prometheus: Prometheus) -> dict[str, SecretPlace]:
    """What has to be read before it can be asked, by use."""
    wanted: dict[str, SecretPlace] = {}
    if ref := prometheus.bearer_token_secret_ref:
        wanted["bearer"] = SecretPlace(ref.name, ref.key)
    if login := prometheus.basic_auth_secret_ref:
        if login.key:
            wanted["basic"] = SecretPlace(login.name, login.key)
        else:
            wanted |= {key: SecretPlace(login.name, key) for key in ("username", "password")}
    if ref := prometheus.ca_secret_ref:
        wanted["authority"] = SecretPlace(ref.name, ref.key)
    return wanted


def _one_spelling(url: str) -> str:
    """The URL as it is compared: two sources on one server are one group of evidence, however their URLs are written."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.lower()}{slash}{path}".rstrip("/")
