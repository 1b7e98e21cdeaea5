"""The API server asked directly, with any body at all: what kubectl would not send is what has to be tried too."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from servicegraph.model.servicedependency import API_VERSION, KIND, PLURAL

if TYPE_CHECKING:
    from pathlib import Path

_PATH = f"/apis/{API_VERSION}/namespaces"
_TRIES = 1_000


class Answer(NamedTuple):
    """What it said."""

    code: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        """The sentence for people, when it refused."""
        return str(self.body.get("message", ""))


class ApiServer:
    """An API server, as the identity of one kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        self._url = cluster["server"]
        self._tls = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
        )
        self._token = config["users"][0]["user"]["token"]

    def create(self, namespace: str, spec: dict[str, Any], query: str = "", name: str = "one") -> Answer:
        """Create a ServiceDependency."""
        body = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec}
        return self.ask("POST", f"{_PATH}/{namespace}/{PLURAL}?{query}", body)

    def apply(
        self, namespace: str, spec: dict[str, Any], manager: str, query: str = "", name: str = "one"
    ) -> Answer:
        """Apply a ServiceDependency server-side, as the field manager `manager`."""
        body = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec}
        path = f"{_PATH}/{namespace}/{PLURAL}/{name}?fieldManager={manager}&{query}"
        return self.ask("PATCH", path, body, "application/apply-patch+yaml")

    def merge(self, namespace: str, patch: dict[str, Any], name: str = "one", part: str = "") -> Answer:
        """Change a ServiceDependency, or with `part="/status"` its status."""
        path = f"{_PATH}/{namespace}/{PLURAL}/{name}{part}"
        return self.ask("PATCH", path, patch, "application/merge-patch+json")

    def get(self, namespace: str, name: str = "one") -> dict[str, Any]:
        """A ServiceDependency as it is."""
        return self.ask("GET", f"{_PATH}/{namespace}/{PLURAL}/{name}").body

    def delete(self, namespace: str, name: str = "one") -> Answer:
        """Delete a ServiceDependency."""
        return self.ask("DELETE", f"{_PATH}/{namespace}/{PLURAL}/{name}")

    def ask(self, method: str, path: str, body: Any = None, content: str = "application/json") -> Answer:
        """Send one request; again, as every client does, while the server says that it is not ready for that (429)."""
        for _ in range(_TRIES):
            answer = self._asked_once(method, path, body, content)
            if answer.code != HTTPStatus.TOO_MANY_REQUESTS:
                break
        return answer

    def _asked_once(self, method: str, path: str, body: Any, content: str) -> Answer:
        request = urllib.request.Request(
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": content},
        )
        try:
            with urllib.request.urlopen(request, context=self._tls) as answer:
                return Answer(answer.status, json.load(answer))
        except urllib.error.HTTPError as refusal:
            with refusal:
                return Answer(refusal.code, json.load(refusal))
