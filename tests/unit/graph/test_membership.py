from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from servicegraph.graph.columns import Node
from servicegraph.graph.membership import circle_of_nodes
from servicegraph.model.alert import Alert, Severity
from servicegraph.model.ids import ServiceKey

KEYS = sorted(ServiceKey("", space, f"s{at}", "Service") for space in ("a", "a-b") for at in range(20))


@given(st.lists(st.integers(-1, 3), min_size=len(KEYS), max_size=len(KEYS)), st.sets(st.sampled_from(KEYS)))
def test_each_node_belongs_to_the_alert_that_has_it_as_a_member(
    circles: list[int], gone: set[ServiceKey]
) -> None:
    alerts = [
        alert(*(key for key, circle in zip(KEYS, circles, strict=True) if circle == at)) for at in range(4)
    ]
    left = [(key, circle) for key, circle in zip(KEYS, circles, strict=True) if key not in gone]
    found = circle_of_nodes(alerts, [Node(key) for key, _ in left])
    assert found.tolist() == [circle for _, circle in left]


def test_members_in_the_order_of_their_ids_are_found_as_well() -> None:
    by_id = sorted((KEYS[0], KEYS[-1]), key=str)
    assert by_id != sorted(by_id)
    found = circle_of_nodes([alert(*by_id)], [Node(key) for key in KEYS])
    assert (found >= 0).nonzero()[0].tolist() == [0, len(KEYS) - 1]


def alert(*members: ServiceKey) -> Alert:
    return Alert(
        "cycle-1", members, Severity.INFO, (), (), 0, False, b"", datetime(2026, 1, 1, tzinfo=UTC), 1
    )
