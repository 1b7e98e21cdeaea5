"""What the admission webhook needs of the Kubernetes API: one configuration and one Secret, each by its name.

The operator may touch no other of either kind. `reconcile.webhook` calls this.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import kubernetes_asyncio.client

from servicegraph.errors import KubernetesGone
from servicegraph.kube.calls import Calls, time_limit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from servicegraph.kube.calls import Body

_client: Any = kubernetes_asyncio.client  # the package is not typed

FIELD_MANAGER = "servicegraph-webhook"
"""The owner of the fields that we write here, so that they never mix with those that we write elsewhere."""

_GROUP = ("admissionregistration.k8s.io", "v1")
_PLURAL = "validatingwebhookconfigurations"
_APPLY = "application/apply-patch+yaml"
_AUTHORITIES, _CERTIFICATE, _KEY = "ca.crt", "tls.crt", "tls.key"


@dataclass(frozen=True, slots=True)
class Kept:
    """What the Secret holds, as PEM; empty where it lacks something."""

    resource_version: str = ""
    """Empty while there is no Secret."""
    authorities: bytes = b""
    """Who is to be trusted: the one that signed the certificate, and the one before it while it lives."""
    certificate: bytes = b""
    key: bytes = b""

    def __repr__(self) -> str:
        """Where it is from, without the key."""
        return f"Kept(resource_version={self.resource_version!r})"


class WebhookClient(Calls):
    """A client for one event loop: `async with WebhookClient(settings) as kube`."""

    async def get_configuration(self, name: str) -> Body:
        """A ValidatingWebhookConfiguration.

        Raises:
            KubernetesGone: it does not exist.
        """
        return await self._call(
            f"read the webhook configuration {name}",
            lambda: self._api.get_cluster_custom_object(
                *_GROUP, _PLURAL, name, _request_timeout=time_limit()
            ),
        )

    async def trust(self, name: str, resource_version: str, webhooks: list[str], authorities: bytes) -> None:
        """Have the webhooks of a configuration trust some authorities.

        Raises:
            KubernetesConflict: the configuration has changed since it was read.
        """
        bundle = base64.b64encode(authorities).decode()
        body = {
            "apiVersion": "/".join(_GROUP),
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": name, "resourceVersion": resource_version},
            "webhooks": [{"name": one, "clientConfig": {"caBundle": bundle}} for one in webhooks],
        }
        await self._call(
            f"write the webhook configuration {name}",
            lambda: self._api.patch_cluster_custom_object(*_GROUP, _PLURAL, name, body, **_applied()),
        )

    async def get_kept(self, namespace: str, name: str) -> Kept:
        """What the Secret holds; nothing where there is none."""
        core = _client.CoreV1Api(self._connection)
        try:
            return _kept(
                await self._secret(
                    f"read the Secret {namespace}/{name}",
                    lambda: core.read_namespaced_secret(name, namespace, _request_timeout=time_limit()),
                )
            )
        except KubernetesGone:
            return Kept()

    async def keep(self, namespace: str, name: str, kept: Kept) -> Kept:
        """Write the Secret, which is made where there is none; what it holds then.

        Raises:
            KubernetesConflict: it has changed since it was read.
        """
        said = {_AUTHORITIES: kept.authorities, _CERTIFICATE: kept.certificate, _KEY: kept.key}
        version = {"resourceVersion": kept.resource_version} if kept.resource_version else {}
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "labels": {"app.kubernetes.io/name": "servicegraph"},
                **version,
            },
            "type": "kubernetes.io/tls",
            "data": {field: base64.b64encode(value).decode() for field, value in said.items()},
        }
        core = _client.CoreV1Api(self._connection)
        return _kept(
            await self._secret(
                f"write the Secret {namespace}/{name}",
                lambda: core.patch_namespaced_secret(name, namespace, body, **_applied()),
            )
        )

    async def _secret(self, doing: str, call: Callable[[], Awaitable[Any]]) -> Body:
        """What the API server answers about a Secret, as a plain object."""

        async def ask() -> Body:
            secret = await call()
            return {"version": secret.metadata.resource_version, "data": secret.data or {}}

        return await self._call(doing, ask)


def _kept(secret: Body) -> Kept:
    return Kept(
        secret["version"],
        *(_bytes(secret["data"].get(field, "")) for field in (_AUTHORITIES, _CERTIFICATE, _KEY)),
    )


def _bytes(value: str) -> bytes:
    try:
        return base64.b64decode(value)
    except binascii.Error:
        return b""


def _applied() -> dict[str, Any]:
    """The options of a server-side apply."""
    return {
        "field_manager": FIELD_MANAGER,
        "force": True,
        "_content_type": _APPLY,
        "_request_timeout": time_limit(),
    }
