"""The spec of a ServiceDependency: what a team declares about its service and what that service calls.

These models are the one source of the CRD's schema (`model.crd`), of `kubectl explain`, and of the operator's own check of
objects that were stored before the schema changed (`model.translate`). A rule that the API server enforces by CEL stands twice
here, side by side: as CEL for the schema and as Python for us; one table of specs in the tests holds both to the same verdicts.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from servicegraph.model.fields import (
    LABEL_KEY_PATTERN,
    Attempts,
    Duration,
    LabelKey,
    LabelValue,
    Name,
    Namespace,
    Percent,
    Text,
    Timestamp,
    Word,
)

GROUP = "servicegraph.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ServiceDependency"
PLURAL = "servicedependencies"

MAX_DEPENDENCIES = 256
MAX_LABELS = 32

NAME_IS_FIXED = "the service's name cannot change: delete this object and create one for the new name"
KIND_IS_FIXED = "the service's kind cannot change: delete this object and create one of the new kind"
EXTERNAL_HAS_NO_NAMESPACE = 'an External lies outside the cluster: leave its namespace out, or write ""'
NO_SELF_DEPENDENCY = (
    "a service cannot depend on itself: remove the dependency that has its own name and kind,"
    " or name another namespace or kind"
)
LABEL_KEYS = "a label's key takes letters, digits, '-', '_', '.' and '/', with a letter or digit at both ends, at most 128"


def rule(expression: str, message: str, field_path: str | None = None) -> dict[str, Any]:
    """A CEL rule for the schema, with the sentence that the API server answers when it does not hold."""
    path = {"fieldPath": field_path} if field_path else {}
    return {"rule": expression, "message": message, **path}


class Part(BaseModel):
    """What all parts of a custom resource share: strict types, camelCase names, null means left out.

    Unknown fields are ignored, so that an older operator understands objects of a newer schema; pass `extra="forbid"` to
    `model_validate` to refuse them as the API server's strict validation does.
    """

    model_config = ConfigDict(frozen=True, strict=True, alias_generator=to_camel, populate_by_name=False)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: Any) -> Any:
        """Leave out what is null, as the API server does before it fills in defaults."""
        if not isinstance(value, dict):
            return value
        return {key: said for key, said in value.items() if said is not None}


class Service(Part):
    """The service that this object is about: the source of every dependency below. Its namespace is that of this object."""

    name: Name = Field(
        description="Name of the service, as others call it in their dependencies. It cannot change later.",
        json_schema_extra={"x-kubernetes-validations": [rule("self == oldSelf", NAME_IS_FIXED)]},
    )
    kind: Literal["Service", "Datastore", "Queue"] = Field(
        default="Service",
        description="What it is: a Service that runs code, a Datastore (database, cache, bucket) or a Queue (topic, stream). A"
        " service and a datastore of one name are two different things. It cannot change later.",
        json_schema_extra={"x-kubernetes-validations": [rule("self == oldSelf", KIND_IS_FIXED)]},
    )
    technology: Word | None = Field(
        default=None,
        description="What it is made of or runs on, a free word: go, java, postgresql, redis, kafka, envoy, …",
    )
    team: Word | None = Field(default=None, description="The team that answers for it.")
    criticality: Literal["Critical", "High", "Medium", "Low"] | None = Field(
        default=None, description="How much depends on it, in its team's own judgement."
    )
    availability_target: Percent | None = Field(
        default=None,
        description='Share of the time that it promises to work, in percent, as a string: "99.95".',
    )
    labels: Annotated[dict[LabelKey, LabelValue], Field(max_length=MAX_LABELS)] | None = Field(
        default=None,
        description="Free labels that are shown with the service, such as tier: backend; at most 32.",
        json_schema_extra={
            "x-kubernetes-validations": [
                rule(f"self.all(key, key.matches('{LABEL_KEY_PATTERN}'))", LABEL_KEYS)
            ]
        },
    )


class CallRetry(Part):
    """What the caller does when a call fails."""

    max_attempts: Attempts | None = Field(
        default=None,
        description="Attempts in all, the first one included: 1 means that a failed call is not repeated.",
    )
    backoff: Literal["None", "Fixed", "Exponential"] | None = Field(
        default=None,
        description="How long it waits before the next attempt: None at all, a Fixed time, or Exponential.",
    )


class AcceptedCycle(Part):
    """Says that this dependency's part in a circle is known and accepted, so that it is not alerted about."""

    reason: Annotated[Text, Field(min_length=1)] = Field(
        description="Why the circle is accepted, for those who find it."
    )
    until: Timestamp | None = Field(
        default=None,
        description="When the acceptance ends, such as 2027-01-31T00:00:00Z; left out, it does not end.",
    )


