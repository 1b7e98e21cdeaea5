"""What the operator asks of the Kubernetes API: lists, single objects, status writes. The watch is Kopf's.

Every call has a time limit and raises our own errors only. `writeback` and `reconcile` call this.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import kubernetes_asyncio.client
from kubernetes_asyncio.client.exceptions import ApiException

from servicegraph import __version__
from servicegraph.errors import KubernetesGone, KubernetesUnavailable, SettingsError
from servicegraph.kube.connection import Credentials, configure, credentials
from servicegraph.kube.errors import translated
from servicegraph.model.servicedependency import API_VERSION, GROUP, KIND, PLURAL, VERSION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from servicegraph.settings import Settings

__all__ = ["Credentials", "KubeClient"]

_client: Any = kubernetes_asyncio.client  # the package is not typed

FIELD_MANAGER = "servicegraph"
"""The owner of the fields that we apply, as `kubectl get --show-managed-fields` names it."""
PAGE = 500
_CONNECTIONS = 32
_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 30
_RESOURCE = (GROUP, VERSION)
_APPLY = "application/apply-patch+yaml"
"""Named on every apply: left to itself the client sends a JSON patch, which the server rejects."""


class KubeClient:
    """A client for one event loop: `async with KubeClient(settings) as kube`."""

    def __init__(self, settings: Settings) -> None:
        self._kubeconfig = settings.kubeconfig
        self._namespaces = settings.namespaces
        self._renewing = asyncio.Lock()
        self._configuration: Any = None
        self._connection: Any = None
        self._api: Any = None

    async def __aenter__(self) -> Self:
        self._configuration = await configure(self._kubeconfig)
        self._configuration.connection_pool_maxsize = _CONNECTIONS
        self._connection = _client.ApiClient(self._configuration)
        self._connection.user_agent = f"servicegraph/{__version__}"
        self._api = _client.CustomObjectsApi(self._connection)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.close()

    def credentials(self) -> Credentials:
        """How to reach the API server, read anew; for clients other than this one, in any thread."""
        return credentials(self._kubeconfig)

    async def list_dependencies(self, limit: int = PAGE) -> list[dict[str, Any]]:
        """All ServiceDependency objects that we watch, complete and of one moment each namespace, or an error.

        Reads `limit` objects at a time. The bookkeeping of field managers is left out: it is half of each object.

        Raises:
            KubernetesGone: the list took so long that its continue token has expired.
            KubernetesUnavailable: no answer; or the CRD is not installed.
        """
        found: list[dict[str, Any]] = []
        for namespace in self._namespaces or ("",):
            token = ""
            while True:
                page = await self._page(namespace, limit, token)
                found.extend(_lean(body) for body in page["items"])
                token = page["metadata"].get("continue") or ""
                if not token:
                    break
        return found

    async def get_dependency(self, namespace: str, name: str) -> dict[str, Any]:
        """One ServiceDependency.

        Raises:
            KubernetesGone: it does not exist.
        """
        return _lean(
            await self._call(
                f"read {namespace}/{name}",
                lambda: self._api.get_namespaced_custom_object(
                    *_RESOURCE, namespace, PLURAL, name, _request_timeout=_time_limit()
                ),
            )
        )

    async def apply_dependency_status(
        self, namespace: str, name: str, resource_version: str, status: dict[str, Any]
    ) -> dict[str, Any]:
        """Apply `status` to a ServiceDependency that is still at `resource_version`; the answer is the object as it is then.

        The resource version is what tells the object from another of the same name: the server ignores a wrong uid.
        `force` because the server itself owns a defaulted status until the first apply.

        Raises:
            KubernetesConflict: the object has changed since it was read.
            KubernetesGone: it does not exist.
        """
        body = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": name, "namespace": namespace, "resourceVersion": resource_version},
            "status": status,
        }
        return _lean(
            await self._call(
                f"write the status of {namespace}/{name}",
                lambda: self._api.patch_namespaced_custom_object_status(
                    *_RESOURCE,
                    namespace,
                    PLURAL,
                    name,
                    body,
                    field_manager=FIELD_MANAGER,
                    force=True,
                    _content_type=_APPLY,
                    _request_timeout=_time_limit(),
                ),
            )
        )

    async def _page(self, namespace: str, limit: int, token: str) -> dict[str, Any]:
        """One page of a list; an empty `namespace` means all."""
        options: dict[str, Any] = {"limit": limit, "_request_timeout": _time_limit()}
        if token:
            options["_continue"] = token

        def ask() -> Awaitable[Any]:
            if namespace:
                answer = self._api.list_namespaced_custom_object(*_RESOURCE, namespace, PLURAL, **options)
            else:
                answer = self._api.list_cluster_custom_object(*_RESOURCE, PLURAL, **options)
            return answer  # type: ignore[no-any-return] # the package is not typed

        try:
            return await self._call(f"list {PLURAL}", ask)
        except KubernetesGone as error:
            if token:
                raise
            # Never to be taken for an empty list: nothing is known of the objects while their kind is missing.
            raise KubernetesUnavailable(
                f"the API server does not know {PLURAL}.{GROUP}: install the CRDs (kubectl apply -f crds/)"
            ) from error

    async def _call(self, doing: str, ask: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
        """Ask, once more with credentials read anew when ours are out of date."""
        with translated(doing):
            try:
                answer = await ask()
            except ApiException as error:
                if error.status != 401:
                    raise
                await self._renew()
                answer = await ask()
        if not isinstance(answer, dict):
            raise KubernetesUnavailable(f"{doing}: the answer is no object; is that a Kubernetes API server?")
        return answer

    async def _renew(self) -> None:
        """Read the credentials anew; tokens are replaced while we run."""
        async with self._renewing:
            try:
                fresh = await configure(self._kubeconfig)
            except SettingsError as error:
                raise KubernetesUnavailable(error.message) from error
            self._configuration.api_key = fresh.api_key
            self._configuration.refresh_api_key_hook = fresh.refresh_api_key_hook


def _time_limit() -> aiohttp.ClientTimeout:
    """How long one call may take: waiting for a free connection counts, connecting has a limit of its own."""
    return aiohttp.ClientTimeout(total=_ANSWER_SECONDS, sock_connect=_CONNECT_SECONDS)


def _lean(body: dict[str, Any]) -> dict[str, Any]:
    """The object without the bookkeeping of field managers."""
    body["metadata"].pop("managedFields", None)
    return body
