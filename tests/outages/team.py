"""A team that declares things in its namespace, and knows what the graph has to say then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.operators import eventually

if TYPE_CHECKING:
    from support.apiserver import ApiServer
    from support.operators import Operator

    Edges = set[tuple[str, str]]

ANCHOR, GROUND = "anchor", "ground"
"""Declared from the beginning to the end, so that a graph without any edge is always a wrong one."""


class Team:
    """Declares objects past every fault: it talks to the real API server, not to a proxy."""

    def __init__(self, server: ApiServer, namespace: str) -> None:
        self._server = server
        self.namespace = namespace
        self.declared: dict[str, tuple[str, ...]] = {}
        """What each living object says that it calls."""

    def apply(self, name: str, *targets: str) -> None:
        """Declare that `name` calls `targets`, and nothing else."""
        spec = {"service": {"name": name}, "dependencies": [{"name": target} for target in targets]}
        answer = self._server.apply(self.namespace, spec, "team", query="force=true", name=name)
        assert answer.code in {200, 201}, answer.message
        self.declared[name] = targets

    def delete(self, name: str) -> None:
        """Delete an object."""
        assert self._server.delete(self.namespace, name).code == 200
        del self.declared[name]

    def delete_all(self) -> None:
        """Delete every object."""
        for name in list(self.declared):
            self.delete(name)

    def get(self, name: str) -> dict[str, Any]:
        """An object as it is."""
        return self._server.get(self.namespace, name)

    @property
    def edges(self) -> Edges:
        """The edges that the living objects declare."""
        return {
            (f"{self.namespace}/{source}", f"{self.namespace}/{target}")
            for source, targets in self.declared.items()
            for target in targets
        }

    def behind(self) -> list[str]:
        """The living objects whose newest generation has no answer in their status yet, or an answer other than Ready."""
        return [name for name in self.declared if not _is_ready(self.get(name))]

    def settle(self, operator: Operator) -> None:
        """Wait until the graph equals what the objects say, and every object says Ready for its newest generation."""
        eventually(
            lambda: operator.edges(self.namespace) == self.edges,
            f"the graph of {self.namespace} equals what its objects say",
        )
        eventually(lambda: not self.behind(), "every object is answered")


def _is_ready(body: dict[str, Any]) -> bool:
    status = body["status"]
    ready = {one["type"]: one["status"] for one in status.get("conditions", [])}.get("Ready")
    return status["observedGeneration"] == body["metadata"]["generation"] and ready == "True"
