"""The invariants of the design, as checkers of a running system: Postgres, the API server and HTTP, each seen from outside.

A checker answers with violations, each with the name of the invariant; none means that it holds. `check_at_rest` asks all that
must hold once everything was delivered. Later parts of the product add their invariants here.
"""

from __future__ import annotations

from math import isclose
from typing import TYPE_CHECKING, Any

from oracle import readings
from oracle.bodies import about, called, dependencies, uid
from oracle.degrading import check_fresh, check_versions
from oracle.readings import Evidence
from oracle.system import PATIENCE, System, Violation, until_none

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oracle.bodies import Body
    from oracle.fold import Condition, Folded
    from oracle.readings import Reading, Server

QUEUES = ("servicegraph_inbox_depth", "servicegraph_status_backlog")
WRITES = ("servicegraph_rows_written_total", "servicegraph_status_writes_total")
COMPARISONS = "servicegraph_resyncs_total"


def check_at_rest(system: System, *, patience: float = PATIENCE, resync: bool = True) -> list[Violation]:
    """Everything that must hold once the system has come to rest, for which it gets `patience` seconds.

    Args:
        system: on which nobody works meanwhile.
        patience: how long to wait for it; what is wrong until then is wrong.
        resync: wait for further full comparisons too, and require that they write nothing; let them come often
            (`RESYNC_MINUTES`).
    """
    found = until_none(lambda: _not_at_rest(system), patience)
    if found or not resync:
        return found
    return check_resync_writes_nothing(system)


def _not_at_rest(system: System) -> list[Violation]:
    expected = system.look()
    stored = readings.asked(system.database_url, readings.graph)
    try:
        served = readings.served(system.server)
    except readings.Refused as refused:
        return [Violation("I7", str(refused))]
    objects = system.list_objects()
    return [
        *check_graph("Postgres", expected, stored),
        *check_graph("HTTP", expected, served),
        *check_conditions(expected, objects),
        *check_evidence(system, readings.asked(system.database_url, readings.evidence), served),
        *check_acknowledged(system, objects, stored),
        *check_fresh(system.server),
        *check_versions(system.server.versions),
        *check_queues(system),
    ]


def check_graph(where: str, expected: Folded, found: Reading) -> list[Violation]:
    """I1: nodes, edges and merged attributes equal the fold."""
    wanted: list[tuple[str, dict[Any, Any], dict[Any, Any]]] = [
        ("service", expected.nodes, found.nodes),
        ("edge", expected.edges, found.edges),
    ]
    violations = []
    for what, right, seen in wanted:
        violations += [f"{where} lacks the {what} {_name(key)}" for key in right.keys() - seen.keys()]
        violations += [
            f"{where} has the {what} {_name(key)}, which nobody names" for key in seen.keys() - right.keys()
        ]
        for key in right.keys() & seen.keys():
            for one, value in right[key]._asdict().items():
                if one in seen[key] and not _equal(value, seen[key][one]):
                    violations.append(
                        f"{where}: {one} of the {what} {_name(key)} is {seen[key][one]!r}, not {value!r}"
                    )
    return [Violation("I1", text) for text in sorted(violations)]


def _name(key: str | tuple[str, str]) -> str:
    return key if isinstance(key, str) else " → ".join(key)


def _equal(right: Any, seen: Any) -> bool:
    if isinstance(right, float):
        return isclose(right, seen, abs_tol=1e-4)  # HTTP shows four digits
    return bool(right == seen)


def check_conditions(expected: Folded, objects: Iterable[Body]) -> list[Violation]:
    """I1: each object is told what follows from the fold, about its present generation."""
    violations = []
    for body in objects:
        status = body.get("status", {})
        present = {one["type"]: one for one in status.get("conditions", [])}
        for kind, right in expected.conditions.get(uid(body), {}).items():
            if not _is_told(right, present.get(kind), body):
                violations.append(f"{called(body)}: {kind} is {_shown(present.get(kind))}, not {right}")
        if status.get("observedGeneration") != body["metadata"]["generation"]:
            violations.append(f"{called(body)}: observedGeneration is not that of the object")
    return [Violation("I1", text) for text in violations]


