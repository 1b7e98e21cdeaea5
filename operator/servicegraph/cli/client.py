"""How the reading commands ask the HTTP server; what goes wrong becomes a message and exit status 1."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

import click
import orjson

from servicegraph.model.apikey import id_of
from servicegraph.model.ids import NO_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from urllib.parse import SplitResult

    from servicegraph.model.ids import ServiceKey
    from servicegraph.settings import Settings

_SECONDS = 30
_PAGE = "1000"
_HOW_TO = """\
SERVICEGRAPH_URL is not set, so there is no server to ask. With a local environment running:
  eval "$(servicegraph local env)"
else name the server, and your key to it, yourself:
  export SERVICEGRAPH_URL=http://127.0.0.1:8000 SERVICEGRAPH_API_KEY=sg_..."""
_NO_KEY = "the command line sends the key that SERVICEGRAPH_API_KEY holds, and that is not set"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    body: bytes
    age: str | None
    """Seconds by which the answer may be out of date; None while it is current."""

    def tell_age(self) -> None:
        """Say beside the answer that it may be out of date, if it may."""
        if self.age is not None:
            click.echo(f"Note: the server cannot reach its database; the graph is {self.age} s old", err=True)


class Client:
    """Asks the server at the `SERVICEGRAPH_URL` of `settings`, with the key that they hold.

    Raises:
        click.ClickException: there is no such setting, or it is no URL; or the key is none.
    """

    def __init__(self, settings: Settings) -> None:
        if not settings.servicegraph_url:
            raise click.ClickException(_HOW_TO)
        self._url = settings.servicegraph_url.rstrip("/")
        self._parts = urlsplit(self._url)
        self._key = settings.servicegraph_api_key
        if not _is_server(self._parts):
            raise click.ClickException(f"SERVICEGRAPH_URL={self._url!r} is no URL; write http://host:port")
        if self._key and id_of(self._key) is None:
            raise click.ClickException(
                "SERVICEGRAPH_API_KEY holds no key, or not all of it; one reads sg_..."
            )

    def dependencies(self, service: ServiceKey, parameters: Mapping[str, str]) -> Answer:
        """The subgraph around `service`; its kind is not asked for unless `parameters` do.

        Raises:
            click.ClickException: the server cannot be reached, or refuses.
        """
        path = f"{_segment(service.namespace or NO_NAMESPACE)}/{_segment(service.name)}"
        cluster = {"cluster": service.cluster} if service.cluster else {}
        return self._get(f"/api/v1/services/{path}/dependencies?{urlencode({**parameters, **cluster})}")

    def read(self, route: str, parameters: Mapping[str, str]) -> Answer:
        """What the server answers on a route below `/api/v1/`.

        Raises:
            click.ClickException: the server cannot be reached, or refuses.
        """
        return self._get(f"/api/v1/{route}?{urlencode(parameters)}")

    def whole_list(self, route: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """All pages of a list as one document of `items` and `graph_version`; says beside it if it may be out of date.

        Raises:
            click.ClickException: the server cannot be reached, or refuses.
        """
        items: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            answer = self.read(route, {"limit": _PAGE, **parameters, **cursor})
            answer.tell_age()
            page = orjson.loads(answer.body)
            items += page["items"]
            if page["next_cursor"] is None:
                return {"items": items, "graph_version": page["graph_version"]}
            cursor = {"cursor": page["next_cursor"]}

    def check(self, manifests: Sequence[Mapping[str, Any]], namespace: str) -> Answer:
        """What the manifests would change; those that name no namespace are applied in `namespace`.

        Raises:
            click.ClickException: the server cannot be reached, or refuses.
        """
        path = f"/api/v1/check?{urlencode({'namespace': namespace})}"
        return self._ask("POST", path, orjson.dumps({"manifests": manifests}))

    @property
    def _headers(self) -> dict[str, str]:
        return {"X-API-Key": self._key} if self._key else {}

    def _get(self, path: str) -> Answer:
        return self._ask("GET", path)

    def _ask(self, method: str, path: str, sent: bytes | None = None) -> Answer:
        """Send one request; a body is JSON."""
        headers = self._headers | ({"Content-Type": "application/json"} if sent is not None else {})
        connect = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        try:
            connection = connect(self._parts.netloc.rpartition("@")[2], timeout=_SECONDS)
            try:
                connection.request(method, self._parts.path + path, body=sent, headers=headers)
                response = connection.getresponse()
                body = response.read()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise click.ClickException(f"no answer from {self._url}: {error}") from error
        if response.status == http.client.UNAUTHORIZED and not self._key:
            raise click.ClickException(f"{_detail(body)}; {_NO_KEY}")
        if response.status != http.client.OK:
            raise click.ClickException(
                _detail(body) or f"{self._url} answered {response.status} {response.reason}"
            )
        return Answer(body, response.getheader("X-Graph-Age"))


def given(**parameters: str | None) -> dict[str, str]:
    """The parameters that are given."""
    return {name: value for name, value in parameters.items() if value is not None}


def _is_server(parts: SplitResult) -> bool:
    """Whether the parts of a URL name a server that speaks HTTP."""
    try:
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number
        return False


def _segment(name: str) -> str:
    return quote(name, safe="")


def _detail(body: bytes) -> str | None:
    """What a problem document says is wrong; None if it is none."""
    try:
        problem = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    detail = problem.get("detail") if isinstance(problem, dict) else None
    return detail if isinstance(detail, str) else None
