"""Specs of DiscoverySource that are right, and such that are wrong in one way each, with what people are told.

One table for both judges, the API server and the operator's own check: their verdicts must agree.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from servicegraph.model.discoverysource import (
    CA_ONLY_WITH_TLS,
    CUSTOM_WITH_ITS_PRESET,
    INTERVAL_IN_BOUNDS,
    ONE_WAY_TO_LOG_IN,
    TIMEOUT_IN_BOUNDS,
    WINDOW_IN_BOUNDS,
)

Spec = dict[str, Any]

A_URL = "an address such as http://prometheus.monitoring:9090"
A_TIME = 'a time such as 2027-01-31T00:00:00Z, or ""'
A_DURATION = "a duration such as 300ms, 5s or 1h30m"
REF = {"name": "prometheus", "key": "token"}


class Wrong(NamedTuple):
    """A spec that nobody may accept."""

    spec: Spec
    field: str
    """The field that is at fault, as both judges name it."""
    advice: str = ""
    """A part of what both say about it."""
    strict_only: bool = False
    """Whether it takes strict validation to see it: the API server then drops the field, as the operator does."""


def source(**fields: Any) -> Spec:
    """A spec with these fields beside the server."""
    return {"prometheus": {"url": "http://prometheus.monitoring:9090"}, **fields}


def at(url: str, **fields: Any) -> Spec:
    """A spec that asks this server, with these fields of `prometheus`."""
    return {"prometheus": {"url": url, **fields}}


def custom(**fields: Any) -> Spec:
    """A spec with a query of its own."""
    return source(preset="Custom", custom={"presence": "calls", **fields})


RIGHT: dict[str, Spec] = {
    "a URL and nothing else": source(),
    "everything said": source(
        preset="Tempo",
        prometheus={
            "url": "https://mimir.example.com:443/prometheus",
            "timeout": "1m",
            "bearerTokenSecretRef": REF,
            "caSecretRef": {"name": "ca.example", "key": "ca.crt"},
            "tenant": "team-a|team_b",
        },
        interval="15s",
        window="30s",
        defaultNamespace="shop",
        cluster="prod-eu",
        quarantine=["probe", "health check"],
        acceptDropUntil="2027-01-31T00:00:00Z",
        suspend=True,
    ),
    "basic auth by one key": at("https://a", basicAuthSecretRef=REF),
    "basic auth by the keys of its type": at("https://a", basicAuthSecretRef={"name": "login"}),
    "basic auth without TLS": at("http://a", basicAuthSecretRef={"name": "login"}),
    "an address": at("http://10.0.0.7:9090"),
    "an address of version 6": at("http://[fd00::7]:9090"),
    "a path with a slash at its end": at("https://thanos.example.com/api/prom/"),
    "the highest port": at("http://a:65535"),
    "the longest interval": source(interval="24h"),
    "the longest window": source(interval="24h", window="168h"),
    "a window of exactly two intervals": source(interval="45s500ms", window="91000ms"),
    "the shortest timeout": at("http://a", timeout="1s"),
    "the longest timeout": at("http://a", timeout="5m"),
    "no time to accept a drop until": source(acceptDropUntil=""),
    "a time with an offset": source(acceptDropUntil="2027-01-31T00:00:00.5+02:00"),
    "100 quarantined names": source(quarantine=[f"q{number}" for number in range(100)]),
    "a query of its own": custom(),
    "everything of its own": custom(
        presence="max by (source, \"k8s.name\") (last_over_time({job='flows'}[$window]))\n  > 0",
        volume="increase(calls[$window])",
        labels={
            "client": "source",
            "server": "destination",
            "clientNamespace": "source namespace",
            "serverNamespace": "k8s.name",
            "connectionType": "kind",
            "virtualNode": "virtual",
        },
    ),
}

_URLS = {
    "without a scheme": "prometheus:9090",
    "of another scheme": "ftp://prometheus",
    "with a user and a password": "http://ana:secret@prometheus:9090",
    "with a query": "http://prometheus:9090?tenant=a",
    "with a fragment": "http://prometheus:9090/#graph",
    "with a space": "http://prometheus monitoring",
    "without a host": "http://:9090",
    "with a port beyond all ports": "http://prometheus:65536",
    "with a line break": "http://prometheus\n",
    "with a control character": "http://prometheus/\x1b[31m",
    "that is empty": "",
}

WRONG: dict[str, Wrong] = {
    "nothing at all": Wrong({}, "spec.prometheus"),
    "no server": Wrong({"preset": "Tempo"}, "spec.prometheus"),
    "no URL": Wrong({"prometheus": {}}, "spec.prometheus.url"),
    **{f"a URL {how}": Wrong(at(url), "spec.prometheus.url", A_URL) for how, url in _URLS.items()},
    "a URL of 1025 characters": Wrong(at("http://a/" + "b" * 1016), "spec.prometheus.url"),
    "an unknown preset": Wrong(source(preset="Istio"), "spec.preset"),
    "an unknown field": Wrong(source(windows="15m"), "spec.windows", strict_only=True),
    "an interval that is no duration": Wrong(source(interval="often"), "spec.interval", A_DURATION),
    "an interval of 14s": Wrong(source(interval="14s"), "spec.interval", INTERVAL_IN_BOUNDS),
    "an interval of a millisecond too little": Wrong(
        source(interval="14999ms"), "spec.interval", INTERVAL_IN_BOUNDS
    ),
    "an interval of more than a day": Wrong(source(interval="24h1ms"), "spec.interval", INTERVAL_IN_BOUNDS),
    "a window of less than two intervals": Wrong(
        source(interval="5m", window="599s"), "spec.window", WINDOW_IN_BOUNDS
    ),
    "a window that is short of the default interval": Wrong(
        source(window="9m"), "spec.window", WINDOW_IN_BOUNDS
    ),
    "a window of more than a week": Wrong(source(window="168h1s"), "spec.window", WINDOW_IN_BOUNDS),
    "a window that is no duration": Wrong(source(window="15"), "spec.window", A_DURATION),
    "a timeout of less than a second": Wrong(
        at("http://a", timeout="999ms"), "spec.prometheus.timeout", TIMEOUT_IN_BOUNDS
    ),
    "a timeout of more than five minutes": Wrong(
        at("http://a", timeout="6m"), "spec.prometheus.timeout", TIMEOUT_IN_BOUNDS
    ),
    "two ways to log in": Wrong(
        at("http://a", bearerTokenSecretRef=REF, basicAuthSecretRef=REF), "spec.prometheus", ONE_WAY_TO_LOG_IN
    ),
    "certificates without TLS": Wrong(
        at("http://a", caSecretRef=REF), "spec.prometheus.caSecretRef", CA_ONLY_WITH_TLS
    ),
    "a token in the spec": Wrong(
        at("http://a", bearerToken="x"), "spec.prometheus.bearerToken", strict_only=True
    ),
    "a Secret without a key": Wrong(
        at("http://a", bearerTokenSecretRef={"name": "a"}), "spec.prometheus.bearerTokenSecretRef.key"
    ),
    "a Secret of another namespace": Wrong(
        at("http://a", bearerTokenSecretRef={**REF, "namespace": "kube-system"}),
        "spec.prometheus.bearerTokenSecretRef.namespace",
        strict_only=True,
    ),
    "the name of a Secret with a path": Wrong(
        at("http://a", bearerTokenSecretRef={"name": "../a", "key": "b"}),
        "spec.prometheus.bearerTokenSecretRef.name",
        "the name of a Secret",
    ),
    "the key of a Secret with a slash": Wrong(
        at("http://a", bearerTokenSecretRef={"name": "a", "key": "b/c"}),
        "spec.prometheus.bearerTokenSecretRef.key",
        "a key of a Secret",
    ),
    "a tenant that would be two headers": Wrong(
        at("http://a", tenant="a\r\nX-Admin: 1"), "spec.prometheus.tenant", "an id of a tenant"
    ),
    "a default namespace in capitals": Wrong(
        source(defaultNamespace="Shop"), "spec.defaultNamespace", "the name of a namespace"
    ),
    "a cluster with a line break": Wrong(source(cluster="a\nb"), "spec.cluster"),
    "101 quarantined names": Wrong(
        source(quarantine=[f"q{number}" for number in range(101)]), "spec.quarantine"
    ),
    "a quarantined name twice": Wrong(source(quarantine=["probe", "probe"]), "spec.quarantine"),
    "an empty quarantined name": Wrong(source(quarantine=[""]), "spec.quarantine[0]"),
    "a drop accepted until tomorrow": Wrong(
        source(acceptDropUntil="tomorrow"), "spec.acceptDropUntil", A_TIME
    ),
    "a drop accepted until a day that no month has": Wrong(
        source(acceptDropUntil="2027-02-30T00:00:00Z"), "spec.acceptDropUntil"
    ),
    "preset Custom without queries": Wrong(source(preset="Custom"), "spec.custom", CUSTOM_WITH_ITS_PRESET),
    "queries without preset Custom": Wrong(
        source(custom={"presence": "calls"}), "spec.custom", CUSTOM_WITH_ITS_PRESET
    ),
    "Custom without presence": Wrong(
        source(preset="Custom", custom={"volume": "calls"}), "spec.custom.presence"
    ),
    "an empty query": Wrong(custom(presence=""), "spec.custom.presence"),
    "a query of 4097 characters": Wrong(custom(presence="a" * 4097), "spec.custom.presence"),
    "a query with an escape": Wrong(custom(volume="\x1b"), "spec.custom.volume"),
    "a label with a space at its end": Wrong(custom(labels={"client": "a "}), "spec.custom.labels.client"),
    "suspend as a word": Wrong(source(suspend="yes"), "spec.suspend"),
}
