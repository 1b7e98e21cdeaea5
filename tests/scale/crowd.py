"""Thousands of ServiceDependency objects of one namespace, written and read past kubectl, which takes them one by one."""

from __future__ import annotations

import contextlib
import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from servicegraph.model.servicedependency import API_VERSION, PLURAL
from support.manifests import manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.apiserver import ApiServer

IN_FLIGHT = 32
PAGE = 300
_STEP = 7


@dataclass(frozen=True)
class Crowd:
    """`size` objects, each of which calls `degree` others; through their circles everything reaches everything."""

    server: ApiServer
    namespace: str
    size: int
    degree: int

    @property
    def edges(self) -> set[tuple[str, str]]:
        """What the graph has to hold, as printed ids."""
        return {
            (f"{self.namespace}/{source}", f"{self.namespace}/{target}")
            for source, targets in map(self._calls, range(self.size))
            for target in targets
        }

    def create(self) -> None:
        """Create them all, with many requests in flight."""
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            for done in [pool.submit(self._create, first) for first in range(IN_FLIGHT)]:
                done.result()

    def delete(self) -> None:
        """Delete them all, a page at a time: the API server gives up on a request that takes a minute."""
        with self._connected() as connection:
            while self._ask(connection, "GET", limit="1")["items"]:
                self._ask(connection, "DELETE", limit=str(PAGE))

    def bodies(self) -> list[dict[str, Any]]:
        """All objects as they are now, by name."""
        found: list[dict[str, Any]] = []
        more: str | None = ""
        with self._connected() as connection:
            while more is not None:
                page = self._ask(connection, "GET", limit=str(PAGE), **({"continue": more} if more else {}))
                found += page["items"]
                more = page["metadata"].get("continue") or None  # the last page says ""
        return sorted(found, key=lambda body: str(body["metadata"]["name"]))

    def _create(self, first: int) -> None:
        """Create one in `IN_FLIGHT`, one after the other."""
        with self._connected() as connection:
            for number in range(first, self.size, IN_FLIGHT):
                source, targets = self._calls(number)
                self._ask(connection, "POST", manifest(source, *targets))

    def _calls(self, number: int) -> tuple[str, list[str]]:
        """Who calls whom, by name."""
        others = [(number + 1 + _STEP * at * at) % self.size for at in range(self.degree)]
        return f"s{number:05}", [f"s{other:05}" for other in others]

    @contextlib.contextmanager
    def _connected(self) -> Iterator[http.client.HTTPSConnection]:
        address = urlsplit(self.server._url)
        connection = http.client.HTTPSConnection(
            str(address.hostname), address.port, context=self.server._tls
        )
        with contextlib.closing(connection):
            yield connection

    def _ask(
        self, connection: http.client.HTTPSConnection, method: str, body: Any = None, **query: str
    ) -> dict[str, Any]:
        path = f"/apis/{API_VERSION}/namespaces/{self.namespace}/{PLURAL}?{urlencode(query)}"
        headers = {"Authorization": f"Bearer {self.server._token}", "Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        with connection.getresponse() as answer:
            said: dict[str, Any] = json.load(answer)
        assert answer.status in {200, 201}, said
        return said
