from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.ingest.declared import Declared
from servicegraph.ingest.resolve import SELF_CALL, UNREADABLE, Resolver, resolve
from servicegraph.ingest.sighting import Sighting, is_unplaced
from servicegraph.model.ids import parse_id
from servicegraph.model.telemetry import NEVER_A_SERVICE, Connection, RawCall, Source, VirtualEnd
from servicegraph.model.vocabulary import Evidence, Mode

if TYPE_CHECKING:
    from random import Random

DB, VIRTUAL, MESSAGE = Connection.DATABASE, Connection.VIRTUAL, Connection.MESSAGING
CLIENT, SERVER = VirtualEnd.CLIENT, VirtualEnd.SERVER


def source(**said: Any) -> Source:
    return Source("otel", "http://prometheus", "OTelCollector", "q", 300.0, **said)


def seen(call: RawCall, *declared: str, **said: Any) -> Sighting:
    found = Resolver(source(**said), Declared(map(parse_id, declared))).sighting(call)
    assert isinstance(found, Sighting)
    return found


def ends(call: RawCall, *declared: str, **said: Any) -> tuple[str, str]:
    found = seen(call, *declared, **said)
    return str(found.source), str(found.target)


PLACES = {
    "labels say where both are": (RawCall("a", "b", "shop", "bank"), (), {}, ("shop/a", "bank/b")),
    "a label counts before a host name": (
        RawCall("a", "b.shop.svc", "shop", "bank"),
        (),
        {},
        ("shop/a", "bank/b.shop.svc"),
    ),
    "a host name counts before the default": (
        RawCall("a", "redis.cache.svc.cluster.local:6379", "shop", "", VIRTUAL, SERVER),
        (),
        {"default_namespace": "web"},
        ("shop/a", "cache/redis"),
    ),
    "a host name may name a pod": (
        RawCall("a", "redis-0.redis.cache.svc", "shop", "", VIRTUAL, SERVER),
        (),
        {},
        ("shop/a", "cache/redis"),
    ),
    "the default counts before the caller": (
        RawCall("a", "redis", "shop", "", VIRTUAL, SERVER),
        (),
        {"default_namespace": "web"},
        ("shop/a", "web/redis"),
    ),
    "what is called belongs to its caller": (
        RawCall("a", "redis", "shop", "", VIRTUAL, SERVER),
        ("bank/redis",),
        {},
        ("shop/a", "shop/redis"),
    ),
    "a database belongs to its caller": (
        RawCall("a", "otel", "shop", "", DB),
        (),
        {},
        ("shop/a", "shop/otel:datastore"),
    ),
    "who calls belongs to what it calls": (
        RawCall("gate", "a", "", "shop", VIRTUAL, CLIENT),
        (),
        {},
        ("shop/gate", "shop/a"),
    ),
    "without any namespace the only declared one counts": (
        RawCall("a", "b"),
        ("shop/a", "bank/b", "web/b"),
        {},
        ("shop/a", "-/b"),
    ),
    "two kinds in one place are one place": (
        RawCall("a", "sso"),
        ("shop/sso", "shop/sso:datastore"),
        {},
        ("-/a", "shop/sso"),
    ),
    "a database is looked for among data stores": (
        RawCall("a", "sso", connection=DB),
        ("shop/sso", "bank/sso:datastore"),
        {},
        ("-/a", "bank/sso:datastore"),
    ),
    "a database without a place": (RawCall("a", "sso", connection=DB), ("shop/sso",), {}, ("-/a", "-/sso:datastore")),
    "an external is the only one declared": (
        RawCall("a", "stripe", virtual=SERVER),
        ("-/stripe:external",),
        {},
        ("-/a", "-/stripe:external"),
    ),
    "an external is in no place that would count for others": (
        RawCall("web", "redis"), ("-/redis:external",), {}, ("-/web", "-/redis"),
    ),
    "nor does it keep the only place from counting": (
        RawCall("web", "redis"), ("-/redis:external", "shop/redis"), {}, ("-/web", "shop/redis"),
    ),
    "what is called belongs where its caller is found by name": (
        RawCall("checkout", "redis", connection=VIRTUAL, virtual=SERVER),
        ("shop/checkout",),
        {},
        ("shop/checkout", "shop/redis"),
    ),
    "so does a database": (
        RawCall("checkout", "sso", connection=DB), ("shop/checkout",), {}, ("shop/checkout", "shop/sso:datastore"),
    ),
    "what sends spans does not follow a caller that is found by name": (
        RawCall("checkout", "pay"), ("shop/checkout", "bank/pay"), {}, ("shop/checkout", "bank/pay"),
    ),
    "a short host of the cluster is where it says, if it is declared there": (
        RawCall("a", "redis.cache:6379", "shop", "", VIRTUAL, SERVER), ("cache/redis",), {}, ("shop/a", "cache/redis"),
    ),
    "a short host may call": (
        RawCall("gate.web", "a", "", "shop", VIRTUAL, CLIENT), ("web/gate",), {}, ("web/gate", "shop/a"),
    ),
    "another cluster's names are its own": (
        RawCall("a", "b", "shop", "shop"),
        (),
        {"cluster": "east"},
        ("shop/a@east", "shop/b@east"),
    ),
}  # fmt: skip
KINDS = {
    "a dotted name outside is external": (
        RawCall("a", "api.stripe.com:443", "shop", "", VIRTUAL, SERVER),
        (),
        "-/api.stripe.com:external",
    ),
    "also where there is no namespace at all": (
        RawCall("a", "api.stripe.com", connection=VIRTUAL, virtual=SERVER),
        (),
        "-/api.stripe.com:external",
    ),
    "unless it is declared in that place": (
        RawCall("a", "db.prod", "shop", "", DB),
        ("shop/db.prod:datastore",),
        "shop/db.prod:datastore",
    ),
    "a short host that nobody declares may be anybody's": (
        RawCall("a", "redis.cache", "shop", "", VIRTUAL, SERVER),
        ("cache/other", "bank/redis"),
        "-/redis.cache:external",
    ),
    "a dotted database is its caller's": (
        RawCall("a", "sales.orders", "shop", "", DB),
        ("-/sales.orders:external", "orders/sales"),
        "shop/sales.orders:datastore",
    ),
    "a dotted service that sends spans is a service": (
        RawCall("a", "com.acme.orders", "shop"),
        (),
        "shop/com.acme.orders",
    ),
    "a cache declared as data store is one": (
        RawCall("a", "redis", "shop", "", VIRTUAL, SERVER),
        ("shop/redis:datastore",),
        "shop/redis:datastore",
    ),
    "a service counts before other kinds": (
        RawCall("a", "redis", "shop", "", VIRTUAL, SERVER),
        ("shop/redis:datastore", "shop/redis"),
        "shop/redis",
    ),
    "two other kinds decide nothing": (
        RawCall("a", "x", "shop", "shop"),
        ("shop/x:datastore", "shop/x:queue"),
        "shop/x",
    ),
    "the kind of another place decides nothing": (
        RawCall("a", "redis", "shop", "", VIRTUAL, SERVER),
        ("bank/redis:datastore",),
        "shop/redis",
    ),
    "a database is a data store whatever is declared": (
        RawCall("a", "sso", "shop", "", DB),
        ("shop/sso",),
        "shop/sso:datastore",
    ),
    "a port is no part of a name that others give": (
        RawCall("a", "redis:6379", "shop", "", VIRTUAL, SERVER),
        (),
        "shop/redis",
    ),
    "what looks like structure is spelled out": (RawCall("a", "x/y:z@w", "shop", "shop"), (), "shop/x%2Fy%3Az%40w"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "declared", "said", "expected"), PLACES.values(), ids=PLACES)
