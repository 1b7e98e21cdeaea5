"""`servicegraph drift`, `explain` and `generate` against a real server."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import yaml

from servicegraph.cli.drift import drift, tables
from servicegraph.cli.explain import explain
from servicegraph.cli.generate import generate
from servicegraph.graph.columns import Node
from servicegraph.graph.snapshot import build
from servicegraph.model.ids import parse_id
from servicegraph.model.ports import Freshness
from servicegraph.model.records import EdgeRecord, ObjectRecord, ObservationRecord, ProviderRecord
from servicegraph.model.vocabulary import Evidence, Mode, Requirement
from support import shop
from support.commands import run
from support.graphs import PROTOCOLS, PROVIDERS, columns
from support.serving import HeldRecords, serving

if TYPE_CHECKING:
    from servicegraph.graph.snapshot import Snapshot
    from support.serving import Serving

MINUTE = datetime(1970, 1, 1, 0, 1, 1, tzinfo=UTC)
"""A minute after the tests' facts were first seen."""


def busy_shop() -> Snapshot:
    """The shop, with two calls that nobody declares: one by a known service, one by a discovered one."""
    nodes = [*shop.NODES, Node(parse_id("shop/payments")), Node(parse_id("shop/worker"))]
    place = {str(node.key): at for at, node in enumerate(nodes)}
    calls = [("shop/checkout", "shop/payments"), ("shop/worker", "shop/orders:datastore")]
    facts = [shop.SEEN._replace(source=place[source], target=place[target]) for source, target in calls]
    return build(shop.later(), nodes, PROVIDERS, PROTOCOLS, columns([*shop.FACTS, *facts]))


async def test_drift_is_a_table_of_calls_and_one_of_names(served: Serving) -> None:
    served.reader.snapshot = busy_shop()
    result = await run(drift, served)
    assert (result.exit_code, result.stderr) == (0, "1 call is both declared and seen.\n")
    edges, names = result.stdout.split("\n\n")
    heads, *lines = edges.splitlines()
    assert heads.split()[0] == "DRIFT"
    cells = [[word.strip() for word in line.split("   ") if word.strip()] for line in lines]
    assert [row[:4] for row in cells] == [
        ["swapped?", "shop/checkout", "shop/payment", "otel"],
        ["never seen", "shop/checkout", "shop/orders:datastore", "-"],
        ["never seen", "shop/payment", "-/api.stripe.com:external", "-"],
        ["not declared", "shop/checkout", "shop/payments", "otel"],
        ["not declared", "shop/worker", "shop/orders:datastore", "otel"],
    ]
    assert cells[1][4:] == ["-", "-"]
    assert cells[3][5] == "0.85"
    assert names == "NAME            MAY BE MEANT FOR\nshop/payments   shop/payment\n"


async def test_the_age_of_a_call_is_that_of_its_first_sight(served: Serving) -> None:
    document = await served.document("/api/v1/drift")
    assert "1m" in tables(document, MINUTE)[0]


async def test_drift_as_json_is_the_answer_of_the_server(served: Serving) -> None:
    result = await run(drift, served, "--namespace", "shop", "--team", "web", "-o", "json")
    assert json.loads(result.stdout) == await served.document("/api/v1/drift?namespace=shop&team=web")


async def test_where_nothing_drifts_only_that_is_said(served: Serving) -> None:
    served.reader.fresh = Freshness(stale=True, age=42.0)
    result = await run(drift, served, "--namespace", "infra")
    assert result.stdout == ""
    assert "No call is both declared and seen." in result.stderr
    assert "42 s" in result.stderr


async def test_an_explanation_reads_like_one() -> None:
    declared = ObservationRecord(
        "declared",
        "declared",
        Evidence.DECLARED,
        MINUTE,
        protocol="gRPC",
        mode=Mode.SYNC,
        requirement=Requirement.HARD,
        object=ObjectRecord("shop", "checkout", 3),
    )
    seen = ObservationRecord(
        "otel",
        "http://prometheus",
        Evidence.BOTH_ENDS,
        MINUTE,
        raw={"client": "checkout", "server": "payment"},
        rules=("label", "same name"),
    )
    otel = ProviderRecord("otel", "http://prometheus", "OTelCollector", "count_over_time(calls[15m])")
    record = EdgeRecord(7, (declared, seen), providers=(otel,))
    records = HeldRecords({("shop/checkout", "shop/payment"): record})
    async with serving(shop.snapshot(), records) as served:
        result = await run(explain, served, "shop/checkout", "shop/payment")
        as_json = await run(explain, served, "shop/checkout", "shop/payment", "--output", "json")
        answer = await served.document("/api/v1/edges/explain?source=shop/checkout&target=shop/payment")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "shop/checkout → shop/payment: gRPC, Sync, Hard, confidence 0.99"
    assert lines[1].startswith(
        "  - ServiceDependency shop/checkout, generation 3, declares it since 1970-01-01"
    )
    assert lines[2].startswith(
        "  - otel shows calls of checkout to payment since 1970-01-01T00:01:01Z: both ends seen"
    )
    assert lines[-2:] == ["Names read by: label, same name", "PromQL: count_over_time(calls[15m])"]
    assert json.loads(as_json.stdout) == answer


async def test_a_call_that_is_not_there_is_explained_too(served: Serving) -> None:
    result = await run(explain, served, "shop/frontend", "shop/orders")
    lines = result.stdout.splitlines()
    assert lines[0] == "shop/frontend → shop/orders:datastore: not in the graph"
    assert lines[1] == "  - nothing says that shop/frontend calls shop/orders:datastore"


async def test_who_cannot_be_explained_is_exit_status_1_or_2(served: Serving) -> None:
    unknown = await run(explain, served, "shop/checkout", "shop/paymnet")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert "did you mean shop/payment?" in unknown.stderr
    no_id = await run(explain, served, "checkout", "shop/payment")
    assert no_id.exit_code == 2
    assert "write namespace/name" in no_id.stderr


async def test_manifests_are_generated_for_undeclared_calls(served: Serving) -> None:
    served.reader.snapshot = busy_shop()
    result = await run(generate, served, "--namespace", "shop")
    assert result.exit_code == 0
    assert result.stderr == "3 calls seen and not declared, by 3 of 9 services.\n"
    found = {
        body["metadata"]["name"]: [(one["name"], one.get("kind")) for one in body["spec"]["dependencies"]]
        for body in yaml.safe_load_all(result.stdout)
    }
    assert found == {
        "checkout": [("payments", None)],
        "payment": [("checkout", None)],
        "worker": [("orders", "Datastore")],
    }
    assert "# shop/checkout declares the opposite, which is not seen" in result.stdout


async def test_manifests_are_those_of_one_team(served: Serving) -> None:
    served.reader.snapshot = busy_shop()
    result = await run(generate, served, "-n", "shop", "--team", "payments")
    assert [one["metadata"]["name"] for one in yaml.safe_load_all(result.stdout)] == ["checkout", "payment"]


async def test_nothing_to_declare_is_said(served: Serving) -> None:
    result = await run(generate, served, "-n", "infra")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "Nothing to write: every call that is seen is declared.\n"