class Dependency(Part):
    """One thing that the service calls. Name, namespace and kind identify it; a second entry with the same three is refused."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                rule(
                    "self.kind != 'External' || self.namespace == ''", EXTERNAL_HAS_NO_NAMESPACE, ".namespace"
                )
            ]
        }
    )

    name: Name = Field(
        description="Name of what is called: a service's name, or for an External its host name, such as api.stripe.com."
    )
    namespace: Namespace = Field(
        default="",
        description='Namespace of what is called. Left out or "" means the namespace of this object, for an External none.',
    )
    kind: Literal["Service", "Datastore", "Queue", "External"] = Field(
        default="Service",
        description="What is called: a Service, a Datastore, a Queue, or an External outside the cluster that"
        " nobody here owns.",
    )
    protocol: Word | None = Field(
        default=None, description="How it is called, a free word: HTTP, gRPC, PostgreSQL, AMQP, Kafka, …"
    )
    mode: Literal["Sync", "Async"] = Field(
        default="Sync",
        description="Sync: the caller waits for the answer. Async: it goes on, as with messages.",
    )
    requirement: Literal["Hard", "Soft"] = Field(
        default="Hard",
        description="Hard: without it the service fails. Soft: the service goes on in some way, from a cache or"
        " with less to show.",
    )
    timeout: Duration | None = Field(
        default=None, description="How long the caller waits for one answer: 300ms, 5s, …"
    )
    retry: CallRetry | None = Field(default=None, description="What the caller does when a call fails.")
    expected_interval: Duration | None = Field(
        default=None,
        description="How rarely this call may legitimately happen, such as 24h for a nightly job, so that it is not"
        " taken for gone.",
    )
    observation: Literal["Expected", "Optional"] = Field(
        default="Expected",
        description="Expected: telemetry should show this call. Optional: never to see it is fine, as with an emergency path.",
    )
    accepted_cycle: AcceptedCycle | None = Field(
        default=None,
        description="Accepts this dependency's part in a circle of services that depend on each other.",
    )
    description: Text | None = Field(
        default=None, description="What the service needs it for, in a sentence."
    )

    @model_validator(mode="after")
    def _external_has_no_namespace(self) -> Self:
        if self.kind == "External" and self.namespace:
            raise PydanticCustomError("external_namespace", EXTERNAL_HAS_NO_NAMESPACE, {"at": "namespace"})
        return self

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies it within its object, as it was said."""
        return self.name, self.namespace, self.kind


class ServiceDependencySpec(Part):
    """What a team declares: its service, and what that service depends on."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                rule(
                    # What is missing is refused elsewhere; here it must not make an error of the rule, which would bar
                    # even our status from an object that a looser schema has let in.
                    "!has(self.service) || !has(self.service.name) || !has(self.dependencies)"
                    " || self.dependencies.all(one, !has(one.name) || one.name != self.service.name"
                    " || one.kind != self.service.kind || one.namespace != '')",
                    NO_SELF_DEPENDENCY,
                    ".dependencies",
                )
            ]
        }
    )

    service: Service = Field(
        description="The service that this object is about: the source of every dependency below. Its namespace is that of this"
        " object, so a team can declare only for itself."
    )
    dependencies: Annotated[list[Dependency], Field(max_length=MAX_DEPENDENCIES)] | None = Field(
        default=None,
        description="What the service calls, at most 256 entries; none for a leaf, which is worth declaring too:"
        " others can then be told that they spelled its name right. With server-side apply several owners can"
        " each keep their own entries.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name", "namespace", "kind"],
        },
    )

    @model_validator(mode="after")
    def _each_dependency_once(self) -> Self:
        seen: dict[tuple[str, str, str], int] = {}
        for position, one in enumerate(self.dependencies or ()):
            path = f"dependencies[{position}]"
            if one.key == (self.service.name, "", self.service.kind):
                raise PydanticCustomError("self_dependency", NO_SELF_DEPENDENCY, {"at": path})
            if one.key in seen:
                raise PydanticCustomError(
                    "duplicate_dependency",
                    "repeats dependencies[{first}]: keep one of them",
                    {"at": path, "first": seen[one.key]},
                )
            seen[one.key] = position
        return self
