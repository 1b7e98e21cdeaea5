"""The body of a submission: records about services and edges as they come over HTTP, or all that is wrong with them.

Read as strictly as manifests: an unknown field is refused, so that no misspelt word is lost without a sound. A field that is
left out, or null, says nothing. Unlike a manifest a record may be about any service, so it names both ends in full. Pure;
`ingestion` of the HTTP server calls `understood`.
"""

from __future__ import annotations

import re
from sys import intern
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self, TypeVar

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from servicegraph.errors import BadInput
from servicegraph.model.faults import Fault, faults
from servicegraph.model.fields import (
    LINE_PATTERN,
    NAMESPACE_PATTERN,
    TAKES,
    Duration,
    LabelKey,
    LabelValue,
    Name,
    Namespace,
    Percent,
    Text,
    Word,
)
from servicegraph.model.ids import NAME_PATTERN, Kind, ServiceKey, parse_id
from servicegraph.model.observation import Observation, Statement
from servicegraph.model.servicedependency import EXTERNAL_HAS_NO_NAMESPACE, MAX_LABELS, Part
from servicegraph.model.vocabulary import Evidence, Mode, Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

T = TypeVar("T")

_MAX_NAME, _MAX_CLUSTER = 253, 253
NAMESPACE_IS_MISSING = "is required unless kind is External; add it"


def _known_form(text: str) -> str:
    """The id in its one spelling.

    Raises:
        PydanticCustomError: no service can be called so.
    """
    try:
        key = parse_id(text)
    except BadInput as error:
        raise PydanticCustomError("service_id", "{words}", {"words": error.message}) from error
    for part, fits, takes in (
        ("name", len(key.name) <= _MAX_NAME and re.search(NAME_PATTERN, key.name), TAKES[NAME_PATTERN]),
        ("namespace", re.search(NAMESPACE_PATTERN, key.namespace), TAKES[NAMESPACE_PATTERN]),
        (
            "cluster",
            len(key.cluster) <= _MAX_CLUSTER and re.search(LINE_PATTERN, key.cluster),
            TAKES[LINE_PATTERN],
        ),
    ):
        if not fits:
            raise PydanticCustomError(
                "service_id",
                "{id} cannot be used; its {part} takes {takes}",
                {"id": repr(text[:60]), "part": part, "takes": takes},
            )
    if (key.kind == Kind.EXTERNAL) == bool(key.namespace):
        words = (
            "an External lies outside the cluster: write -/{name}:external"
            if key.namespace
            else "only an External has no namespace: write the namespace in the place of the -"
        )
        raise PydanticCustomError("service_id", words, {"name": key.name})
    return str(key)


ServiceId = Annotated[str, Field(max_length=800), AfterValidator(_known_form)]


class ServiceRecord(Part):
    """What is said about one service."""

    namespace: Namespace = ""
    name: Name
    kind: Literal["Service", "Datastore", "Queue", "External"] = "Service"
    cluster: Annotated[str, Field(max_length=_MAX_CLUSTER, pattern=LINE_PATTERN)] = ""
    technology: Word | None = None
    team: Word | None = None
    criticality: Literal["Critical", "High", "Medium", "Low"] | None = None
    availability_target: Percent | None = None
    labels: Annotated[dict[LabelKey, LabelValue], Field(max_length=MAX_LABELS)] | None = None

    @model_validator(mode="after")
    def _lies_somewhere(self) -> Self:
        if (self.kind == "External") == bool(self.namespace):
            words = EXTERNAL_HAS_NO_NAMESPACE if self.namespace else NAMESPACE_IS_MISSING
            raise PydanticCustomError("service_namespace", "{words}", {"at": "namespace", "words": words})
        return self

    def said(self) -> Statement:
        """The record, understood."""
        key = ServiceKey(self.cluster, intern(self.namespace), intern(self.name), intern(self.kind))
        return Statement(
            key,
            self.technology,
            self.team,
            self.criticality,
            self.availability_target,
            dict(self.labels or {}),
        )


class DependencyRecord(Part):
    """That one service calls another."""

    source: ServiceId
    target: ServiceId
    protocol: Word | None = None
    mode: Literal["Sync", "Async"] | None = None
    requirement: Literal["Hard", "Soft"] | None = None
    timeout: Duration | None = None
    description: Text | None = None

    @model_validator(mode="after")
    def _between_two(self) -> Self:
        if self.source == self.target:
            raise PydanticCustomError(
                "self_dependency",
                "is the source itself, and a service cannot depend on itself: remove the record, or name another service",
                {"at": "target"},
            )
        return self

    def said(self) -> Observation:
        """The record, understood: it raises no alert, as nobody in particular answers for it."""
        details = {"timeout": self.timeout, "description": self.description}
        return Observation(
            raw_key=f"{self.source} {self.target}",
            raw={"source": self.source, "target": self.target},
            source=_key(self.source),
            target=_key(self.target),
            evidence=Evidence.API,
            protocol=self.protocol or "",
            mode=Mode[self.mode.upper()] if self.mode else Mode.UNSET,
            requirement=Requirement[self.requirement.upper()] if self.requirement else Requirement.UNSET,
            details={name: word for name, word in details.items() if word is not None},
            alertable=False,
        )


class Body(Part):
    """All records of one request."""

    services: list[ServiceRecord] | None = None
    dependencies: list[DependencyRecord] | None = None


class Understood(NamedTuple):
    """What the records say: of each service and each edge once."""

    statements: tuple[Statement, ...]
    observations: tuple[Observation, ...]


def understood(body: Mapping[str, Any]) -> Understood | list[Fault]:
    """What a body says, or all that is wrong with it, each with its path, as `dependencies[3].mode`.

    The same record twice is one; two about the same that say otherwise are a fault, since nothing tells which one counts.
    """
    try:
        read = Body.model_validate(body, extra="forbid")
    except ValidationError as error:
        return [Fault(one.path.removeprefix("."), one.sentence) for one in faults(error, root="")]
    statements = [one.said() for one in read.services or ()]
    observations = [one.said() for one in read.dependencies or ()]
    twice = [
        *_twice("services", statements, (str(one.service) for one in statements)),
        *_twice("dependencies", observations, (f"{one.source} → {one.target}" for one in observations)),
    ]
    if twice:
        return twice
    return Understood(
        tuple({one.service: one for one in statements}.values()),
        tuple({one.raw_key: one for one in observations}.values()),
    )


def _twice(field: str, records: Iterable[T], about: Iterable[str]) -> Iterator[Fault]:
    """Records about the same as an earlier one that do not say the same."""
    first: dict[str, tuple[int, T]] = {}
    for position, (record, what) in enumerate(zip(records, about, strict=True)):
        earlier, said = first.setdefault(what, (position, record))
        if said != record:
            yield Fault(
                f"{field}[{position}]",
                f"says otherwise than {field}[{earlier}] about {what}: keep one of them",
            )


def _key(printed: str) -> ServiceKey:
    key = parse_id(printed)
    return ServiceKey(key.cluster, intern(key.namespace), intern(key.name), intern(str(key.kind)))
