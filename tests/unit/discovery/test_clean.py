"""What a series says, and what of it is kept."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.discovery.clean import MOST_CHARACTERS, Cleaner, Why, clean
from servicegraph.discovery.presets import Labels
from servicegraph.model.telemetry import Connection, RawCall, VirtualEnd

USUAL = Labels()
VISIBLE = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30)
"""Names of characters that anybody can see."""
HIDDEN = st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"])


def call(**labels: str) -> RawCall | Why:
    return Cleaner(USUAL).call({"client": "a", "server": "b", **labels})


def seen(**labels: str) -> RawCall:
    made = call(**labels)
    assert isinstance(made, RawCall), made
    return made


@given(st.text())
def test_whatever_a_label_says_becomes_a_name_that_can_be_shown_or_a_reason(value: str) -> None:
    made = clean(value)
    if isinstance(made, Why):
        assert len(value) > MOST_CHARACTERS or any(
            unicodedata.category(letter)[0] in "CZ" and letter != " " for letter in value.strip()
        )
    else:
        assert made == value.strip()
        assert not any(unicodedata.category(letter)[0] == "C" for letter in made)


@given(VISIBLE, HIDDEN, VISIBLE)
def test_what_cannot_be_seen_within_a_name_is_never_taken_out_of_it(
    begin: str, hidden: str, end: str
) -> None:
    assert clean(f"{begin}{hidden}{end}") is Why.INVISIBLE


@given(VISIBLE, VISIBLE)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert (clean(one) == clean(other)) == (one == other)


@pytest.mark.parametrize(
    "alike",
    [
        "\u0441heckout",
        "\uff43heckout",
        "check\u2010out",
        "Checkout",
        "check\u043eut",
        "\u212aafka",
        "cafe\u0301",
        "café",
    ],
)
def test_letters_that_look_alike_are_other_letters(alike: str) -> None:
    assert clean(alike) == alike


@pytest.mark.parametrize(
    ("value", "made"),
    [
        ("", ""),
        ("  checkout\n", "checkout"),
        ("check out", "check out"),
        ("check\x00out", Why.INVISIBLE),
        ("\x1b[31mred", Why.INVISIBLE),
        ("a\u202eb", Why.INVISIBLE),
        ("a\u200bb", Why.INVISIBLE),
        ("a\ud800b", Why.INVISIBLE),
        ("a" * 253, "a" * 253),
        ("a" * 254, Why.TOO_LONG),
        ("ü" * 253, "ü" * 253),
        ("a" * 2**20, Why.TOO_LONG),
    ],
)
def test_a_value_is_kept_as_it_is_or_not_at_all(value: str, made: str | Why) -> None:
    assert clean(value) == made


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ({"client": ""}, Why.NO_NAME),
        ({"server": "  "}, Why.NO_NAME),
        ({"client": "a" * 300}, Why.TOO_LONG),
        ({"server": "a\x07"}, Why.INVISIBLE),
        ({"client_k8s_namespace_name": "a" * 300}, Why.TOO_LONG),
        ({"server_service_namespace": "a\x07b"}, Why.INVISIBLE),
    ],
)
def test_a_series_with_one_bad_name_says_no_call(labels: dict[str, str], why: Why) -> None:
    assert call(**labels) is why


def test_a_series_without_ends_says_no_call() -> None:
    assert Cleaner(USUAL).call({}) is Why.NO_NAME


def test_a_name_that_reads_like_a_reason_is_a_name() -> None:
    assert seen(client="no name").client == "no name"


@pytest.mark.parametrize(
    "label",
    [
        "client_k8s_namespace_name",
        "client_k8s.namespace.name",
        "client_service_namespace",
        "client_service.namespace",
    ],
)
def test_the_namespace_stands_in_any_of_its_spellings(label: str) -> None:
    made = seen(**{label: "shop"})
    assert (made.client_namespace, made.server_namespace) == ("shop", "")


def test_of_several_spellings_the_first_that_says_something_counts() -> None:
    assert seen(client_service_namespace="app", client_k8s_namespace_name="shop").client_namespace == "shop"
    assert seen(client_service_namespace="app", client_k8s_namespace_name="").client_namespace == "app"


def test_a_namespace_that_could_be_of_either_end_is_of_none() -> None:
    made = seen(k8s_namespace_name="shop", service_namespace="app")
    assert (made.client_namespace, made.server_namespace) == ("", "")


@pytest.mark.parametrize("connection", list(Connection))
def test_how_ends_are_joined_is_said_by_its_label(connection: Connection) -> None:
    assert seen(connection_type=connection).connection is connection


@pytest.mark.parametrize("word", ["Database", "grpc", "messaging", "a" * 1000])
def test_a_connection_of_no_known_type_is_a_plain_call(word: str) -> None:
    assert seen(connection_type=word).connection is Connection.DIRECT


@pytest.mark.parametrize(
    ("labels", "end"),
    [
        ({"virtual_node": "client"}, VirtualEnd.CLIENT),
        ({"virtual_node": "server", "connection_type": "virtual_node"}, VirtualEnd.SERVER),
        # The label says more than what the ends lack.
        ({"virtual_node": "server", "connection_type": "virtual_node", "client": "user",
          "server_k8s_namespace_name": "shop"}, VirtualEnd.SERVER),
        # Without the label: the end without namespace, where the other has one.
        ({"connection_type": "virtual_node", "server_k8s_namespace_name": "shop"}, VirtualEnd.CLIENT),
        ({"connection_type": "virtual_node", "server_service.namespace": "shop"}, VirtualEnd.CLIENT),
        ({"connection_type": "virtual_node", "client_service_namespace": "shop"}, VirtualEnd.SERVER),
        # A real service `user` that calls consul, which sends no spans.
        ({"client": "user", "connection_type": "virtual_node", "client_k8s_namespace_name": "shop"},
         VirtualEnd.SERVER),
        # With neither, as with the connector's defaults: it calls a client without spans `user`, so any other is a span's word.
        ({"client": "user", "connection_type": "virtual_node"}, VirtualEnd.CLIENT),
        ({"client": "web", "connection_type": "virtual_node"}, VirtualEnd.SERVER),
        ({"client": "web", "server": "user", "connection_type": "virtual_node"}, VirtualEnd.SERVER),
        ({"connection_type": "virtual_node", "client_k8s_namespace_name": "a",
          "server_k8s_namespace_name": "b"}, VirtualEnd.NONE),
        # No namespace is no sign by itself: databases have none, and plain calls may lack them.
        ({"connection_type": "database", "client_k8s_namespace_name": "shop"}, VirtualEnd.NONE),
        ({"client": "user", "server_k8s_namespace_name": "shop"}, VirtualEnd.NONE),
        ({"virtual_node": "both"}, VirtualEnd.NONE),
    ],
)  # fmt: skip
def test_the_virtual_end_is_told_by_its_label_or_by_what_it_lacks(
    labels: dict[str, str], end: VirtualEnd
) -> None:
    assert seen(**labels).virtual is end


@given(st.lists(st.dictionaries(st.sampled_from([*USUAL.spellings, "job"]), st.text(max_size=300))))
def test_one_cleaner_reads_many_series_as_many_cleaners_would(series: list[dict[str, str]]) -> None:
    together = Cleaner(USUAL)
    assert [together.call(one) for one in series] == [Cleaner(USUAL).call(one) for one in series]


@given(
    st.builds(
        RawCall,
        VISIBLE,
        VISIBLE,
        st.sampled_from(["", "shop"]),
        st.sampled_from(["", "shop"]),
        st.sampled_from(Connection),
        st.sampled_from(VirtualEnd),
    ),
    st.builds(RawCall, VISIBLE, VISIBLE),
)
def test_the_key_of_a_call_tells_it_from_every_other(one: RawCall, other: RawCall) -> None:
    assert (one.raw_key == other.raw_key) == (one == other)
