"""What can go wrong, and how to treat it.

Each edge (Postgres, Kubernetes, the outside's input) turns its driver's exceptions into one of these, with the cause chained.
An error says by itself whether trying again can help (`retry`) and which CamelCase `reason` a condition or a problem document
gives for it, so the loop needs no table of exception types. The docstring of a class is its message when none is given.
"""

from __future__ import annotations

from enum import Enum


class Retry(Enum):
    """When the same attempt may succeed."""

    NOW = "now"  # the state was read too early: read again and repeat
    LATER = "later"  # the other side is unwell: back off and repeat
    NEVER = "never"  # the input is at fault: repeating changes nothing


class ServicegraphError(Exception):
    """Something went wrong."""

    retry: Retry = Retry.NEVER
    reason: str = "InternalError"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").split("\n", 1)[0])

    @property
    def message(self) -> str:
        """The sentence for people."""
        return str(self)


class BadInput(ServicegraphError):
    """What was sent cannot be understood."""

    reason = "InvalidInput"


class SettingsError(ServicegraphError):
    """A setting has a value that cannot be used."""

    reason = "InvalidSetting"


class StoreUnavailable(ServicegraphError):
    """Postgres cannot be reached or cannot serve now."""

    retry = Retry.LATER
    reason = "StoreUnavailable"


class StoreConflict(ServicegraphError):
    """Another transaction was faster; the same one will succeed when repeated."""

    retry = Retry.NOW
    reason = "StoreConflict"


class StoreRefused(ServicegraphError):
    """Postgres refuses a value of the input."""

    reason = "RefusedByStore"


class RemovalRefused(ServicegraphError):
    """Too much would be taken away at once."""

    reason = "RemovalRefused"


class SchemaMissing(StoreUnavailable):
    """The database has not the schema this version needs: run `servicegraph migrate`."""

    reason = "SchemaMissing"


class Deposed(ServicegraphError):
    """Another process leads by now; this one must not write."""

    reason = "Deposed"


class KubernetesUnavailable(ServicegraphError):
    """The Kubernetes API cannot be reached or cannot serve now."""

    retry = Retry.LATER
    reason = "KubernetesUnavailable"

    def __init__(self, message: str | None = None, retry_after: float | None = None) -> None:
        """Take the sentence, and the seconds to wait where the server named them."""
        super().__init__(message)
        self.retry_after = retry_after


class KubernetesConflict(ServicegraphError):
    """The object has changed since it was read."""

    retry = Retry.NOW
    reason = "Conflict"


class KubernetesGone(ServicegraphError):
    """The object, or the list's continue token, exists no more."""

    reason = "Gone"


class KubernetesRefused(ServicegraphError):
    """The Kubernetes API refuses the request."""

    reason = "RefusedByKubernetes"


class PartFailed(ServicegraphError):
    """A part of the local environment does not run."""

    reason = "PartFailed"


class UnknownService(ServicegraphError):
    """No such service is in the graph."""

    reason = "UnknownService"

    def __init__(self, message: str | None = None, candidates: tuple[str, ...] = ()) -> None:
        """Take the sentence, and the ids of what may have been meant."""
        super().__init__(message)
        self.candidates = candidates
