"""A story of twelve steps in which everything happens that can happen to an object."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from outages.team import Team
    from support.operators import Operator

    Step = Callable[[Team], None]

# Names that nobody could mistake for one another: what a status suggests must not depend on when it was written.
CART, PAYMENT, WAREHOUSE, MAILBOX, LEAF = "cart", "payment", "warehouse", "mailbox-relay", "zebra"


def a_first_object(team: Team) -> None:
    team.apply(CART, PAYMENT, WAREHOUSE)


def a_second_one_that_the_first_waits_for(team: Team) -> None:
    team.apply(PAYMENT, WAREHOUSE)


def an_update(team: Team) -> None:
    team.apply(CART, PAYMENT, MAILBOX)


def a_leaf(team: Team) -> None:
    team.apply(LEAF)


def a_deletion(team: Team) -> None:
    team.delete(PAYMENT)


def the_same_name_again(team: Team) -> None:
    team.apply(PAYMENT, CART)


def nonsense(team: Team) -> None:
    team.apply_nonsense(CART)


def sense_again(team: Team) -> None:
    team.apply(CART, MAILBOX, LEAF)


def a_status_that_somebody_edits(team: Team) -> None:
    team.scribble(PAYMENT)


def deleted_and_made_again_at_once(team: Team) -> None:
    team.delete(CART)
    team.apply(CART, WAREHOUSE)


def two_at_once(team: Team) -> None:
    team.apply(WAREHOUSE, MAILBOX)
    team.apply(MAILBOX, WAREHOUSE)


def two_deletions(team: Team) -> None:
    team.delete(LEAF)
    team.delete(PAYMENT)


STEPS: tuple[Step, ...] = (
    a_first_object,
    a_second_one_that_the_first_waits_for,
    an_update,
    a_leaf,
    a_deletion,
    the_same_name_again,
    nonsense,
    sense_again,
    a_status_that_somebody_edits,
    deleted_and_made_again_at_once,
    two_at_once,
    two_deletions,
)


def end_of(team: Team, operator: Operator) -> dict[str, Any]:
    """All that can be seen in the end: graph and statuses, without times, versions and names that the namespace is part of."""
    services = operator.get(f"/api/v1/services?limit=1000&namespace={team.namespace}").json()["items"]
    edges = operator.get(f"/api/v1/edges?limit=1000&namespace={team.namespace}").json()["items"]
    statuses = {name: body["status"] for name, body in team.objects().items()}
    found: dict[str, Any] = _without(
        {"services": services, "edges": edges, "statuses": statuses}, team.namespace
    )
    return found


_PASSING = {"lastTransitionTime", "first_seen", "graphVersion"}
_ALERT = re.compile("cycle-[0-9a-f]{12}")  # made of the members, the namespace among them


def _without(found: Any, namespace: str) -> Any:
    if isinstance(found, dict):
        return {key: _without(value, namespace) for key, value in found.items() if key not in _PASSING}
    if isinstance(found, list):
        return [_without(one, namespace) for one in found]
    return _ALERT.sub("cycle", found.replace(namespace, "here")) if isinstance(found, str) else found
