"""One connection to the API server, and how everything is asked over it: in time, page by page, with credentials renewed.

What there is to ask stands in `kube.client`.
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
from servicegraph.model.packed import Bodies
from servicegraph.model.servicedependency import GROUP

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from servicegraph.settings import Settings

    Body = dict[str, Any]

_client: Any = kubernetes_asyncio.client  # the package is not typed

_CONNECTIONS = 32
_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 30


class Calls:
    """A connection for one event loop: `async with` opens and closes it."""

    def __init__(self, settings: Settings) -> None:
        self._kubeconfig = settings.kubeconfig
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

    async def _list(self, what: str, page: Callable[..., Awaitable[Any]], limit: int) -> Bodies:
        """All objects of a kind, complete and of one moment, or an error. `page` asks for one page; `what` is the plural.

        Raises:
            KubernetesGone: the list took so long that its continue token has expired.
            KubernetesUnavailable: no answer; or the CRD is not installed.
        """
        found = Bodies()
        options: Body = {"limit": limit}
        while True:
            answer = await self._page(what, page, options)
            for body in answer["items"]:
                found.append(lean(body))
            token = answer["metadata"].get("continue") or ""
            if not token:
                return found
            options["_continue"] = token

    async def _page(self, what: str, page: Callable[..., Awaitable[Any]], options: Body) -> Body:
        """One page of a list."""
        try:
            return await self._call(f"list {what}", lambda: page(**options))
        except KubernetesGone as error:
            if "_continue" in options:
                raise
            # Never to be taken for an empty list: nothing is known of the objects while their kind is missing.
            raise KubernetesUnavailable(
                f"the API server does not know {what}.{GROUP}: install the CRDs (kubectl apply -f crds/)"
            ) from error

    async def _call(self, doing: str, ask: Callable[[], Awaitable[Any]]) -> Body:
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


def time_limit() -> aiohttp.ClientTimeout:
    """How long one call may take: waiting for a free connection counts, connecting has a limit of its own."""
    return aiohttp.ClientTimeout(total=_ANSWER_SECONDS, sock_connect=_CONNECT_SECONDS)


def lean(body: Body) -> Body:
    """The object without the bookkeeping of field managers, which is half of it."""
    body["metadata"].pop("managedFields", None)
    return body
