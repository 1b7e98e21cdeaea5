"""`servicegraph ack` against a real API server: what it writes, and what it refuses to write."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner, Result

from servicegraph import cli
from servicegraph.cli.ack import ack
from servicegraph.cli.moments import moment
from servicegraph.kube.client import FIELD_MANAGER, PEOPLE
from servicegraph.local import ports
from servicegraph.model.servicedependency import API_VERSION
from support.processes import servicegraph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from servicegraph.local.cluster import Cluster
    from servicegraph.local.kubectl import Kubectl

    Acknowledge = Callable[..., Result]

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
def acknowledge(control_plane: Cluster) -> Acknowledge:
    """Runs the command with an administrator's kubeconfig."""

    def run(*words: str) -> Result:
        return CliRunner().invoke(ack, words, env={"KUBECONFIG": str(control_plane.kubeconfig)})

    return run


@pytest.fixture
def alert(kubectl: Kubectl) -> Iterator[str]:
    """The name of an alert that is open, as the operator would have made it."""
    name = f"cycle-{secrets.token_hex(6)}"
    made = {"apiVersion": "servicegraph.dev/v1alpha1", "kind": "CycleAlert", "metadata": {"name": name}}
    kubectl("create", "-f", "-", stdin=json.dumps(made))
    become(kubectl, name, "Open")
    yield name
    kubectl("delete", "cyclealert", name)


def become(kubectl: Kubectl, name: str, state: str) -> None:
    """Write a status that takes in the spec as it is now."""
    status = {"state": state, "observedGeneration": read(kubectl, name)["metadata"]["generation"]}
    patch = json.dumps({"status": status})
    kubectl("patch", "cyclealert", name, "--subresource=status", "--type=merge", "-p", patch)


def read(kubectl: Kubectl, name: str) -> Any:
    return json.loads(kubectl("get", "cyclealert", name, "-o", "json"))


def said(kubectl: Kubectl, name: str) -> Any:
    return read(kubectl, name).get("spec", {}).get("acknowledgement")


def test_an_acknowledgement_stands_in_the_spec(
    acknowledge: Acknowledge, kubectl: Kubectl, alert: str
) -> None:
    result = acknowledge(alert, "--reason", "split planned", "--until", "2999-01-31", "--by", "ana")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{alert} is acknowledged until 2999-01-31T00:00:00Z\n"
    assert said(kubectl, alert) == {"reason": "split planned", "until": "2999-01-31T00:00:00Z", "by": "ana"}


def test_people_not_the_operator_own_what_they_wrote(
    acknowledge: Acknowledge, kubectl: Kubectl, alert: str
) -> None:
    metadata = {"name": alert, "labels": {"servicegraph.dev/instance": "test"}}
    applied = {"apiVersion": API_VERSION, "kind": "CycleAlert", "metadata": metadata}
    kubectl(
        "apply", "--server-side", f"--field-manager={FIELD_MANAGER}", "-f", "-", stdin=json.dumps(applied)
    )
    acknowledge(alert, "--reason", "known")
    shown = json.loads(kubectl("get", "--raw", f"/apis/{API_VERSION}/cyclealerts/{alert}"))
    owners = [one["manager"] for one in shown["metadata"]["managedFields"] if "f:spec" in one["fieldsV1"]]
    assert owners == [PEOPLE]
    assert PEOPLE != FIELD_MANAGER


def test_a_new_acknowledgement_takes_the_place_of_all_that_was_said(
    acknowledge: Acknowledge, kubectl: Kubectl, alert: str
) -> None:
    acknowledge(alert, "--reason", "split planned", "--until", "90d", "--by", "ana")
    result = acknowledge(alert, "--reason", "it stays")
    assert result.stdout == f"{alert} is acknowledged\n"
    assert said(kubectl, alert) == {"reason": "it stays"}


def test_the_same_words_again_write_nothing(acknowledge: Acknowledge, kubectl: Kubectl, alert: str) -> None:
    acknowledge(alert, "--reason", "known")
    before = read(kubectl, alert)
    unseen = acknowledge(alert, "--reason", "known")
    become(kubectl, alert, "Acknowledged")
    seen = acknowledge(alert, "--reason", "known")
    assert unseen.stdout == seen.stdout == f"{alert} is acknowledged in the same words already\n"
    assert read(kubectl, alert)["metadata"]["generation"] == before["metadata"]["generation"]


