"""`servicegraph check`, on real files, without a server and against one."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from servicegraph import settings
from servicegraph.checks.finding import Code
from servicegraph.cli.check import check
from servicegraph.model.ports import Freshness
from support.commands import run
from support.manifests import manifest, text
from support.objects import RIGHT_OBJECTS, WRONG_OBJECTS

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from support.serving import Serving

ALONE = {"SERVICEGRAPH_URL": ""}


def checked(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(check, words, input=stdin, env=ALONE)


def document(*words: str, stdin: str = "") -> Any:
    return json.loads(checked(*words, "--output", "json", stdin=stdin).stdout)


def ring(*names: str) -> list[dict[str, Any]]:
    """Manifests of services that depend on each other in a ring."""
    following = zip(names, [*names[1:], names[0]], strict=True)
    return [manifest(name, after, namespace="shop") for name, after in following]


def test_a_circle_is_told_by_file_and_line_and_fails(tmp_path: Path) -> None:
    for one in ring("a", "b", "c"):
        (tmp_path / f"{one['metadata']['name']}.yaml").write_text("# a comment\n" + text(one))
    result = checked(str(tmp_path))
    assert result.exit_code == 1
    told, other, _, numbers = result.stdout.splitlines()
    line = 1 + (tmp_path / "a.yaml").read_text().splitlines().index("  - name: b")
    assert told == (
        f"{tmp_path}/a.yaml:{line}: warning SG101: closes a circle of 3 (Critical): shop/a → shop/b → shop/c → shop/a"
    )
    assert other.startswith(f"  with {tmp_path}/b.yaml:{line}")
    assert numbers == "3 manifests: 1 warning"


def test_clean_manifests_are_silent_but_for_the_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(text(manifest("a", "b"), manifest("b")))
    result = checked(str(tmp_path))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "2 manifests: nothing found\n", "")


@pytest.mark.parametrize(
    ("least", "code"), [("error", 0), ("warning", 0), ("note", 1)], ids=["error", "warning", "note"]
)
def test_the_least_severity_decides_the_exit_status(least: str, code: int) -> None:
    result = checked("-", "--fail-on", least, stdin=text(manifest("a", "quite-unknown")))
    assert "note SG103" in result.stdout
    assert result.exit_code == code


def test_folders_are_searched_to_their_ends_for_what_may_be_manifests(tmp_path: Path) -> None:
    below = tmp_path / "one" / "two"
    below.mkdir(parents=True)
    (below / "a.yaml").write_text(text(manifest("a")))
    (tmp_path / "b.json").write_text(
        json.dumps({"apiVersion": "v1", "kind": "List", "items": [manifest("b")]})
    )
    (tmp_path / "c.yml").write_text(text({"apiVersion": "v1", "kind": "Pod", "metadata": {}}, manifest("c")))
    (tmp_path / "d.txt").write_text(text(manifest("d")))
    (tmp_path / "template.yaml").write_text("{{- if .Values.on }}\na: [\n")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "e.yaml").write_text(text(manifest("e")))
    found = document(str(tmp_path))
    assert (found["manifests"], found["unreadable"]) == (3, [])
    assert document(str(tmp_path), str(below / "a.yaml"))["manifests"] == 3
    assert document(str(tmp_path / "d.txt"))["manifests"] == 1


def test_what_cannot_be_read_or_parsed_is_told_beside_the_findings_and_is_status_2(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(text(*ring("a", "b")))
    (tmp_path / "bad.yaml").write_text("# servicegraph.dev\na: [\n")
    (tmp_path / "latin.yaml").write_bytes(b"# servicegraph.dev \xe4\n")
    result = checked(str(tmp_path), str(tmp_path / "missing.yaml"))
    assert result.exit_code == 2
    assert "SG101" in result.stdout
    bad, latin, missing = result.stderr.splitlines()
    assert bad.startswith(f"Error: {tmp_path}/bad.yaml:3: ")
    assert "is no UTF-8" in latin
    assert missing == f"Error: {tmp_path}/missing.yaml: No such file or directory"
    sarif = json.loads(checked(str(tmp_path), "-o", "sarif").stdout)
    (invocation,) = sarif["runs"][0]["invocations"]
    assert not invocation["executionSuccessful"]
    assert len(invocation["toolExecutionNotifications"]) == 2


def test_nothing_to_check_is_said_and_fails_nothing(tmp_path: Path) -> None:
    result = checked(str(tmp_path))
    assert result.exit_code == 0
    assert "No manifests of servicegraph were found" in result.stderr


@pytest.mark.parametrize("name", RIGHT_OBJECTS)
def test_what_the_api_server_accepts_has_no_error(tmp_path: Path, name: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(RIGHT_OBJECTS[name]))
    assert checked(str(file), "--fail-on", "error").exit_code == 0


@pytest.mark.parametrize("name", WRONG_OBJECTS)
def test_what_the_api_server_refuses_is_an_error(tmp_path: Path, name: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(WRONG_OBJECTS[name].body))
    result = checked(str(file), "--fail-on", "error")
    assert result.exit_code == 1, result.output
    assert "error SG001" in result.stdout


def test_a_key_that_comes_twice_is_told_at_its_line() -> None:
    written = text(manifest("a")).replace("  name: a\n", "  name: b\n  name: a\n", 1)
    (found,) = document("-", stdin=written)["findings"]
    assert found["code"] == Code.REPEATED_KEY.value
    assert written.splitlines()[found["line"] - 1] == "  name: a"


def test_the_namespace_is_that_of_the_option_unless_the_manifest_names_one() -> None:
    written = text(manifest("a", "b"), manifest("b", {"name": "a", "namespace": "pay"}, namespace="pay"))
    assert document("-", stdin=written)["circles"] == []
    (circle,) = document(
        "-",
        "--namespace",
        "pay",
        stdin=text(
            *({**one, "metadata": {"name": one["spec"]["service"]["name"]}} for one in ring("a", "b"))
        ),
    )["circles"]
    assert circle["members"] == ["pay/a", "pay/b"]


def test_github_gets_workflow_commands_that_no_name_can_break_out_of(tmp_path: Path) -> None:
    folder = tmp_path / "a,b:c%"
    folder.mkdir()
    (folder / "x.yaml").write_text(text(manifest("a", {"name": "b", "mode": "x\n::error::y"})))
    result = checked(str(folder), "-o", "github")
    (line,) = result.stdout.splitlines()
    assert line.startswith("::error file=")
    assert "a%2Cb%3Ac%25/x.yaml,line=" in line
    assert ",title=SG001 the manifest is not valid::" in line


def test_mermaid_draws_what_is_new_with_circles_in_red() -> None:
    result = checked(
        "-", "-o", "mermaid", stdin=text(*ring("a", "b"), manifest("c", {"name": "db", "kind": "Datastore"}))
    )
    lines = result.stdout.splitlines()
    assert lines[0] == "flowchart LR"
    assert sum("stroke:red" in line for line in lines) == 2
    assert any('[("default/db:datastore")]' in line for line in lines)
    assert checked("-", "-o", "mermaid", stdin="").stdout == "flowchart LR\n"


async def test_a_server_tells_what_is_new_and_who_depends_on_it(served: Serving, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(
        "---\n# nothing\n---\n" + text(manifest("orders-api", "frontend", "chekout", namespace="shop"))
    )
    (tmp_path / "bad.yaml").write_text(text(manifest("bad", {"name": "x", "mode": "y"})))
    (tmp_path / "payment.yaml").write_text(
        text(
            manifest("payment", {"name": "frontend", "acceptedCycle": {"reason": "known"}}, namespace="shop")
        )
    )
    result = await run(check, served, str(tmp_path))
    assert result.exit_code == 1
    invalid, unknown, *rest = [line.removeprefix(f"{tmp_path}/") for line in result.stdout.splitlines()]
    assert invalid.startswith("bad.yaml:")
    assert "error SG001" in invalid
    assert unknown.startswith("good.yaml:")
    assert "did you mean shop/checkout?" in unknown
    assert any("grows" in line or "closes" in line for line in rest)
    version = served.reader.snapshot.mark.version if served.reader.snapshot else 0
    assert f"against version {version} of the graph: 3 new edges, 0 gone" in rest
    assert rest[-1] == "3 manifests: 1 error, 2 warnings"
    lines = (tmp_path / "good.yaml").read_text().splitlines()
    assert "chekout" in lines[int(unknown.split(":")[1]) - 1]


async def test_offline_asks_nobody(served: Serving, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text(manifest("a", "checkout", namespace="shop")))
    assert "SG103" not in (await run(check, served, str(tmp_path))).stdout
    served.reader.snapshot = None
    assert (await run(check, served, str(tmp_path))).exit_code == 1
    assert (await run(check, served, str(tmp_path), "--offline")).exit_code == 0


async def test_a_server_with_an_old_graph_is_told(served: Serving, tmp_path: Path) -> None:
    served.reader.fresh = Freshness(stale=True, age=90)
    (tmp_path / "a.yaml").write_text(text(manifest("a", namespace="shop")))
    assert "90 s old" in (await run(check, served, str(tmp_path))).stderr


def test_the_installed_program_exits_as_it_says(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text(*ring("a", "b")))
    command = [sys.executable, "-m", "servicegraph", "check"]
    environment = settings.for_child(SERVICEGRAPH_URL="")

    def status(*words: str) -> int:
        ran = subprocess.run(
            [*command, *words], cwd=tmp_path, env=environment, capture_output=True, check=False
        )
        return ran.returncode

    assert [status("a.yaml"), status("a.yaml", "--fail-on", "error"), status("b.yaml")] == [1, 0, 2]
