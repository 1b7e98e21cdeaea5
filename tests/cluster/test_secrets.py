"""Reading Secrets under the rights that ship."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING

import pytest

from servicegraph.errors import BadInput, KubernetesRefused
from servicegraph.kube.client import KubeClient
from servicegraph.settings import Settings
from support.apiserver import ApiServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from servicegraph.local.cluster import Cluster
    from servicegraph.local.kubectl import Kubectl

OWN = "servicegraph-system"


@pytest.fixture
async def kube(control_plane: Cluster) -> AsyncIterator[KubeClient]:
    async with KubeClient(Settings(kubeconfig=str(control_plane.operator_kubeconfig))) as client:
        yield client


@pytest.fixture
def secret(control_plane: Cluster, kubectl: Kubectl) -> Iterator[str]:
    """The name of a Secret in the operator's own namespace."""
    name = f"test-{secrets.token_hex(4)}"
    values = {"token": b"s3cret\n", "binary": b"\xff\xfe"}
    data = {key: base64.b64encode(value).decode() for key, value in values.items()}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
    made = ApiServer(control_plane.kubeconfig).ask("POST", f"/api/v1/namespaces/{OWN}/secrets", body)
    assert made.code == 201, made.message
    yield name
    kubectl("delete", "secret", name, "-n", OWN)


async def test_a_value_of_a_secret_is_read_as_it_was_written(kube: KubeClient, secret: str) -> None:
    assert await kube.read_secret(OWN, secret, "token") == "s3cret\n"


async def test_what_cannot_be_read_is_told_with_what_to_do(kube: KubeClient, secret: str) -> None:
    for name, key, said in (
        ("nosuch", "token", f"there is no Secret nosuch in namespace {OWN}: create it"),
        (secret, "password", f"the Secret {OWN}/{secret} has no key password: add it"),
        (secret, "binary", f"what stands under binary in the Secret {OWN}/{secret} is no text"),
    ):
        with pytest.raises(BadInput) as refused:
            await kube.read_secret(OWN, name, key)
        assert refused.value.message == said


async def test_a_secret_of_another_namespace_is_out_of_reach(kube: KubeClient) -> None:
    with pytest.raises(KubernetesRefused, match="forbidden"):
        await kube.read_secret("default", "any", "key")
