"""A team that declares things in its namespace, and knows what the graph and the statuses have to say then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicegraph.model.servicedependency import API_VERSION, PLURAL
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
        """What each living object says that it calls; of one that is stalled, what it said before."""
        self.stalled: set[str] = set()
        """Living objects whose newest generation cannot be accepted."""

    def apply(self, name: str, *targets: str) -> None:
        """Declare that `name` calls `targets`, and nothing else."""
        self._send(name, [{"name": target} for target in targets])
        self.declared[name] = targets
        self.stalled.discard(name)

    def apply_nonsense(self, name: str) -> None:
        """Let an object say that it calls itself, in words that the schema lets pass."""
        self._send(name, [{"name": name, "namespace": self.namespace}])
        self.stalled.add(name)

    def delete(self, name: str) -> None:
        """Delete an object."""
        assert self._server.delete(self.namespace, name).code == 200
        del self.declared[name]
        self.stalled.discard(name)

    def delete_all(self) -> None:
        """Delete every object."""
        for name in list(self.declared):
            self.delete(name)

    def scribble(self, name: str) -> None:
        """Edit a status, as nobody should."""
        answer = self._server.merge(
            self.namespace, {"status": {"summary": {"declared": 77}}}, name=name, part="/status"
        )
        assert answer.code == 200, answer.message

    def objects(self) -> dict[str, dict[str, Any]]:
        """The living objects as they are, by name."""
        listed = self._server.ask("GET", f"/apis/{API_VERSION}/namespaces/{self.namespace}/{PLURAL}").body
        return {one["metadata"]["name"]: one for one in listed["items"]}

    @property
    def edges(self) -> Edges:
        """The edges that the living objects declare."""
        return {
            (f"{self.namespace}/{source}", f"{self.namespace}/{target}")
            for source, targets in self.declared.items()
            for target in targets
        }

    def behind(self) -> list[str]:
        """The living objects whose status does not say yet what it has to."""
        objects = self.objects()
        return [name for name in self.declared if not self._is_answered(name, objects[name])]

    def is_settled(self, operator: Operator) -> bool:
        """Whether the graph equals what the objects say, and every status answers the newest generation of its object."""
        return operator.edges(self.namespace) == self.edges and not self.behind()

    def settle(self, operator: Operator) -> None:
        """Wait for that."""
        eventually(lambda: self.is_settled(operator), f"{self.namespace} is settled: {self.declared}")

    def _send(self, name: str, dependencies: list[dict[str, Any]]) -> None:
        spec = {"service": {"name": name}, "dependencies": dependencies}
        answer = self._server.apply(self.namespace, spec, "team", query="force=true", name=name)
        assert answer.code in {200, 201}, answer.message

    def _is_answered(self, name: str, body: dict[str, Any]) -> bool:
        status = body["status"]
        said = {one["type"]: one["status"] for one in status.get("conditions", [])}
        if status["observedGeneration"] != body["metadata"]["generation"]:
            return False
        if name in self.stalled:
            return said.get("Stalled") == "True"
        targets = self.declared[name]
        counted = {"declared": len(targets), "unresolved": len(set(targets) - self.declared.keys())}
        return said.get("Ready") == "True" and counted.items() <= status.get("summary", {}).items()
