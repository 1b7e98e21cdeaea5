"""`servicegraph graph` against a real server: what people read, and what they are told when it does not work."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from servicegraph.cli.graph import graph
from servicegraph.local import ports
from servicegraph.model.ports import Freshness
from support.keyed import KEY

if TYPE_CHECKING:
    from support.serving import Serving


async def run(url: str, *words: str, key: str = KEY) -> Result:
    """Run the command in a thread, as the server lives in this one."""
    environment = {"SERVICEGRAPH_URL": url, "SERVICEGRAPH_API_KEY": key, "COLUMNS": "40", "FORCE_COLOR": None}
    return await asyncio.to_thread(CliRunner().invoke, graph, words, env=environment)


async def shown(served: Serving, *words: str) -> str:
    result = await run(served.url, *words)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


async def test_the_tree_shows_what_a_service_depends_on(served: Serving) -> None:
    assert await shown(served, "shop/frontend") == (
        "shop/frontend depends on\n"
        "└── shop/checkout  gRPC · Hard\n"
        "    ├── shop/cache:datastore  api, confidence 0.90\n"
        "    ├── shop/events:queue  Soft · Async\n"
        "    ├── shop/orders:datastore  SQL · Hard\n"
        "    └── shop/payment  gRPC · Hard\n"
        "        ├── -/api.stripe.com:external  HTTP · Hard\n"
        "        └── shop/checkout  discovered, confidence 0.85  ↺ a circle, back to above\n"
    )


async def test_the_tree_shows_who_depends_on_a_service(served: Serving) -> None:
    text = await shown(served, "shop/orders:datastore", "--direction", "upstream", "--depth", "2")
    assert text == (
        "shop/orders:datastore is needed by\n"
        "└── shop/checkout  SQL · Hard\n"
        "    ├── shop/frontend  gRPC · Hard\n"
        "    └── shop/payment  discovered, confidence 0.85\n"
        "        └── shop/checkout  gRPC · Hard  ↺ a circle, back to above\n"
    )


async def test_both_directions_are_two_trees(served: Serving) -> None:
    text = await shown(served, "shop/frontend", "--direction", "both", "--depth", "1")
    assert text == (
        "shop/frontend depends on\n"
        "└── shop/checkout  gRPC · Hard\n"
        "\n"
        "shop/frontend is needed by nothing that is known\n"
    )


async def test_a_kind_is_written_in_the_id_or_as_an_option(served: Serving) -> None:
    named = await shown(served, "shop/cache:datastore", "--direction", "upstream")
    assert named == await shown(served, "shop/cache", "--kind", "datastore", "--direction", "upstream")
    assert named.startswith("shop/cache:datastore is needed by\n")
    assert (await shown(served, "shop/orders")).startswith("shop/orders:datastore depends on nothing")


@pytest.mark.parametrize("form", ["mermaid", "dot"])
async def test_pictures_are_the_servers_own(served: Serving, form: str) -> None:
    reply = await served.get(f"/api/v1/services/shop/frontend/dependencies?format={form}")
    assert await shown(served, "shop/frontend", "--format", form) == reply.body.decode()


async def test_json_is_the_servers_document(served: Serving) -> None:
    text = await shown(served, "shop/frontend", "--format", "json", "--direction", "both")
    path = "/api/v1/services/shop/frontend/dependencies?direction=both"
    assert json.loads(text) == await served.document(path)


async def test_an_error_of_the_server_is_its_detail(served: Serving) -> None:
    result = await run(served.url, "shop/chekout")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: no service 'shop/chekout' is known; did you mean shop/checkout")


async def test_a_graph_that_lags_behind_says_how_old_it_is_beside_the_tree(served: Serving) -> None:
    served.reader.fresh = Freshness(stale=True, age=42.0)
    result = await run(served.url, "shop/frontend")
    assert result.exit_code == 0
    assert "shop/checkout" in result.stdout
    assert "42 s" in result.stderr


async def test_a_server_that_is_not_there_is_named(unused_url: str) -> None:
    result = await run(unused_url, "shop/frontend")
    assert result.exit_code == 1
    assert f"no answer from {unused_url}" in result.stderr


async def test_without_a_server_to_ask_the_way_to_one_is_shown() -> None:
    result = await run("", "shop/frontend")
    assert result.exit_code == 1
    assert 'eval "$(servicegraph local env)"' in result.stderr


async def test_without_a_key_the_way_to_one_is_shown(served: Serving) -> None:
    result = await run(served.url, "shop/frontend", key="")
    assert result.exit_code == 1
    assert "servicegraph api-keys create" in result.stderr
    assert "SERVICEGRAPH_API_KEY holds, and that is not set" in result.stderr


@pytest.mark.parametrize("key", [KEY[:-1], f"{KEY}\n{KEY}", "secret"], ids=["cut", "twice", "another"])
async def test_what_is_no_key_is_neither_sent_nor_shown(served: Serving, key: str) -> None:
    result = await run(served.url, "shop/frontend", key=key)
    assert result.exit_code == 1
    assert "SERVICEGRAPH_API_KEY holds no key" in result.stderr
    assert key not in result.output
    assert not served.ring.uses


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://localhost", "http://", "http://localhost:port"])
async def test_an_address_that_is_none_is_told_what_one_looks_like(url: str) -> None:
    result = await run(url, "shop/frontend")
    assert result.exit_code == 1
    assert "http://host:port" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["checkout"],
        ["shop/checkout:pod"],
        ["shop/checkout", "--depth", "51"],
        ["shop/checkout", "--depth", "abc"],
        ["shop/checkout", "--format", "csv"],
        ["shop/checkout", "--direction", "sideways"],
        [],
    ],
)
async def test_wrong_usage_is_exit_status_2(served: Serving, words: list[str]) -> None:
    result = await run(served.url, *words)
    assert result.exit_code == 2
    assert "Error:" in result.stderr


async def test_help_teaches_by_example() -> None:
    result = await run("", "--help")
    assert result.exit_code == 0
    assert "servicegraph graph shop/orders:datastore --direction upstream" in result.stdout


@pytest.fixture
def unused_url() -> str:
    """The address of a port on which nobody listens."""
    return f"http://127.0.0.1:{ports.free()}"
