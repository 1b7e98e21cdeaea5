"""Reading one value of a Secret, which sources of telemetry refer to. The operator may do so in its own namespace only.

Nothing is kept: a value that was changed is found at the next reading. `client` has it beside everything else that is asked.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import kubernetes_asyncio.client

from servicegraph.errors import BadInput, KubernetesGone
from servicegraph.kube.calls import Calls, time_limit

if TYPE_CHECKING:
    from servicegraph.kube.calls import Body

_client: Any = kubernetes_asyncio.client  # the package is not typed


class SecretCalls(Calls):
    """The part of a client that reads Secrets."""

    async def read_secret(self, namespace: str, name: str, key: str) -> str:
        """The text under `key` of a Secret.

        Raises:
            BadInput: there is no such Secret, it has no such key, or what stands there is no text; says which.
            KubernetesRefused: we may not read it.
            KubernetesUnavailable: no answer.
        """
        core = _client.CoreV1Api(self._connection)

        async def ask() -> Body:
            return {"data": (await core.read_namespaced_secret(name, namespace, **options)).data or {}}

        options = {"_request_timeout": time_limit()}
        try:
            data = (await self._call(f"read the Secret {namespace}/{name}", ask))["data"]
        except KubernetesGone:
            raise BadInput(f"there is no Secret {name} in namespace {namespace}: create it") from None
        if key not in data:
            raise BadInput(f"the Secret {namespace}/{name} has no key {key}: add it")
        try:
            return base64.b64decode(data[key]).decode()
        except ValueError:
            raise BadInput(f"what stands under {key} in the Secret {namespace}/{name} is no text") from None
