"""Any name there can be is found under its percent-encoded path, and its printed id leads back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from servicegraph.graph.columns import Node
from servicegraph.model.ids import Kind, ServiceKey, parse_id
from support import shop
from support.serving import serving

if TYPE_CHECKING:
    from support.serving import Serving

_names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
_odd = st.sampled_from(
    ["a/b", "%2F", "%25", "%252F", "..", ".", "a b", "?", "#", "a:b@c", "{x}", "\x00", "-", "ü", "+"]
)
_keys = st.builds(
    ServiceKey,
    st.just(""),
    (_names | _odd).filter(lambda space: space != "-"),
    _names | _odd,
    st.sampled_from(list(Kind)),
)


@settings(max_examples=40)
@given(st.lists(_keys, min_size=1, max_size=10, unique=True))
async def test_every_name_is_found_under_its_percent_encoded_path(keys: list[ServiceKey]) -> None:
    async with serving(shop.snapshot(facts=(), nodes=[Node(key, stated=True) for key in keys])) as server:
        for key in keys:
            document = await server.document(
                f"/api/v1/services/{quote(key.namespace, safe='')}/{quote(key.name, safe='')}?kind={key.kind}"
            )
            assert parse_id(document["id"]) == key
            assert (document["namespace"], document["name"], document["kind"]) == key[1:]
            await _is_found_by_id(server, document["id"])


async def _is_found_by_id(server: Serving, printed: str) -> None:
    """The parts of a printed id are themselves what a path takes, once non-ASCII is encoded."""
    path, _, kind = printed.partition(":")
    namespace, _, name = path.partition("/")
    safe = "%!$&'()*+,;="
    found = await server.document(
        f"/api/v1/services/{quote(namespace, safe=safe)}/{quote(name, safe=safe)}?kind={kind or 'Service'}"
    )
    assert found["id"] == printed


async def test_a_printed_id_in_the_place_of_a_name_is_told_how_a_path_says_it() -> None:
    async with serving(shop.snapshot()) as server:
        for name, instead in (
            ("orders:datastore", "write 'orders?kind=Datastore'"),
            ("orders:datastore@east", "write 'orders?kind=Datastore&cluster=east'"),
            ("checkout@east", "write 'checkout?cluster=east'"),
        ):
            answer = await server.get(f"/api/v1/services/shop/{quote(name, safe='')}")
            assert answer.status == 404
            assert instead in answer.json["detail"]
