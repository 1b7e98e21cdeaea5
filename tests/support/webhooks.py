"""The webhook configuration that ships, installed for one namespace of a test: other tests share the control plane."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import TYPE_CHECKING, Any

from servicegraph import bundle
from servicegraph.local.cluster import OPERATOR_NAMESPACE, WEBHOOK_CONFIGURATION
from servicegraph.local.kubectl import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servicegraph.local.kubectl import Kubectl

NAME = WEBHOOK_CONFIGURATION
SECRET = f"{NAME}-webhook"
_KIND = "validatingwebhookconfiguration"


def shipped() -> dict[str, Any]:
    """It, as it ships."""
    (configuration,) = read(bundle.folder("webhook"))
    return configuration


@contextlib.contextmanager
def installed(
    kubectl: Kubectl, namespace: str, port: int, authorities: bytes = b"", name: str = NAME
) -> Iterator[None]:
    """Have the API server ask at a port about the objects of one namespace, for the time of the block.

    Args:
        kubectl: as the administrator.
        namespace: whose objects.
        port: of 127.0.0.1.
        authorities: whom to trust; the operator is to say it where it is left out.
        name: of the configuration.
    """
    configuration = shipped()
    configuration["metadata"]["name"] = name
    for webhook in configuration["webhooks"]:
        webhook["clientConfig"] = {"url": f"https://127.0.0.1:{port}/validate"}
        if authorities:
            webhook["clientConfig"]["caBundle"] = base64.b64encode(authorities).decode()
        webhook["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    kubectl.apply_objects([configuration])
    try:
        yield
    finally:
        kubectl("delete", "--ignore-not-found", _KIND, name)
        kubectl("delete", "--ignore-not-found", "secret", SECRET, "-n", OPERATOR_NAMESPACE)


def configuration(kubectl: Kubectl, name: str = NAME) -> dict[str, Any]:
    """It, as it is now."""
    found: dict[str, Any] = json.loads(kubectl("get", _KIND, name, "-o", "json"))
    return found


def secret(kubectl: Kubectl) -> dict[str, Any]:
    """The Secret that the operator keeps."""
    found: dict[str, Any] = json.loads(
        kubectl("get", "secret", SECRET, "-n", OPERATOR_NAMESPACE, "-o", "json")
    )
    return found