def _is_told(right: Condition | None, seen: Mapping[str, Any] | None, body: Body) -> bool:
    if right is None or seen is None:
        return right is None and seen is None
    return (
        (seen["status"], seen["reason"]) == (right.status, right.reason)
        and seen.get("observedGeneration") == body["metadata"]["generation"]
        and all(word in seen["message"] for word in right.words)
    )


def _shown(seen: Mapping[str, Any] | None) -> str:
    return "absent" if seen is None else f"{seen['status']} {seen['reason']} ({seen['message']})"


def check_evidence(system: System, stored: Iterable[Evidence], served: Reading) -> list[Violation]:
    """I2: every edge names evidence that existed: a generation of an object, or an observation."""
    observed = {(one["provider"], one["source"], one["target"]) for one in system.observations}

    def existed(said: Evidence) -> bool:
        if said.provider == "declared":
            return system.history.has_said(said.source, said.target, said.uid, said.generation)
        return (said.provider, said.source, said.target) in observed

    shown = [
        Evidence(provider, None, None, source, target)
        for (source, target), edge in served.edges.items()
        for provider in edge["providers"] or {"nobody"}
    ]
    groundless = {f"Postgres has {one}" for one in stored if not existed(one) or not _has_object(one)}
    groundless |= {f"HTTP shows {one}" for one in shown if not existed(one)}
    return [Violation("I2", f"{text}, which never existed") for text in sorted(groundless)]


def _has_object(said: Evidence) -> bool:
    return said.provider != "declared" or said.uid is not None


def check_acknowledged(system: System, objects: Iterable[Body], stored: Reading) -> list[Violation]:
    """I5: what an object was told is stored, is stored: as of that generation or a later one, with all of its edges."""
    kept = readings.asked(system.database_url, readings.generations)
    violations = []
    for body in objects:
        ready = next(
            (one for one in body.get("status", {}).get("conditions", []) if one["type"] == "Ready"), None
        )
        if ready is None or ready["status"] != "True":
            continue
        generation = kept.get(uid(body), 0)
        if generation < ready["observedGeneration"]:
            violations.append(
                f"{called(body)} is Ready, but its generation {ready['observedGeneration']} is not stored"
            )
        if body["status"]["graphVersion"] > stored.version:
            violations.append(f"{called(body)} names a graph version that was never made")
        if ready["observedGeneration"] == body["metadata"]["generation"] == generation:
            violations += [
                f"{called(body)} is Ready, but {about(body)} → {target} is not in the graph"
                for target, _ in dependencies(body)
                if (about(body), target) not in stored.edges
            ]
    return [Violation("I5", text) for text in violations]


def check_queues(system: System) -> list[Violation]:
    """I8: no more waits than there are objects: each stands in a queue once."""
    objects = len(system.history.generations)
    return [
        Violation("I8", f"{queue} is {depth:.0f}, and there have been {objects} objects in all")
        for queue in QUEUES
        if (depth := system.server.metric(queue)) > objects
    ]


def check_resync_writes_nothing(system: System) -> list[Violation]:
    """I1: a full comparison of what is at rest writes no row and sends no PATCH."""
    before = _written(system)
    enough = system.server.metric(COMPARISONS, result="done") + 2  # one that has begun and ended since now
    found = until_none(lambda: _compares(system.server, enough))
    after = _written(system)
    return found or [
        Violation("I1", f"a full comparison has changed {what}: {before.get(what)} became {after.get(what)}")
        for what in sorted(before.keys() | after.keys())
        if before.get(what) != after.get(what)
    ]


def _compares(server: Server, enough: float) -> list[Violation]:
    """Whether there have been enough comparisons, and what they found has been dealt with."""
    waiting = [queue for queue in QUEUES if server.metric(queue)]
    if server.metric(COMPARISONS, result="done") >= enough and not waiting:
        return []
    return [
        Violation("I1", f"full comparisons do not come to an end; set RESYNC_MINUTES; waiting: {waiting}")
    ]


def _written(system: System) -> dict[str, Any]:
    """All traces that a write leaves: rows, resource versions, counters."""
    versions = {
        f"object {called(body)}": body["metadata"]["resourceVersion"] for body in system.list_objects()
    }
    rows = readings.asked(system.database_url, readings.addresses)
    counters = {counter: system.server.metric(counter) for counter in WRITES}
    return {**versions, **{f"table {name}": found for name, found in rows.items()}, **counters}
