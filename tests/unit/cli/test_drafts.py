"""Manifests for undeclared calls: legal whatever telemetry shows, and clear about what to do with them."""

from __future__ import annotations

import re
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.cli.drafts import manifests, object_name, undeclared
from servicegraph.model.fields import SECRET_NAME_PATTERN
from servicegraph.model.ids import Kind, ServiceKey, parse_id
from servicegraph.model.observation import DeclaredObject
from servicegraph.model.translate import translate

SEEN = {"name": "otel", "first_seen": "2026-03-04T05:06:07Z", "present": True, "last_seen": None}
OBJECT_NAME = SECRET_NAME_PATTERN  # a DNS subdomain, as all names of objects are


def edge(source: str, target: str, **more: Any) -> dict[str, Any]:
    """A call that is seen, as the server tells it."""
    said = {"mode": "Sync", "requirement": None, "confidence": 0.85, "providers": [SEEN]}
    return {"source": source, "target": target, **said, **more}


def written(*edges: dict[str, Any], **more: Any) -> str:
    calls: dict[str, list[dict[str, Any]]] = {}
    for one in edges:
        calls.setdefault(one["source"], []).append(one)
    return manifests(calls, more.pop("objects", {}), more.pop("discovered", set(calls)), **more)


def objects_of(text: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(text) if one is not None]


