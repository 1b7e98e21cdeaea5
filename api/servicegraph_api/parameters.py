"""Every query parameter there is. `routes` says which route takes which; `query` reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from servicegraph.errors import BadInput
from servicegraph.graph.filters import EdgeFilter
from servicegraph.graph.traverse import MAX_DEPTH, Direction
from servicegraph.model.alert import AlertState, Severity
from servicegraph.model.ids import NO_NAMESPACE, Kind, ServiceKey, parse_loose_id
from servicegraph.model.vocabulary import Mode, Requirement
from servicegraph_api.negotiation import DOT, JSON, MERMAID, Format
from servicegraph_api.query import Parameter, choice, free, not_empty, share, switch, whole

if TYPE_CHECKING:
    from servicegraph_api.query import Query

T = TypeVar("T")

_KINDS: dict[str, str | None] = {str(kind): str(kind) for kind in Kind}
_DIRECTIONS = {
    **{str(direction): direction for direction in Direction},
    "dependencies": Direction.DOWNSTREAM,
    "dependents": Direction.UPSTREAM,
}
_MODES: dict[str, Mode | None] = {"Sync": Mode.SYNC, "Async": Mode.ASYNC}
_REQUIREMENTS: dict[str, Requirement | None] = {"Hard": Requirement.HARD, "Soft": Requirement.SOFT}
_STATES: dict[str, AlertState | None] = {str(state): state for state in AlertState}
_SEVERITIES: dict[str, Severity | None] = {str(severity): severity for severity in Severity}
_FORMATS: dict[str, Format | None] = {form.name: form for form in (JSON, MERMAID, DOT)}


def _service(name: str, says: str) -> Parameter[ServiceKey | None]:
    """The id of a service; its kind is empty where it is left out, and stands for any."""

    def parse(text: str) -> ServiceKey:
        try:
            return parse_loose_id(text)
        except BadInput as error:
            raise ValueError(text) from error

    return Parameter(
        name,
        parse,
        None,
        "the id of a service, such as shop/checkout or shop/orders:datastore",
        says,
        {"type": "string", "minLength": 1},
    )


NAMESPACE: Parameter[str | None] = Parameter(
    "namespace",
    lambda text: "" if not_empty(text) == NO_NAMESPACE else text,
    None,
    f"the name of a namespace, {NO_NAMESPACE} for none",
    "Only what is in this namespace; of an edge, either end.",
    {"type": "string", "minLength": 1},
)
SEARCH = free("q", "Only services with this text in their name, in any case.")
TEAM = free("team", "Only services of this team; of an edge, either end.")
KIND = choice("kind", _KINDS, None, "The kind of the service.")
CLUSTER: Parameter[str] = Parameter(
    "cluster",
    str,
    "",
    "the name of a cluster",
    "The cluster of the service; empty is this one.",
    {"type": "string"},
)
SOURCE = _service("source", "Who calls.")
TARGET = _service("target", "Who is called.")
DIRECTION = choice(
    "direction",
    _DIRECTIONS,
    Direction.DOWNSTREAM,
    "downstream: what the service depends on; upstream: who depends on it. dependencies and dependents say the same.",
)
DEPTH = whole("depth", 1, MAX_DEPTH, 3, "How many hops to go.")
INCLUDE_STALE = switch("include_stale", "Show too what has not been seen for long.")
INCLUDE_QUARANTINED = switch(
    "include_quarantined", "Show too what telemetry cannot name; it is never walked through."
)
MIN_CONFIDENCE = share("min_confidence", "Only edges of at least this confidence.")
PROVIDER = free("provider", "Only edges that this provider, among others, says exist.")
MODE = choice("mode", _MODES, None, "Only edges of this mode; one that says none counts as Sync.")
REQUIREMENT = choice(
    "requirement", _REQUIREMENTS, None, "Only edges of this requirement; one that says none counts as Soft."
)
STATE = choice("state", _STATES, None, "Only circles in this state.")
SEVERITY = choice("severity", _SEVERITIES, None, "Only circles of this severity.")
FORMAT = choice(
    "format", _FORMATS, None, "How the answer is written; else the Accept header decides, else it is json."
)
LIMIT = whole("limit", 1, 1000, 100, "How many items a page has at most.")
CURSOR: Parameter[str | None] = Parameter(
    "cursor",
    not_empty,
    None,
    "the next_cursor of the page before",
    "Where to go on: the next_cursor of the page before.",
    {"type": "string", "minLength": 1},
)

SHOWN: tuple[Parameter[Any], ...] = (INCLUDE_STALE, INCLUDE_QUARANTINED)
EDGE_FILTER: tuple[Parameter[Any], ...] = (PROVIDER, MODE, REQUIREMENT, MIN_CONFIDENCE, *SHOWN)
PAGE: tuple[Parameter[Any], ...] = (LIMIT, CURSOR)


def required(query: Query, parameter: Parameter[T | None]) -> T:
    """The value of a parameter that cannot be left out.

    Raises:
        BadInput: it is left out.
    """
    value = query[parameter]
    if value is None:
        raise BadInput(f"{parameter.name}= is missing; it takes {parameter.takes}")
    return value


def question(query: Query) -> str:
    """What a list is asked for, wherever its page begins and however long it is; differs between lists, whose filters do."""
    return query.normal_but(*PAGE)


def edge_filter(query: Query) -> EdgeFilter:
    """The filter that the parameters of `EDGE_FILTER` ask for."""
    return EdgeFilter(
        include_stale=query[INCLUDE_STALE],
        include_quarantined=query[INCLUDE_QUARANTINED],
        min_confidence=query[MIN_CONFIDENCE],
        provider=query[PROVIDER],
        mode=query[MODE],
        requirement=query[REQUIREMENT],
    )
