"""The ports and secrets of one environment.

They are kept in its folder, so that the next `up` there is the same environment again.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from servicegraph.errors import PartFailed
from servicegraph.local import ports
from servicegraph.local.place import write
from servicegraph.model.apikey import forge

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self


_PORTS = ("postgres", "etcd", "etcd_peer", "apiserver", "http", "prometheus", "traffic", "webhook")


@dataclass(frozen=True, slots=True)
class Identity:
    """What one environment is known by.

    Attributes:
        ports: on 127.0.0.1, of postgres, etcd, etcd_peer, apiserver, http, prometheus, traffic and webhook.
        password: of the database.
        admin_token: bearer token of the Kubernetes administrator.
        operator_token: bearer token of the operator's service account.
        api_key: key to the HTTP server.
    """

    ports: dict[str, int]
    password: str = field(repr=False)
    admin_token: str = field(repr=False)
    operator_token: str = field(repr=False)
    api_key: str = field(default_factory=forge, repr=False)

    @classmethod
    def of(cls, folder: Path, port: int = 0) -> Self:
        """The identity kept in `folder`, or a new one that is kept from now on.

        Ports that somebody else has taken in the meantime are replaced. `port` is the HTTP server's; 0 leaves the
        choice to us.

        Raises:
            PartFailed: `port` is taken.
        """
        if port and not ports.is_free(port):
            raise PartFailed(f"port {port} of 127.0.0.1 is taken; leave --port out or name another one")
        path = folder / "identity.json"
        kept = cls(**json.loads(path.read_text())) if path.exists() else cls._new()
        fresh = _fresh_ports()
        chosen = fresh | {name: at for name, at in kept.ports.items() if ports.is_free(at)}
        identity = dataclasses.replace(kept, ports=chosen | ({"http": port} if port else {}))
        write(path, json.dumps(dataclasses.asdict(identity), indent=2).encode())
        return identity

    @classmethod
    def _new(cls) -> Self:
        return cls(_fresh_ports(), secrets.token_hex(12), secrets.token_hex(16), secrets.token_hex(16))


def _fresh_ports() -> dict[str, int]:
    return dict(zip(_PORTS, ports.free_set(len(_PORTS)), strict=True))
