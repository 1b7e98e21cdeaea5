"""What is declared, looked up by name: the only nodes that decide about the names of telemetry. Pure; `ingest.resolve` asks."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from servicegraph.model.ids import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from servicegraph.model.ids import ServiceKey


class Declared:
    """The nodes of one cluster that an object or an api record states or names.

    Args:
        nodes: all of them.
        outside: the Externals that some service is declared to call, each as (namespace of the caller, name).
    """

    def __init__(self, nodes: Iterable[ServiceKey], outside: Iterable[tuple[str, str]] = ()) -> None:
        self._outside = frozenset(outside)
        self._kinds: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._places: dict[str, set[str]] = defaultdict(set)
        for node in nodes:
            self._kinds[node.namespace, node.name].add(node.kind)
            if node.kind != Kind.EXTERNAL:
                self._places[node.name].add(node.namespace)

    def kinds(self, namespace: str, name: str) -> frozenset[str]:
        """The kinds in which that name is declared in that place."""
        return frozenset(self._kinds.get((namespace, name), ()))

    def places(self, name: str, kind: str | None = None) -> list[str]:
        """Where that name is declared, of whatever kind or of one; an External is in no place."""
        return [at for at in self._places.get(name, ()) if kind is None or kind in self._kinds[at, name]]

    def is_only_outside(self, name: str) -> bool:
        """Whether that name is declared as an External, and in no place as anything else."""
        return Kind.EXTERNAL in self._kinds.get(("", name), ()) and not self._places.get(name)

    def is_called_outside(self, namespace: str, name: str) -> bool:
        """Whether somebody in that place is declared to call the External of that name."""
        return (namespace, name) in self._outside
