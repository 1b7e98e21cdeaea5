"""What is made of a spec or of the settings: source, access, secrets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from servicegraph.discovery.access import SecretPlace
from servicegraph.discovery.presets import Labels
from servicegraph.discovery.sources import Asking, implicit_source, translate
from servicegraph.errors import SettingsError
from servicegraph.model.telemetry import NEVER_A_SERVICE, Failure
from servicegraph.settings import Settings
from support.sourcespecs import RIGHT, WRONG, at, custom, source


def asking(spec: dict[str, Any], **settings: Any) -> Asking:
    made = translate({"metadata": {"name": "otel"}, "spec": spec}, Settings(**settings))
    assert isinstance(made, Asking), made
    return made


@pytest.mark.parametrize("case", RIGHT)
def test_every_right_spec_can_be_polled(case: str) -> None:
    made = asking(RIGHT[case])
    assert made.source.query
    assert "$window" not in made.source.query + made.access.volume
    assert made.source.interval >= 15


@pytest.mark.parametrize("case", [case for case in WRONG if not WRONG[case].strict_only])
def test_a_wrong_spec_becomes_a_failure_that_names_its_field(case: str) -> None:
    made = translate({"metadata": {"name": "otel"}, "spec": WRONG[case].spec}, Settings())
    assert isinstance(made, Failure)
    assert made.reason == "InvalidSpec"
    assert WRONG[case].field in made.message


def test_an_object_without_a_spec_becomes_a_failure_too() -> None:
    for body in ({}, {"spec": None}):
        made = translate({"metadata": {"name": "otel"}, **body}, Settings())
        assert isinstance(made, Failure)
        assert "spec.prometheus: is required" in made.message


def test_everything_that_a_spec_says_arrives() -> None:
    made = asking(RIGHT["everything said"])
    assert made.suspended
    assert (made.source.name, made.source.preset, made.source.interval) == ("otel", "Tempo", 15)
    assert (made.source.default_namespace, made.source.cluster) == ("shop", "prod-eu")
    assert made.source.accept_drop_until == datetime(2027, 1, 31, tzinfo=UTC)
    assert made.source.quarantine == NEVER_A_SERVICE | {"probe", "health check"}
    assert "[30s]" in made.source.query
    assert "[30s]" in made.access.volume
    assert made.access.url == "https://mimir.example.com:443/prometheus"
    assert (made.access.timeout, made.access.tenant) == (60, "team-a|team_b")


def test_the_cluster_of_the_operator_itself_has_no_name() -> None:
    assert asking(source(cluster="prod"), cluster_name="prod").source.cluster == ""
    assert asking(source(cluster="prod"), cluster_name="other").source.cluster == "prod"


def test_names_are_quarantined_by_spec_and_by_setting() -> None:
    made = asking(source(quarantine=["probe"]), quarantine="health check, canary,,")
    assert made.source.quarantine == NEVER_A_SERVICE | {"probe", "health check", "canary"}
    assert "user" not in made.source.quarantine, "real services are called so"


@pytest.mark.parametrize("url", ["http://Prometheus.Monitoring:9090", "http://prometheus.monitoring:9090/"])
def test_one_server_is_one_group_of_evidence_however_its_url_is_written(url: str) -> None:
    assert asking(at(url)).source.url == "http://prometheus.monitoring:9090"
    assert asking(at("http://HOST/Path/")).access.url == "http://host/Path"


def test_secrets_are_asked_for_and_given_back_as_credentials() -> None:
    made = asking(RIGHT["everything said"])
    token, authority = SecretPlace("prometheus", "token"), SecretPlace("ca.example", "ca.crt")
    assert set(made.secrets.values()) == {token, authority}
    opened = made.opened({token: "s3cret\n", authority: "PEM"})
    assert (opened.bearer, opened.authority, opened.basic) == ("s3cret", "PEM", "")
    assert "s3cret" not in repr(opened)
    assert made.access.bearer == ""


@pytest.mark.parametrize(
    ("ref", "values", "basic"),
    [
        ({"name": "login", "key": "both"}, {SecretPlace("login", "both"): "ana:s3cret\n"}, "ana:s3cret"),
        (
            {"name": "login"},
            {SecretPlace("login", "username"): "ana\r\n", SecretPlace("login", "password"): " s3 cret "},
            "ana: s3 cret ",
        ),
    ],
)
def test_user_and_password_come_from_one_key_or_two(
    ref: dict[str, str], values: dict[SecretPlace, str], basic: str
) -> None:
    made = asking(at("https://a", basicAuthSecretRef=ref))
    assert set(made.secrets.values()) == set(values)
    assert made.opened(values).basic == basic


def test_a_source_without_secrets_opens_with_none() -> None:
    made = asking(source())
    assert made.opened({}) == made.access


def test_own_queries_are_taken_with_their_window_and_labels_left_out_are_read_as_usual() -> None:
    said = custom(presence="calls[$window] or x[$window]", labels={"client": "from", "serverNamespace": "ns"})
    made = asking({**said, "interval": "1m"})
    assert made.source.query == "calls[3m] or x[3m]"
    assert made.access.volume == ""
    labels, usual = made.access.labels, Labels()
    assert (labels.client, labels.server, labels.server_namespace) == (("from",), ("server",), ("ns",))
    assert (labels.client_namespace, labels.virtual_node) == (usual.client_namespace, usual.virtual_node)
    assert asking(custom()).access.labels == usual


def test_no_url_in_the_settings_is_no_source() -> None:
    assert implicit_source(Settings()) is None


def test_the_url_of_the_settings_is_a_source_named_default() -> None:
    made = implicit_source(
        Settings(
            prometheus_url="http://prometheus:9090/",
            prometheus_timeout_seconds=1.5,
            otel_graph_ingest_interval_minutes=0.5,
            quarantine="probe",
        )
    )
    assert made is not None
    assert (made.source.name, made.source.preset) == ("default", "OTelCollector")
    assert (made.source.interval, made.access.timeout) == (30, 1.5)
    assert "[90s]" in made.source.query
    assert "probe" in made.source.quarantine
    assert not made.suspended


@pytest.mark.parametrize("timeout", [1, 300])
@pytest.mark.parametrize("interval", [0.25, 5, 7.77, 1440])
def test_whatever_the_settings_take_can_be_polled(timeout: float, interval: float) -> None:
    made = implicit_source(
        Settings(
            prometheus_url="https://a",
            prometheus_timeout_seconds=timeout,
            otel_graph_ingest_interval_minutes=interval,
        )
    )
    assert made is not None
    assert made.access.timeout == timeout
    assert made.source.interval == pytest.approx(interval * 60)


def test_a_url_that_cannot_be_used_is_refused_by_its_variable_and_never_repeated() -> None:
    for url in ("prometheus:9090", "http://ana:s3cret@prometheus"):
        with pytest.raises(SettingsError, match="PROMETHEUS_URL takes an address such as") as refused:
            implicit_source(Settings(prometheus_url=url))
        assert url not in str(refused.value)
        assert "s3cret" not in str(refused.value)
