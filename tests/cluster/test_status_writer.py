"""Statuses reach a real API server: the latest, once, on the right object, however long the server was away."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from servicegraph import metrics
from servicegraph.kube.client import KubeClient
from servicegraph.settings import Settings
from servicegraph.writeback.live import LiveObject
from servicegraph.writeback.status import StatusWriter
from support.apiserver import ApiServer
from support.specs import on, spec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from servicegraph.local.cluster import Cluster

PLENTY = 1000.0


@pytest.fixture
def server(control_plane: Cluster) -> ApiServer:
    return ApiServer(control_plane.kubeconfig)


@pytest.fixture
async def kube(control_plane: Cluster) -> AsyncIterator[KubeClient]:
    async with KubeClient(Settings(kubeconfig=str(control_plane.operator_kubeconfig))) as client:
        yield client


@contextlib.asynccontextmanager
async def running(writer: StatusWriter) -> AsyncIterator[StatusWriter]:
    """Let the writer write for the time of the block."""
    task = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.contextmanager
def counted() -> Iterator[dict[str, float]]:
    """What the block adds to the counter of status writes, by result; filled at its end."""
    added: dict[str, float] = {}
    before = _writes()
    yield added
    added.update(
        {key: value - before.get(key, 0) for key, value in _writes().items() if value != before.get(key)}
    )


def _writes() -> dict[str, float]:
    (family,) = metrics.status_writes.collect()
    return {one.labels["result"]: one.value for one in family.samples if one.name.endswith("_total")}


def status(version: int, generation: int = 1) -> dict[str, Any]:
    return {"observedGeneration": generation, "graphVersion": version, "conditions": []}


def version_of(server: ApiServer, namespace: str, name: str = "one") -> int | None:
    found: int | None = server.get(namespace, name)["status"].get("graphVersion")
    return found


async def test_what_is_submitted_is_written(server: ApiServer, kube: KubeClient, namespace: str) -> None:
    lives = [LiveObject.of(server.create(namespace, spec(), name=f"s{at}").body) for at in range(30)]
    writer = StatusWriter(kube, per_second=PLENTY)
    with counted() as writes:
        async with running(writer):
            for at, live in enumerate(lives):
                writer.submit(live, status(at))
            assert writer.backlog == 30
            await writer.drained()
    assert [version_of(server, namespace, f"s{at}") for at in range(30)] == list(range(30))
    assert writes == {"written": 30}
    assert writer.backlog == 0


async def test_only_the_latest_of_an_object_is_written(
    server: ApiServer, kube: KubeClient, namespace: str
) -> None:
    live = LiveObject.of(server.create(namespace, on()).body)
    writer = StatusWriter(kube, per_second=PLENTY)
    for version in range(5):
        writer.submit(live, status(version))
    with counted() as writes:
        async with running(writer):
            await writer.drained()
    assert version_of(server, namespace) == 4
    assert writes == {"written": 1}


async def test_what_an_object_says_already_is_not_written(
    server: ApiServer, kube: KubeClient, namespace: str
) -> None:
    live = LiveObject.of(server.create(namespace, on()).body)
    writer = StatusWriter(kube, per_second=PLENTY)
    with counted() as writes:
        async with running(writer):
            writer.submit(live, status(1))
            writer.submit(live, live.status)
            await writer.drained()
    assert writes == {}
    assert version_of(server, namespace) is None


async def test_a_status_of_the_same_generation_survives_a_change_beside_the_spec(
    server: ApiServer, kube: KubeClient, namespace: str
) -> None:
    live = LiveObject.of(server.create(namespace, on()).body)
    server.merge(namespace, {"metadata": {"labels": {"a": "b"}}})
    async with running(StatusWriter(kube, per_second=PLENTY)) as writer:
        writer.submit(live, status(3))
        await writer.drained()
    assert version_of(server, namespace) == 3


async def test_a_status_of_an_older_generation_is_dropped(
    server: ApiServer, kube: KubeClient, namespace: str
) -> None:
    live = LiveObject.of(server.create(namespace, on()).body)
    server.merge(namespace, {"spec": {"service": {"team": "other"}}})
    with counted() as writes:
        async with running(StatusWriter(kube, per_second=PLENTY)) as writer:
            writer.submit(live, status(3))
            await writer.drained()
    assert version_of(server, namespace) is None
    assert writes == {"conflict": 1}


async def test_a_status_that_somebody_else_wrote_meanwhile_is_not_written_again(
    server: ApiServer, kube: KubeClient, namespace: str
) -> None:
    live = LiveObject.of(server.create(namespace, on()).body)
    server.merge(namespace, {"status": status(3)}, part="/status")
    with counted() as writes:
        async with running(StatusWriter(kube, per_second=PLENTY)) as writer:
            writer.submit(live, status(3))
            await writer.drained()
    assert writes == {"unchanged": 1}


async def test_deleted_objects_and_their_successors_are_left_alone(
    server: ApiServer, kube: KubeClient, namespace: str
) -> None:
    gone, replaced = (
        LiveObject.of(server.create(namespace, on(), name=name).body) for name in ("gone", "replaced")
    )
    server.delete(namespace, "gone")
    server.delete(namespace, "replaced")
    server.create(namespace, on(), name="replaced")
    with counted() as writes:
        async with running(StatusWriter(kube, per_second=PLENTY)) as writer:
            writer.submit(gone, status(3))
            writer.submit(replaced, status(3))
            await writer.drained()
    assert version_of(server, namespace, "replaced") is None
    assert writes == {"gone": 2}


async def test_a_refused_status_does_not_hold_up_the_others(
    server: ApiServer, kube: KubeClient, namespace: str
) -> None:
    bad, good = (LiveObject.of(server.create(namespace, on(), name=name).body) for name in ("bad", "good"))
    with counted() as writes:
        async with running(StatusWriter(kube, per_second=PLENTY)) as writer:
            writer.submit(bad, status(-5))
            writer.submit(good, status(5))
            await writer.drained()
            assert writer.backlog == 0
            writer.submit(bad, status(5))
            await writer.drained()
    assert writes == {"refused": 1, "written": 2}
    assert version_of(server, namespace, "bad") == version_of(server, namespace, "good") == 5


async def test_while_the_server_is_away_nothing_is_lost_and_the_latest_wins(
    control_plane: Cluster, server: ApiServer, namespace: str, tmp_path: Path
) -> None:
    lives = [LiveObject.of(server.create(namespace, on(), name=f"s{at}").body) for at in range(5)]
    door = Door(control_plane.ports.apiserver)
    async with door.hung() as port, KubeClient(_through(port, control_plane, tmp_path)) as kube:
        writer = StatusWriter(kube, per_second=PLENTY, first_pause=0.01)
        async with running(writer):
            for at, live in enumerate(lives):
                writer.submit(live, status(at))
            await door.turned_away.wait()
            assert writer.backlog == 5
            writer.submit(lives[0], status(70))
            door.is_open = True
            await writer.drained()
    assert [version_of(server, namespace, f"s{at}") for at in range(5)] == [70, 1, 2, 3, 4]


async def test_a_status_that_changes_while_it_is_being_written_ends_as_the_latest(
    server: ApiServer, kube: KubeClient, namespace: str
) -> None:
    live = LiveObject.of(server.create(namespace, on()).body)
    writer = StatusWriter(kube, per_second=PLENTY)
    async with running(writer):
        for version in range(40):
            writer.submit(live, status(version))
            await asyncio.sleep(0)
        await writer.drained()
    assert version_of(server, namespace) == 39


class Door:
    """A port before another one that turns everybody away until it is opened."""

    def __init__(self, target: int) -> None:
        self.is_open = False
        self.turned_away = asyncio.Event()
        self._target = target

    @contextlib.asynccontextmanager
    async def hung(self) -> AsyncIterator[int]:
        """Serve for the time of the block, at the port that it gives."""
        async with await asyncio.start_server(self._answer, "127.0.0.1", 0) as listener:
            yield listener.sockets[0].getsockname()[1]

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.is_open:
            self.turned_away.set()
            writer.close()
            return
        back, there = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(_pump(reader, there), _pump(back, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


def _through(port: int, control_plane: Cluster, tmp_path: Path) -> Settings:
    """Settings of an operator that reaches the API server at this port."""
    config = yaml.safe_load(control_plane.operator_kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{port}"
    place = tmp_path / "through.kubeconfig"
    place.write_text(yaml.safe_dump(config))
    return Settings(kubeconfig=str(place))
