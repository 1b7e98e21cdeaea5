"""Which name that sends no spans is an External that somebody declares."""

from __future__ import annotations

import pytest

from servicegraph.ingest.declared import Declared
from servicegraph.ingest.resolve import Resolver
from servicegraph.ingest.sighting import Sighting
from servicegraph.model.ids import parse_id
from servicegraph.model.telemetry import Connection, RawCall, Source, VirtualEnd

DB, VIRTUAL, SERVER = Connection.DATABASE, Connection.VIRTUAL, VirtualEnd.SERVER
OTEL = Source("otel", "http://prometheus", "OTelCollector", "q", 300.0)

OUTSIDE_PLACES = {
    "a neighbour is declared to call it": ([("shop", "llm")], (), "-/llm:external"),
    "only somebody elsewhere is": ([("bank", "llm")], (), "shop/llm"),
    "what is declared in the place comes first": ([("shop", "llm")], ("shop/llm",), "shop/llm"),
}


@pytest.mark.parametrize(("outside", "nodes", "target"), OUTSIDE_PLACES.values(), ids=OUTSIDE_PLACES)
def test_what_sends_no_spans_is_the_external_that_is_declared_to_be_called_from_there(
    outside: list[tuple[str, str]], nodes: tuple[str, ...], target: str
) -> None:
    declared = Declared(map(parse_id, ("-/llm:external", *nodes)), outside)
    call = RawCall("app", "llm:443", "shop", "", VIRTUAL, SERVER)
    found = Resolver(OTEL, declared).sighting(call)
    assert isinstance(found, Sighting)
    assert str(found.target) == target


def test_an_external_of_a_caller_that_is_found_by_name_is_found_too() -> None:
    nodes = map(parse_id, ("shop/checkout", "-/postgres:external"))
    resolver = Resolver(OTEL, Declared(nodes, [("shop", "postgres")]))
    for call in (
        RawCall("checkout", "postgres", connection=DB),
        RawCall("checkout", "postgres", virtual=SERVER),
    ):
        found = resolver.sighting(call)
        assert isinstance(found, Sighting)
        assert str(found.target) == "-/postgres:external"