def declared(body: dict[str, Any]) -> DeclaredObject:
    """What the operator makes of the object, once Kubernetes has stored it."""
    meta = {"uid": "u", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z", **body["metadata"]}
    found = translate({**body, "metadata": meta})
    assert isinstance(found, DeclaredObject), found
    return found


def test_a_manifest_says_what_was_seen_since_when_and_what_to_decide() -> None:
    text = written(
        edge("shop/checkout", "shop/payment"),
        edge("shop/checkout", "infra/orders:datastore"),
        edge("shop/checkout", "-/api.stripe.com:external"),
        edge("shop/checkout", "shop/mail", mode="Async"),
    )
    assert text == (
        "# Calls by shop/checkout that are seen and not declared.\n"
        "apiVersion: servicegraph.dev/v1alpha1\n"
        "kind: ServiceDependency\n"
        "metadata:\n"
        "  name: checkout\n"
        "  namespace: shop\n"
        "spec:\n"
        "  service:\n"
        "    name: checkout\n"
        "  dependencies:\n"
        "    # seen by otel since 2026-03-04T05:06:07Z, confidence 0.85\n"
        "    - name: payment\n"
        "      mode: Sync\n"
        "      requirement: Soft  # or Hard, if the service fails without it\n"
        "    # seen by otel since 2026-03-04T05:06:07Z, confidence 0.85\n"
        "    - name: orders\n"
        "      namespace: infra\n"
        "      kind: Datastore\n"
        "      mode: Sync\n"
        "      requirement: Soft  # or Hard, if the service fails without it\n"
        "    # seen by otel since 2026-03-04T05:06:07Z, confidence 0.85\n"
        "    - name: api.stripe.com\n"
        "      kind: External\n"
        "      mode: Sync\n"
        "      requirement: Soft  # or Hard, if the service fails without it\n"
        "    # seen by otel since 2026-03-04T05:06:07Z, confidence 0.85\n"
        "    - name: mail\n"
        "      mode: Async\n"
        "      requirement: Soft  # or Hard, if the service fails without it\n"
    )


def test_a_service_with_an_object_is_to_be_merged_into_that() -> None:
    text = written(
        edge("shop/checkout", "shop/payment"), objects={"shop/checkout": ["shop/till"]}, discovered=set()
    )
    assert "ServiceDependency shop/till declares calls of it already: add these entries" in text
    (body,) = objects_of(text)
    assert body["metadata"]["name"] == "till"


def test_a_service_that_something_is_about_already_says_so() -> None:
    text = written(edge("shop/checkout", "shop/payment"), discovered=set())
    assert "An object or an API record is about it already" in text


def test_the_opposite_of_what_is_declared_asks_which_is_right() -> None:
    text = written(edge("shop/a", "shop/b"), swapped={("shop/a", "shop/b")})
    assert "# shop/b declares the opposite, which is not seen: is that the wrong way round?" in text


def test_what_no_object_can_declare_is_told_in_a_comment() -> None:
    text = written(
        edge("shop/checkout", "-/somewhere"),
        edge("shop/checkout", "shop/payment"),
        edge("shop/checkout", "shop/far@east"),
        edge("shop/checkout", "shop/a%20b"),
        edge("shop/odd%20name", "shop/payment"),
        edge("-/nowhere", "shop/payment"),
    )
    (body,) = objects_of(text)
    assert [one["name"] for one in body["spec"]["dependencies"]] == ["payment"]
    assert "# Not written: the call to -/somewhere: telemetry does not say in which namespace it is" in text
    assert (
        "# Not written: the call to shop/far@east: no object can declare calls from or into another" in text
    )
    assert "# Not written: the call to shop/a%20b: it.name: 'a b' cannot be used" in text
    assert "# Not written: calls by shop/odd%20name: it.name: 'odd name' cannot be used" in text
    assert "# Not written: calls by -/nowhere: telemetry does not say" in text


def test_more_calls_than_an_object_holds_make_several() -> None:
    text = written(*(edge("shop/hub", f"shop/s{at:03}") for at in range(300)))
    found = [declared(body) for body in objects_of(text)]
    assert [len(one.observations) for one in found] == [256, 44]
    assert len({one.name for one in found}) == 2


def test_undeclared_calls_are_those_of_the_asked_sources_and_of_swapped_declarations() -> None:
    document = {
        "observed_only": [edge("shop/b", "shop/c"), edge("infra/x", "shop/b")],
        "swapped": [{"declared": edge("shop/b", "shop/a"), "observed": edge("shop/a", "shop/b")}],
    }
    found = undeclared(document, {"shop/a", "shop/b"})
    assert {source: [one["target"] for one in edges] for source, edges in found.items()} == {
        "shop/a": ["shop/b"],
        "shop/b": ["shop/c"],
    }


names = st.text(st.sampled_from("aZ09-._/ :@%\n\0ßé\u2028#\"'{"), min_size=1, max_size=8) | st.sampled_from(
    ["null", "true", "1e3", "0x1f", "a" * 253, "b" * 254, "On", "1.0", "2026-01-01"]
)
services = st.builds(
    ServiceKey,
    st.sampled_from(["", "", "", "east"]),
    st.sampled_from(["", "shop", "infra", "0123", "Bad_Space", "a" * 64]),
    names,
    st.sampled_from([str(kind) for kind in Kind]),
)


@given(st.lists(st.tuples(services, services), max_size=12, unique=True))
def test_whatever_telemetry_shows_the_manifests_declare_nothing_else_and_are_legal(
    pairs: list[tuple[ServiceKey, ServiceKey]],
) -> None:
    pairs = [(source, target) for source, target in pairs if source != target]
    text = written(*(edge(str(source), str(target)) for source, target in pairs))
    found = [declared(body) for body in objects_of(text)]
    said = {(one.source, one.target) for each in found for one in each.observations}
    assert said <= set(pairs)
    left_out = len(pairs) - len(said)
    assert (text.count("Not written") > 0) == (left_out > 0)
    assert len({(one.namespace, one.name) for one in found}) == len(found)
    assert all(re.fullmatch(OBJECT_NAME.strip("^$"), one.name) for one in found)
    assert all(one.namespace == one.statement.service.namespace for one in found)


@given(st.lists(names, min_size=1, max_size=6))
def test_names_of_objects_are_legal_and_each_is_given_once(some: list[str]) -> None:
    taken: set[str] = set()
    for name in some:
        found = object_name(ServiceKey("", "shop", name, "Service"), taken)
        assert re.fullmatch(OBJECT_NAME.strip("^$"), found)
        assert ".." not in found
        assert "-." not in found
        assert ".-" not in found
        assert f"shop/{found}" not in taken
        taken.add(f"shop/{found}")


def test_the_object_about_a_datastore_does_not_take_the_name_of_the_service() -> None:
    assert object_name(parse_id("shop/cart"), set()) == "cart"
    assert object_name(parse_id("shop/cart:datastore"), set()) == "cart-datastore"
    assert object_name(parse_id("shop/Cart_V2"), set()) == "cart-v2"
