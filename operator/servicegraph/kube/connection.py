"""Where the API server is and who we are there: from a kubeconfig, or from the pod's service account.

The same answer in two shapes: `configure` for our own client, `Credentials` for Kopf, which brings its own HTTP client.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes_asyncio.client
import kubernetes_asyncio.config
import yaml

from servicegraph.errors import SettingsError

_client: Any = kubernetes_asyncio.client  # the package is not typed
_config: Any = kubernetes_asyncio.config
_BEARER = "Bearer "
_USUAL_PLACE = "~/.kube/config"


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """How to reach the API server; certificates and keys are paths of files. Never printed: it holds a token."""

    server: str
    ca_path: str | None
    ca_data: bytes | None
    insecure: bool
    token: str | None
    certificate_path: str | None
    private_key_path: str | None


async def configure(kubeconfig: str) -> Any:
    """A client configuration from the files called `kubeconfig`, else the pod's service account, else ~/.kube/config.

    The token of a service account is read anew every minute by the configuration itself.

    Raises:
        SettingsError: there is none, or it cannot be used.
    """
    configuration = _client.Configuration()
    if not kubeconfig and _from_pod(configuration):
        return configuration
    places = kubeconfig or _USUAL_PLACE
    if not _exists(places):
        raise SettingsError(_nowhere(kubeconfig))
    try:
        await _config.load_kube_config(places, client_configuration=configuration, persist_config=False)
    except Exception as error:  # the loader raises whatever the shape of the file leads to
        raise SettingsError(
            f"KUBECONFIG={places!r}: no way to a Kubernetes API server found there: {_why(error)};"
            " mend the file, or set KUBECONFIG to the path of another"
        ) from error
    return configuration


def credentials(kubeconfig: str) -> Credentials:
    """The credentials as they are now. May be called from any thread, also one whose event loop is running.

    Raises:
        SettingsError: as for `configure`.
    """
    with ThreadPoolExecutor(max_workers=1) as aside:
        found = aside.submit(asyncio.run, configure(kubeconfig)).result()
    return Credentials(
        server=found.host,
        ca_path=found.ssl_ca_cert,
        ca_data=None,
        insecure=not found.verify_ssl,
        token=found.api_key.get("BearerToken", "").removeprefix(_BEARER) or None,
        certificate_path=found.cert_file,
        private_key_path=found.key_file,
    )


def _from_pod(configuration: Any) -> bool:
    """Use the service account that Kubernetes mounts into pods; False where there is none."""
    try:
        _config.load_incluster_config(client_configuration=configuration)
    except _config.ConfigException:
        return False
    return True


def _exists(places: str) -> bool:
    """Whether any of the files is there; the loader itself would log that none is, in words of its own."""
    return any(Path(place).expanduser().exists() for place in places.split(os.pathsep) if place)


def _nowhere(kubeconfig: str) -> str:
    """What to say when there is no file to read."""
    if not kubeconfig:
        return (
            "KUBECONFIG is not set: no way to a Kubernetes API server, since this is no pod with a service account"
            f" and there is no {_USUAL_PLACE}; set KUBECONFIG to the path of a kubeconfig file"
        )
    return (
        f"KUBECONFIG={kubeconfig!r}: no way to a Kubernetes API server: there is no such file;"
        f" set KUBECONFIG to the path of a kubeconfig file, or unset it to use {_USUAL_PLACE}"
    )


def _why(error: Exception) -> str:
    """In one line why a file could not be used."""
    if isinstance(error, (_config.ConfigException, yaml.YAMLError, OSError)):
        return " ".join(str(error).split())[:200]
    return "it is not of the shape of a kubeconfig"
