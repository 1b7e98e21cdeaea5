"""The pipelines of examples/06-ci do what they promise: their steps run in a shell, as far as that needs no code host."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from servicegraph import settings
from support.documents import ROOT
from support.manifests import manifest, text
from support.sarif import Log

CI = ROOT / "examples/06-ci"
BIN = Path(sys.executable).parent
ACTION = yaml.safe_load((CI / "action.yml").read_text())


def shell(folder: Path, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a runner does: bash that stops at the first failure, with our program on its path."""
    ours = settings.for_child()
    known = {"PATH": f"{BIN}:{ours['PATH']}", "HOME": str(folder)} | variables
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True, check=False)


def act(folder: Path, **given: str) -> subprocess.CompletedProcess[str]:
    """Run the steps of the composite action with these inputs; what the last one came to, or the first that failed."""
    inputs = {name: str(one["default"]) for name, one in ACTION["inputs"].items()} | given
    assert given.keys() <= ACTION["inputs"].keys()

    def filled(value: str) -> str:
        return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: inputs[found[1]], value)

    done = None
    for step in ACTION["runs"]["steps"]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "an input in a script could be a script of its own"
        if step.get("if") == "inputs.sarif != ''" and not inputs["sarif"]:
            continue
        variables = {name: filled(value) for name, value in step["env"].items()}
        done = shell(folder, step["run"], GITHUB_STEP_SUMMARY=str(folder / "summary.md"), **variables)
        if done.returncode:
            break
    assert done is not None
    return done


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder `deploy` with a circle."""
    (tmp_path / "deploy").mkdir()
    for one, other in ("ab", "ba"):
        (tmp_path / "deploy" / f"{one}.yaml").write_text(text(manifest(one, other)))
    return tmp_path


def test_the_action_shows_what_it_finds_and_fails(repository: Path) -> None:
    done = act(repository, paths="deploy", sarif="found.sarif")
    assert done.returncode == 1
    assert done.stdout.startswith("::warning file=deploy/a.yaml,line=")
    log = Log.model_validate_json((repository / "found.sarif").read_text())
    assert [one.rule_id for one in log.runs[0].results] == ["SG101"]
    summary = (repository / "summary.md").read_text()
    assert summary.startswith("### What the manifests add to the graph\n```mermaid\nflowchart LR\n")
    assert summary.endswith("```\n")


def test_the_action_passes_where_nothing_is_found_that_counts(repository: Path) -> None:
    assert act(repository, paths="deploy", **{"fail-on": "error"}).returncode == 0
    assert not list(repository.glob("*.sarif"))
    (repository / "deploy" / "b.yaml").unlink()
    (repository / "more files").mkdir()
    assert act(repository, paths="deploy deploy/a.yaml").returncode == 0


def test_the_action_fails_where_something_cannot_be_read(repository: Path) -> None:
    assert act(repository, paths="missing", sarif="found.sarif").returncode == 1
    assert act(repository, paths="missing").returncode != 0


def test_no_input_of_the_action_is_run(repository: Path) -> None:
    act(repository, paths="deploy; touch broken", namespace='$(touch broken)"; touch broken #')
    assert not (repository / "broken").exists()


def test_the_workflow_hands_the_action_inputs_that_it_knows() -> None:
    workflow = yaml.safe_load((CI / "workflow.yml").read_text())
    (step,) = [
        one for one in workflow["jobs"]["check"]["steps"] if "servicegraph-check" in one.get("uses", "")
    ]
    assert step["with"].keys() <= ACTION["inputs"].keys()


def test_the_job_for_gitlab_keeps_a_log_and_fails(repository: Path) -> None:
    job = yaml.safe_load((CI / "gitlab-ci.yml").read_text())["servicegraph:check"]
    script = "\n".join([*job["before_script"], *job["script"]])
    done = shell(repository, script, **job["variables"])
    assert done.returncode == 1
    assert "warning SG101" in done.stdout
    (log,) = job["artifacts"]["paths"]
    Log.model_validate_json((repository / log).read_text())
    assert shell(repository, script, **(job["variables"] | {"FAIL_ON": "error"})).returncode == 0


def test_the_hook_stops_a_commit_that_closes_a_circle(repository: Path) -> None:
    def git(*words: str) -> subprocess.CompletedProcess[str]:
        author = {
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@b",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@b",
        }
        return shell(
            repository, " ".join(("git", *words)), PRE_COMMIT_HOME=str(repository / ".cache"), **author
        )

    shutil.copy(CI / "pre-commit.yml", repository / ".pre-commit-config.yaml")
    closing = (repository / "deploy" / "b.yaml").read_text()
    (repository / "deploy" / "b.yaml").unlink()
    assert (
        git(
            "init",
            "-q",
            "&&",
            "pre-commit",
            "install",
            "&&",
            "git",
            "add",
            "deploy",
            ".pre-commit-config.yaml",
        ).returncode
        == 0
    )
    done = git("commit", "-qm", "one")
    assert done.returncode == 0, done.stderr
    (repository / "deploy" / "b.yaml").write_text(closing)
    done = git("add", "deploy", "&&", "git", "commit", "-qm", "two")
    assert done.returncode == 1
    assert "SG101: closes a circle of 2" in done.stderr


def checked(folder: Path, *words: str) -> Any:
    done = shell(folder, " ".join(("servicegraph check", *words, "--output sarif || true")))
    return json.loads(done.stdout)


def test_a_sarif_log_keeps_to_the_schema_whatever_is_found(tmp_path: Path) -> None:
    odd = tmp_path / "odd ü#?%[x].yaml"
    broken = tmp_path / "broken.yaml"
    odd.write_text(
        text(
            manifest("a", "b", {"name": "c", "mode": "no"}),
            manifest("b", "bb", {"name": "b", "namespace": "default"}),
            manifest("cc", "dd", "ddd"),
            manifest("dd", "cc"),
        ).replace("  name: cc\n", "  name: x\n  name: cc\n", 1)
    )
    broken.write_text("a: [")
    relative = Log.model_validate(checked(tmp_path, "."))
    absolute = Log.model_validate(checked(tmp_path, str(tmp_path), str(broken)))
    for log in (relative, absolute):
        (run,) = log.runs
        rules = [rule.id for rule in run.tool.driver.rules]
        assert {one.rule_id for one in run.results} >= {"SG001", "SG002", "SG005", "SG101", "SG103"}
        assert all(rules[one.rule_index] == one.rule_id for one in run.results)
        assert all(one.locations[0].physical_location.region for one in run.results)
    uris = {one.locations[0].physical_location.artifact_location.uri for one in relative.runs[0].results}
    assert uris == {"odd%20%C3%BC%23%3F%25%5Bx%5D.yaml"}
    assert not absolute.runs[0].invocations[0].execution_successful
    assert Log.model_validate(checked(tmp_path, "/dev/null")).runs[0].results == []
