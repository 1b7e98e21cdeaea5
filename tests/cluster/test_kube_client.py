"""What the operator asks of a real API server, under the rights that it ships with."""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.request
from functools import partial
from typing import TYPE_CHECKING

import pytest

from servicegraph.errors import (
    KubernetesConflict,
    KubernetesGone,
    KubernetesRefused,
    KubernetesUnavailable,
    SettingsError,
)
from servicegraph.kube.client import FIELD_MANAGER, KubeClient
from servicegraph.kube.connection import credentials
from servicegraph.local import ports
from servicegraph.model.servicedependency import PLURAL
from servicegraph.settings import Settings
from support.apiserver import ApiServer
from support.specs import on, spec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from servicegraph.local.cluster import Cluster
    from servicegraph.local.kubectl import Kubectl

STATUS = {"observedGeneration": 1, "graphVersion": 7}


@pytest.fixture
def server(control_plane: Cluster) -> ApiServer:
    """The API server as the administrator."""
    return ApiServer(control_plane.kubeconfig)


@pytest.fixture
async def kube(control_plane: Cluster, namespace: str) -> AsyncIterator[KubeClient]:
    """The client as the operator, for the namespace of this test."""
    settings = Settings(kubeconfig=str(control_plane.operator_kubeconfig), watch_namespaces=namespace)
    async with KubeClient(settings) as client:
        yield client


def moved(control_plane: Cluster, tmp_path: Path, **changes: str) -> Settings:
    """Settings with the operator's kubeconfig, changed: another `server`, another `token`."""
    text = control_plane.operator_kubeconfig.read_text()
    if "token" in changes:
        text = text.replace(credentials(str(control_plane.operator_kubeconfig)).token or "", changes["token"])
    if "server" in changes:
        text = text.replace(control_plane.url, changes["server"])
    place = tmp_path / "moved.kubeconfig"
    place.write_text(text)
    return Settings(kubeconfig=str(place))


async def test_a_list_is_complete_however_small_its_pages(
    kube: KubeClient, server: ApiServer, namespace: str
) -> None:
    for number in range(7):
        server.create(namespace, spec(name=f"s{number}"), name=f"s{number}")
    listed = await kube.list_dependencies(limit=3)
    assert [one["metadata"]["name"] for one in listed] == [f"s{number}" for number in range(7)]
    assert not [one for one in listed if "managedFields" in one["metadata"]]
    assert {one["kind"] for one in listed} == {"ServiceDependency"}


async def test_a_list_covers_the_watched_namespaces_only(
    control_plane: Cluster, server: ApiServer, kubectl: Kubectl, namespace: str
) -> None:
    other = f"{namespace}-other"
    kubectl.create_namespace(other)
    for place in (namespace, other):
        server.create(place, spec(), name=place)
    kubeconfig = str(control_plane.operator_kubeconfig)
    for watched, found in ((namespace, {namespace}), (f"{namespace}, {other}", {namespace, other})):
        async with KubeClient(Settings(kubeconfig=kubeconfig, watch_namespaces=watched)) as client:
            assert {one["metadata"]["name"] for one in await client.list_dependencies()} == found
    async with KubeClient(Settings(kubeconfig=kubeconfig)) as client:
        everywhere = {one["metadata"]["name"] for one in await client.list_dependencies()}
    assert everywhere >= {namespace, other}
    server.delete(other, other)


async def test_an_expired_continue_token_is_said_to_be_gone(
    control_plane: Cluster, kube: KubeClient, server: ApiServer, namespace: str
) -> None:
    for number in range(3):
        server.create(namespace, spec(name=f"s{number}"), name=f"s{number}")
    pages = partial(kube._ask, "list_namespaced_custom_object", namespace, PLURAL)
    page = await kube._page(PLURAL, pages, {"limit": 1})
    token = json.loads(base64.urlsafe_b64decode(page["metadata"]["continue"] + "=="))
    _forget_history(control_plane, page["items"][0]["metadata"]["resourceVersion"])
    outdated = base64.urlsafe_b64encode(json.dumps({**token, "rv": 1}).encode()).decode().rstrip("=")
    with pytest.raises(KubernetesGone, match="410"):
        await kube._page(PLURAL, pages, {"limit": 1, "_continue": outdated})