def test_words_that_a_circle_has_outgrown_must_be_said_anew(
    acknowledge: Acknowledge, kubectl: Kubectl, alert: str
) -> None:
    acknowledge(alert, "--reason", "known")
    become(kubectl, alert, "Open")
    result = acknowledge(alert, "--reason", "known")
    assert result.exit_code == 1
    assert "services have joined the circle since" in str(result.exception)
    assert acknowledge(alert, "--reason", "known, with the fourth service too").exit_code == 0
    assert said(kubectl, alert)["reason"] == "known, with the fourth service too"


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("NotOpen", "was made by hand, and no services depend on each other in that circle"),
        ("Resolved", "its circle is gone, so there is nothing to acknowledge"),
    ],
)
def test_what_is_no_circle_is_not_acknowledged(
    acknowledge: Acknowledge, kubectl: Kubectl, alert: str, state: str, why: str
) -> None:
    become(kubectl, alert, state)
    result = acknowledge(alert, "--reason", "known")
    assert result.exit_code == 1
    assert str(result.exception).startswith(f"{alert} is {state}: {'it ' * (state == 'NotOpen')}{why}")
    assert said(kubectl, alert) is None


def test_an_unknown_alert_is_named_with_the_way_to_those_there_are(acknowledge: Acknowledge) -> None:
    result = acknowledge("cycle-000000000000", "--reason", "known")
    assert result.exit_code == 1
    assert str(result.exception) == (
        "there is no CycleAlert 'cycle-000000000000'; `servicegraph cycles` lists those there are"
    )


def test_what_the_api_server_refuses_is_its_own_sentence(
    acknowledge: Acknowledge, kubectl: Kubectl, alert: str
) -> None:
    result = acknowledge(alert, "--reason", "x" * 2_000)
    assert result.exit_code == 1
    assert "spec.acknowledgement.reason" in str(result.exception)
    assert said(kubectl, alert) is None


@pytest.mark.parametrize("words", [[], ["--by", "ana"], ["--reason", "known", "--until", "soon"]])
def test_wrong_usage_is_exit_status_2(acknowledge: Acknowledge, words: list[str]) -> None:
    result = acknowledge("cycle-000000000000", *words)
    assert result.exit_code == 2
    assert "--" in result.stderr


def test_a_cluster_that_does_not_answer_is_one_line(
    tmp_path: Path,
    control_plane: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = control_plane.kubeconfig.read_text().replace(
        control_plane.url, f"https://127.0.0.1:{ports.free()}"
    )
    place = tmp_path / "nobody.kubeconfig"
    place.write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(place))
    monkeypatch.setattr("sys.argv", ["servicegraph", "ack", "cycle-000000000000", "--reason", "known"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Error: read cycle-000000000000: ")


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90d", timedelta(days=90)),
        ("12h", timedelta(hours=12)),
        ("30m", timedelta(minutes=30)),
        ("60s", timedelta(seconds=60)),
        ("1h30m", timedelta(minutes=90)),
        ("1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
    ],
)
def test_a_span_is_counted_from_now(text: str, span: timedelta) -> None:
    assert moment(text, NOW, "--until") == NOW + span


@pytest.mark.parametrize(
    ("text", "hour", "minute"),
    [
        ("2026-11-25", 0, 0),
        ("2026-11-25 13:30", 13, 30),
        ("2026-11-25 13:30:00", 13, 30),
        ("2026-11-25T13:30Z", 13, 30),
        ("2026-11-25T13:30:00+01:00", 12, 30),
    ],
)
def test_a_time_is_in_utc_unless_it_names_an_offset(text: str, hour: int, minute: int) -> None:
    assert moment(text, NOW, "--until") == datetime(2026, 11, 25, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "90", "30m1h", "1.5h", "-1h", "2w", "2027-02-30", "20270131", "13:30", "2027-01-31 25:00"],
)
def test_what_is_no_time_is_told_what_to_write(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no time; write a span such as 90d, 12h or 1h30m, a day"):
        moment(text, NOW, "--until")


@pytest.mark.parametrize("text", ["0s", "2026-11-24", "2026-11-24 12:00", "2026-11-24T12:30+01:00"])
def test_an_end_that_has_passed_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="has passed already; write a span"):
        moment(text, NOW, "--until")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "there is no such file; set KUBECONFIG to the path of a kubeconfig file, or unset it"),
        ("", "it is not of the shape of a kubeconfig; mend the file, or set KUBECONFIG"),
        ("kind: [", "while parsing a flow node"),
        ("{clusters: [], contexts: [], users: []}", "Invalid kube-config file."),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_one_line_that_names_it(
    tmp_path: Path, content: str | None, why: str
) -> None:
    place = tmp_path / "kubeconfig"
    if content is not None:
        place.write_text(content)
    ended = servicegraph("ack", "cycle-000000000000", "--reason", "known", KUBECONFIG=str(place))
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"Error: KUBECONFIG='{place}': no way to a Kubernetes API server")
    assert why in line
    assert (ended.returncode, ended.stdout) == (1, "")


def test_no_kubeconfig_at_all_is_one_line_that_says_what_to_set(tmp_path: Path) -> None:
    ended = servicegraph("ack", "cycle-000000000000", "--reason", "known", KUBECONFIG="", HOME=str(tmp_path))
    (line,) = ended.stderr.splitlines()
    assert line.startswith("Error: KUBECONFIG is not set: ")
    assert line.endswith("set KUBECONFIG to the path of a kubeconfig file")
    assert (ended.returncode, ended.stdout) == (1, "")
