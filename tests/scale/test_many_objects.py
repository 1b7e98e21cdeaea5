"""Thousands of objects at once: all are stored and answered, in bounded memory, and a second start over them writes nothing."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scale.crowd import Crowd
from support.apiserver import ApiServer
from support.operators import Operator, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servicegraph.local.cluster import Cluster

MEGABYTES = 300
"""Of memory that an operator over 10,000 objects of ten dependencies may take."""

SIZES = [
    pytest.param(500, 10),
    pytest.param(5_000, 10, marks=pytest.mark.soak),
    pytest.param(10_000, 10, marks=pytest.mark.soak),
]


@pytest.fixture
def crowd_of(control_plane: Cluster) -> Iterator[Callable[[int, int], Crowd]]:
    """Makes crowds in namespaces of their own; they are deleted in the end."""
    made: list[Crowd] = []

    def make(size: int, degree: int) -> Crowd:
        namespace = f"crowd-{secrets.token_hex(4)}"
        control_plane.kubectl.create_namespace(namespace)
        made.append(Crowd(ApiServer(control_plane.kubeconfig), namespace, size, degree))
        return made[-1]

    yield make
    for one in made:
        one.delete()


@pytest.mark.parametrize(("size", "degree"), SIZES)
def test_a_crowd_of_objects_is_stored_once_and_a_second_start_over_it_writes_nothing(
    tmp_path: Path,
    database: str,
    control_plane: Cluster,
    crowd_of: Callable[[int, int], Crowd],
    size: int,
    degree: int,
) -> None:
    crowd = crowd_of(size, degree)
    operator = Operator(
        tmp_path,
        database,
        control_plane.operator_kubeconfig,
        namespaces=crowd.namespace,
        extra={"STATUS_WRITES_PER_SECOND": "5000"},
    ).start()
    try:
        crowd.create()
        eventually(
            lambda: operator.metric("servicegraph_status_writes_total", result="written") >= size,
            "a status for every object",
            seconds=size,
        )
        # All are on one circle that grows, so most are written several times.
        eventually(lambda: all(map(is_ready, crowd.bodies())), "every object Ready", seconds=size)
        assert operator.edges() == crowd.edges
        report(operator, size, degree)
        assert megabytes(operator) < MEGABYTES
        version = operator.version()
        assert operator.stop() == 0, "an orderly stop has reported on every object before"

        before = resource_versions(crowd)
        operator.start()
        eventually(lambda: stored(operator) >= size, "every object looked at again", seconds=size)
        assert operator.metric("servicegraph_rows_written_total") == 0
        assert operator.version() == version
        assert operator.stop() == 0
        assert resource_versions(crowd) == before
    finally:
        if operator.process is not None:
            operator.stop()


def is_ready(body: dict[str, Any]) -> bool:
    """Whether this generation is accepted and stored."""
    status = body["status"]
    ready = {one["type"]: one["status"] for one in status.get("conditions", [])}.get("Ready")
    return ready == "True" and status["observedGeneration"] == body["metadata"]["generation"]


def resource_versions(crowd: Crowd) -> list[str]:
    """What every write to an object changes, a status too."""
    return [body["metadata"]["resourceVersion"] for body in crowd.bodies()]


def stored(operator: Operator) -> float:
    """How many changes were stored since it was started, those that say nothing new among them."""
    return operator.metric("servicegraph_reconcile_wait_seconds_count")


def megabytes(operator: Operator, field: str = "VmHWM") -> float:
    """Memory of the operator's process: VmRSS is now, VmHWM the most that it ever was."""
    assert operator.process is not None
    lines = Path(f"/proc/{operator.process.pid}/status").read_text().splitlines()
    (kilobytes,) = [line.split()[1] for line in lines if line.startswith(f"{field}:")]
    return int(kilobytes) / 1024


def report(operator: Operator, size: int, degree: int) -> None:
    """Print the figures, for `pytest -rP`; they depend on the machine, so none is asserted."""
    waited = operator.metric("servicegraph_reconcile_wait_seconds_sum") / stored(operator)
    batches = operator.metric("servicegraph_reconcile_seconds_count")
    print(  # noqa: T201 - the only way to hand figures on
        f"\n{size} objects x {degree}: stored {waited:.2f} s after first sight in the mean, in {batches:.0f} batches; "
        f"memory {megabytes(operator, 'VmRSS'):.0f} MB, {megabytes(operator):.0f} MB at most"
    )