async def test_a_missing_kind_is_an_outage_and_no_empty_list(
    control_plane: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servicegraph.kube.client.PLURAL", "otherdependencies")
    monkeypatch.setattr("servicegraph.kube.client._RESOURCE", ("nowhere.dev", "v1"))
    admin = Settings(kubeconfig=str(control_plane.kubeconfig))
    async with KubeClient(admin) as client:
        with pytest.raises(KubernetesUnavailable, match="install the CRDs"):
            await client.list_dependencies()


async def test_a_status_is_applied_and_nothing_else_is_touched(
    kube: KubeClient, server: ApiServer, namespace: str
) -> None:
    created = server.create(namespace, on()).body
    answer = await kube.apply_dependency_status(
        namespace, "one", created["metadata"]["resourceVersion"], STATUS
    )
    now = server.get(namespace)
    assert answer["status"] == now["status"] == STATUS
    assert now["spec"] == created["spec"]
    assert now["metadata"]["generation"] == 1
    assert "annotations" not in now["metadata"]
    assert "finalizers" not in now["metadata"]
    managers = {one["manager"]: one.get("subresource") for one in now["metadata"]["managedFields"]}
    assert managers[FIELD_MANAGER] == "status"


async def test_a_status_for_an_older_version_of_the_object_is_a_conflict(
    kube: KubeClient, server: ApiServer, namespace: str
) -> None:
    version = server.create(namespace, on()).body["metadata"]["resourceVersion"]
    server.merge(namespace, {"metadata": {"labels": {"a": "b"}}})
    with pytest.raises(KubernetesConflict):
        await kube.apply_dependency_status(namespace, "one", version, STATUS)
    assert server.get(namespace)["status"] == {"observedGeneration": -1}


async def test_a_status_never_reaches_another_object_of_the_same_name(
    kube: KubeClient, server: ApiServer, namespace: str
) -> None:
    version = server.create(namespace, on()).body["metadata"]["resourceVersion"]
    server.delete(namespace)
    with pytest.raises(KubernetesGone):
        await kube.apply_dependency_status(namespace, "one", version, STATUS)
    server.create(namespace, on())
    with pytest.raises(KubernetesConflict):
        await kube.apply_dependency_status(namespace, "one", version, STATUS)


async def test_a_status_that_breaks_the_schema_is_refused_with_the_field(
    kube: KubeClient, server: ApiServer, namespace: str
) -> None:
    version = server.create(namespace, on()).body["metadata"]["resourceVersion"]
    with pytest.raises(KubernetesRefused, match=r"status\.graphVersion"):
        await kube.apply_dependency_status(namespace, "one", version, {"graphVersion": -4})


async def test_an_object_is_read_and_a_missing_one_is_gone(
    kube: KubeClient, server: ApiServer, namespace: str
) -> None:
    uid = server.create(namespace, on()).body["metadata"]["uid"]
    assert (await kube.get_dependency(namespace, "one"))["metadata"]["uid"] == uid
    with pytest.raises(KubernetesGone):
        await kube.get_dependency(namespace, "two")


def test_the_operator_may_not_write_what_people_declare(
    control_plane: Cluster, server: ApiServer, namespace: str
) -> None:
    server.create(namespace, on())
    operator = ApiServer(control_plane.operator_kubeconfig)
    refused = [
        operator.create(namespace, on(), name="two"),
        operator.merge(namespace, {"spec": {"service": {"team": "x"}}}),
        operator.merge(namespace, {"metadata": {"annotations": {"a": "b"}}}),
        operator.delete(namespace),
        operator.ask("GET", "/api/v1/secrets"),
        operator.ask("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"),
    ]
    assert [answer.code for answer in refused] == [403] * len(refused)


async def test_nobody_listening_is_an_outage(control_plane: Cluster, tmp_path: Path) -> None:
    settings = moved(control_plane, tmp_path, server=f"https://127.0.0.1:{ports.free()}")
    async with KubeClient(settings) as client:
        with pytest.raises(KubernetesUnavailable):
            await client.list_dependencies()


async def test_a_server_that_is_no_api_server_is_an_outage(control_plane: Cluster, tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        await writer.drain()
        writer.close()

    impostor = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = impostor.sockets[0].getsockname()[1]
    async with (
        impostor,
        KubeClient(moved(control_plane, tmp_path, server=f"http://127.0.0.1:{port}")) as client,
    ):
        with pytest.raises(KubernetesUnavailable, match="no object"):
            await client.list_dependencies()


async def test_a_server_that_asks_for_patience_is_understood(control_plane: Cluster, tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        await writer.drain()
        writer.close()

    busy = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = busy.sockets[0].getsockname()[1]
    async with busy, KubeClient(moved(control_plane, tmp_path, server=f"http://127.0.0.1:{port}")) as client:
        with pytest.raises(KubernetesUnavailable) as outage:
            await client.get_dependency("default", "one")
    assert outage.value.retry_after == 3


async def test_a_token_that_was_replaced_is_read_anew(
    control_plane: Cluster, server: ApiServer, namespace: str, tmp_path: Path
) -> None:
    server.create(namespace, on())
    settings = moved(control_plane, tmp_path, token="outdated")
    async with KubeClient(settings) as client:
        with pytest.raises(KubernetesUnavailable, match="401"):
            await client.get_dependency(namespace, "one")
        (tmp_path / "moved.kubeconfig").write_text(control_plane.operator_kubeconfig.read_text())
        assert (await client.get_dependency(namespace, "one"))["metadata"]["name"] == "one"
        assert client.credentials().token == credentials(str(control_plane.operator_kubeconfig)).token


async def test_credentials_are_found_also_where_a_loop_is_running(control_plane: Cluster) -> None:
    found = credentials(str(control_plane.operator_kubeconfig))
    assert found.server == control_plane.url
    assert not found.insecure
    assert found.token
    assert found.token not in repr(found)


async def test_no_kubeconfig_says_what_to_set(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("clusters: 3")
    for place in (tmp_path / "nowhere", broken):
        with pytest.raises(SettingsError, match="KUBECONFIG"):
            async with KubeClient(Settings(kubeconfig=str(place))):
                pass


def _forget_history(control_plane: Cluster, revision: str) -> None:
    """Let etcd forget what was before `revision`, as it does by itself every five minutes."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{control_plane.ports.etcd}/v3/kv/compaction",
        data=json.dumps({"revision": revision, "physical": True}).encode(),
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