def test_an_end_belongs(
    call: RawCall, declared: tuple[str, ...], said: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert ends(call, *declared, **said) == expected


@pytest.mark.parametrize(("call", "declared", "expected"), KINDS.values(), ids=KINDS)
def test_a_kind_is_told(call: RawCall, declared: tuple[str, ...], expected: str) -> None:
    assert ends(call, *declared)[1] == expected


@pytest.mark.parametrize(
    ("name", "declared", "expected"),
    [
        ("api-7d4b9c5f6b-x2x7k", (), "api"),
        ("api-7d4b9c5f-x2x7k", (), "api"),
        ("report-29400123-zz4kl", (), "report"),
        ("report-29400123", (), "report"),
        ("report-20260131", (), "report-20260131"),
        ("report-20260131-zz4kl", (), "report"),
        ("api-x2x7k", (), "api-x2x7k"),
        ("api-x2x7k", ("bank/api",), "api-x2x7k"),
        ("api-x2x7k", ("shop/api",), "api"),
        ("api-x2x7k", ("shop/api:queue",), "api:queue"),
        ("api-x2x7k", ("shop/api", "shop/api-x2x7k"), "api-x2x7k"),
        ("api-7d4b9c5f6b-x2x7k", ("shop/api-7d4b9c5f6b-x2x7k",), "api-7d4b9c5f6b-x2x7k"),
        ("api-x2x7", ("shop/api",), "api-x2x7"),
        ("api-abcde", ("shop/api",), "api-abcde"),
        ("api-7d4b9c5f6bb-x2x7k", (), "api-7d4b9c5f6bb-x2x7k"),
        ("api-7d4b9c5-x2x7k", (), "api-7d4b9c5-x2x7k"),
        ("7d4b9c5f6b-x2x7k", (), "7d4b9c5f6b-x2x7k"),
    ],
)
def test_only_ends_that_kubernetes_makes_at_random_are_taken_off(
    name: str, declared: tuple[str, ...], expected: str
) -> None:
    assert ends(RawCall("a", name, "shop", "shop"), *declared)[1] == f"shop/{expected}"
    assert ends(RawCall(name, "b", "shop", "shop"), *declared)[0] == f"shop/{expected}"


@pytest.mark.parametrize(
    "name",
    [
        *sorted(NEVER_A_SERVICE),
        "localhost:8080",
        "unknown_service:java",
        "unknown_service:/usr/bin/node",
        "ip-10-1-2-3",
        "ip-10-1-2-3.eu-west-1.compute.internal:8080",
        "10-1-2-3.shop.pod.cluster.local",
        "2001-db8--1.shop.pod",
        "10.1.2.3",
        "10.1.2.3:5432",
        "::1",
        "[::1]",
        "[2001:db8::1]:443",
        "fe80::1%eth0",
        "probe",
    ],
)
def test_names_that_name_no_service_are_quarantined_at_either_end(name: str) -> None:
    quarantine = NEVER_A_SERVICE | {"probe"}
    called = seen(RawCall("a", name, "shop", "", VIRTUAL, SERVER), quarantine=quarantine)
    calling = seen(RawCall(name, "a", "", "shop", VIRTUAL, CLIENT), quarantine=quarantine)
    assert called.quarantined
    assert calling.quarantined
    for one in (*called[1:3], *calling[1:3]):
        assert parse_id(str(one)) == one


def test_user_is_quarantined_only_where_that_end_is_virtual() -> None:
    assert seen(RawCall("user", "a", "", "shop", VIRTUAL, CLIENT)).quarantined
    assert not seen(RawCall("user", "consul", "shop", "", VIRTUAL, SERVER)).quarantined
    assert not seen(RawCall("a", "user", "shop", "shop")).quarantined
    assert not seen(RawCall("user", "a", "shop", "shop")).quarantined


def test_a_host_from_outside_that_calls_is_quarantined_and_no_external() -> None:
    stranger = RawCall("shop.example.com:443", "a", "", "shop", VIRTUAL, CLIENT)
    assert seen(stranger).quarantined
    assert ends(stranger)[0] == "shop/shop.example.com"
    assert resolve(source(), Declared(()), [stranger]).nobodies == {"shop.example.com:443"}
    assert not seen(stranger, "shop/shop.example.com").quarantined
    assert not seen(RawCall("gate.web.svc", "a", "", "shop", VIRTUAL, CLIENT)).quarantined
    assert not seen(RawCall("com.acme.orders", "a", "", "shop")).quarantined
    assert not seen(RawCall("unknown_services", "a", "shop", "shop")).quarantined


def test_evidence_and_mode_follow_from_how_the_ends_are_joined() -> None:
    told = {
        call: (seen(call).evidence, seen(call).mode)
        for call in (
            RawCall("a", "b"),
            RawCall("a", "b", connection=MESSAGE),
            RawCall("a", "b", connection=DB),
            RawCall("a", "b", connection=VIRTUAL),
            RawCall("a", "b", virtual=CLIENT),
        )
    }
    assert list(told.values()) == [
        (Evidence.BOTH_ENDS, Mode.SYNC),
        (Evidence.BOTH_ENDS, Mode.ASYNC),
        (Evidence.ONE_END, Mode.SYNC),
        (Evidence.ONE_END, Mode.SYNC),
        (Evidence.ONE_END, Mode.SYNC),
    ]


def test_calls_to_itself_and_names_that_cannot_be_stored_are_dropped_and_counted() -> None:
    calls = [
        RawCall("a", "a", "shop", "shop"),
        RawCall("a-29400123-zz4kl", "a", "shop", "shop"),
        RawCall("sso", "sso", "shop", "", DB),
        RawCall("a\x00", "b"),
        RawCall("a", "b\ud800"),
        RawCall("a\x1f", "b"),
        RawCall("", "b"),
    ]
    resolved = resolve(source(), Declared(()), calls)
    assert resolved.dropped == {SELF_CALL: 2, UNREADABLE: 4}
    assert [str(one.target) for one in resolved.sightings.values()] == ["shop/sso:datastore"]


def test_the_rules_that_were_applied_are_named_for_each_end() -> None:
    call = RawCall("a-29400123-zz4kl", "redis:6379", "shop", "", VIRTUAL, SERVER)
    assert seen(call, "shop/redis:datastore").rules == (
        "client: namespace by its label",
        "client: without the random end of a pod's name",
        "server: without its port",
        "server: namespace of the other end",
        "server: kind as declared",
    )
    assert seen(RawCall("a", "b")).rules == ("client: no namespace is known", "server: no namespace is known")
    assert is_unplaced(seen(RawCall("a", "b")).source)


NAMES = st.sampled_from(
    ["a", "b", "redis", "api-x2x7k", "api", "user", "unknown", "api.stripe.com", "redis.shop.svc", "10.0.0.1", "x:80"]
) | st.text(min_size=1, max_size=8)  # fmt: skip
CALLS = st.builds(
    RawCall,
    NAMES,
    NAMES,
    st.sampled_from(["", "shop", "bank", "-"]),
    st.sampled_from(["", "shop", "bank", "-"]),
    st.sampled_from(Connection),
    st.sampled_from(VirtualEnd),
)
NODES = st.lists(
    st.sampled_from(["shop/a", "bank/a", "shop/redis:datastore", "bank/api", "-/api.stripe.com:external", "shop/b:queue"])
)  # fmt: skip


@given(st.lists(CALLS, max_size=8, unique=True), NODES, st.sampled_from(["", "web"]), st.randoms())
def test_no_call_is_resolved_otherwise_for_what_was_seen_before_or_beside_it(
    calls: list[RawCall], nodes: list[str], default: str, random: Random
) -> None:
    asked, declared = source(default_namespace=default), [parse_id(one) for one in nodes]
    together = resolve(asked, Declared(declared), calls)
    random.shuffle(calls)
    random.shuffle(declared)
    alone = [resolve(asked, Declared(declared), [call]) for call in calls]
    assert together.sightings == {key: said for one in alone for key, said in one.sightings.items()}
    assert together.dropped.total() + len(together.sightings) == len(calls)
    for key, sighting in together.sightings.items():
        assert RawCall.of_key(key) == sighting.call
        for end in (sighting.source, sighting.target):
            assert parse_id(str(end)) == end
            assert end.name
