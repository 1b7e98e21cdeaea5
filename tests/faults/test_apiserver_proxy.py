"""The proxy in front of the API server does to its clients what tests rely on."""

from __future__ import annotations

import json
import ssl
import threading
import urllib.error
import urllib.request
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from faults.apiserver import ApiServerProxy, bears, is_list
from faults.gates import Moment
from support.apiserver import ApiServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPResponse
    from pathlib import Path

    from servicegraph.local.cluster import Cluster

SPEC = {"service": {"name": "a"}}


@pytest.fixture
def proxy(tmp_path: Path, control_plane: Cluster) -> Iterator[ApiServerProxy]:
    with ApiServerProxy(control_plane.kubeconfig, tmp_path) as proxy:
        yield proxy


@pytest.fixture
def direct(control_plane: Cluster) -> ApiServer:
    return ApiServer(control_plane.kubeconfig)


def watch(proxy: ApiServerProxy, namespace: str) -> HTTPResponse:
    """An open watch through the proxy."""
    config = yaml.safe_load(proxy.kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    path = f"/apis/servicegraph.dev/v1alpha1/namespaces/{namespace}/servicedependencies?watch=true"
    request = urllib.request.Request(
        cluster["server"] + path, headers={"Authorization": f"Bearer {proxy.token}"}
    )
    trust = ssl.create_default_context(cadata=b64decode(cluster["certificate-authority-data"]).decode())
    answer: HTTPResponse = urllib.request.urlopen(request, context=trust, timeout=60)
    return answer


def event(answer: HTTPResponse) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.readline())
    return found


def test_what_nobody_disturbs_passes(proxy: ApiServerProxy, namespace: str) -> None:
    through = ApiServer(proxy.kubeconfig)
    assert through.create(namespace, SPEC).code == 201
    assert through.get(namespace)["spec"]["service"]["name"] == "a"


def test_events_are_swallowed_and_a_watch_ends_with_an_error(
    proxy: ApiServerProxy, direct: ApiServer, namespace: str
) -> None:
    with watch(proxy, namespace) as stream:
        direct.create(namespace, SPEC, name="one")
        assert event(stream)["object"]["metadata"]["name"] == "one"
        proxy.swallow(lambda event: event["type"] == "DELETED")
        direct.delete(namespace, "one")
        direct.create(namespace, SPEC, name="two")
        assert event(stream)["object"]["metadata"]["name"] == "two"
        proxy.end_watches(410, "Expired")
        last = event(stream)
        assert (last["type"], last["object"]["code"]) == ("ERROR", 410)
        assert stream.readline() == b""
    assert proxy.watches == 0


def test_lists_come_in_small_pages_and_answers_can_be_wrong(
    proxy: ApiServerProxy, direct: ApiServer, namespace: str
) -> None:
    for name in ("one", "two", "three"):
        direct.create(namespace, SPEC, name=name)
    through = ApiServer(proxy.kubeconfig)
    path = f"/apis/servicegraph.dev/v1alpha1/namespaces/{namespace}/servicedependencies"
    proxy.small_pages(2)
    page = through.ask("GET", path).body
    assert len(page["items"]) == 2
    assert page["metadata"]["continue"]

    proxy.answer(503, is_list)
    proxy.answer(401, bears("another token"))
    assert through.ask("GET", path).code == 503
    assert through.get(namespace, "one")["metadata"]["name"] == "one"
    assert proxy.refused == 1
    proxy.heal()
    assert len(through.ask("GET", path).body["items"]) == 3


@pytest.mark.parametrize(("moment", "written"), [(Moment.BEFORE, False), (Moment.AFTER, True)])
def test_a_client_is_stopped_before_or_after_its_status_write_and_never_hears_of_it(
    proxy: ApiServerProxy, direct: ApiServer, namespace: str, moment: Moment, written: bool
) -> None:
    direct.create(namespace, SPEC)
    through = ApiServer(proxy.kubeconfig)
    patch = {"status": {"observedGeneration": 7}}
    heard: list[Any] = []

    def write() -> None:
        try:
            heard.append(through.merge(namespace, patch, part="/status"))
        except (OSError, urllib.error.URLError) as error:
            heard.append(error)

    proxy.stop_at(1, moment)
    writing = threading.Thread(target=write)
    writing.start()
    assert proxy.reached.wait(30)
    assert (direct.get(namespace)["status"]["observedGeneration"] == 7) is written
    proxy.heal()
    writing.join()
    assert isinstance(heard[0], OSError)
    assert (direct.get(namespace)["status"]["observedGeneration"] == 7) is written
