"""A real Kubernetes control plane as two child processes: etcd and kube-apiserver.

No controller runs beside them: namespaces stay `Terminating`, owner references are not collected. What the
API server itself does (CRDs, CEL, server-side apply, watches, RBAC, admission) is the real thing. Two people
exist: `admin`, who may do anything, and the operator's own service account, to which only what the shipped
roles bind applies.
"""

from __future__ import annotations

import base64
import json
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from servicegraph import bundle, certificates
from servicegraph.local.kubectl import Kubectl, read
from servicegraph.local.place import write
from servicegraph.local.probe import answers
from servicegraph.local.process import Command

if TYPE_CHECKING:
    from pathlib import Path

    from servicegraph.local.controlplane.binaries import Binaries

OPERATOR_NAMESPACE = "servicegraph-system"
WEBHOOK_CONFIGURATION = "servicegraph"
_OPERATOR = f"system:serviceaccount:{OPERATOR_NAMESPACE}:servicegraph"
_OPERATOR_GROUPS = f"system:serviceaccounts,system:serviceaccounts:{OPERATOR_NAMESPACE}"


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports on 127.0.0.1."""

    etcd: int
    etcd_peer: int
    apiserver: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """One control plane.

    Attributes:
        folder: where its data, keys and kubeconfigs lie.
        logs: folder of the two programs' output.
        binaries: the two programs.
        ports: where they listen.
        admin_token: bearer token of the administrator.
        operator_token: bearer token of the operator.
        durable: False trades what survives a crash of the machine for speed; for tests.
    """

    folder: Path
    logs: Path
    binaries: Binaries
    ports: Ports
    admin_token: str = field(repr=False)
    operator_token: str = field(repr=False)
    durable: bool = True

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of the administrator."""
        return self.folder / "kubeconfig"

    @property
    def operator_kubeconfig(self) -> Path:
        """Kubeconfig of the operator's service account."""
        return self.folder / "operator.kubeconfig"

    @property
    def url(self) -> str:
        """Where the API server is."""
        return f"https://127.0.0.1:{self.ports.apiserver}"

    @property
    def kubectl(self) -> Kubectl:
        """The command line as the administrator."""
        return Kubectl(self.kubeconfig)

    def prepare(self) -> None:
        """Write keys, tokens and kubeconfigs; keys that exist stay."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._key("sa.key").exists():
            authority, certificate, key = certificates.server_certificate()
            for name, content in (("ca.crt", authority), ("tls.crt", certificate), ("tls.key", key)):
                write(self._key(name), content)
            write(self._key("sa.key"), certificates.signing_key())
        tokens = [
            f'{self.admin_token},admin,admin,"system:masters"',
            f'{self.operator_token},{_OPERATOR},{_OPERATOR},"{_OPERATOR_GROUPS}"',
        ]
        write(self._key("tokens.csv"), "".join(f"{line}\n" for line in tokens).encode())
        write(self.kubeconfig, self._kubeconfig("admin", self.admin_token, "default"))
        write(
            self.operator_kubeconfig,
            self._kubeconfig("servicegraph", self.operator_token, OPERATOR_NAMESPACE),
        )

    def etcd(self) -> Command:
        """How to run etcd."""
        client, peer = (f"http://127.0.0.1:{port}" for port in (self.ports.etcd, self.ports.etcd_peer))
        argv = [
            str(self.binaries.etcd),
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--log-level=warn",
            *([] if self.durable else ["--unsafe-no-fsync"]),
        ]
        return Command(name="etcd", argv=tuple(argv), log=self.logs / "etcd.log")

    def apiserver(self) -> Command:
        """How to run kube-apiserver."""
        argv = (
            str(self.binaries.kube_apiserver),
            f"--etcd-servers=http://127.0.0.1:{self.ports.etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.ports.apiserver}",
            "--endpoint-reconciler-type=none",  # it would refuse to announce a loopback address
            f"--cert-dir={self.folder / 'keys'}",
            f"--tls-cert-file={self._key('tls.crt')}",
            f"--tls-private-key-file={self._key('tls.key')}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._key('sa.key')}",
            f"--service-account-signing-key-file={self._key('sa.key')}",
            f"--token-auth-file={self._key('tokens.csv')}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--disable-admission-plugins=ServiceAccount",  # nobody makes the default service accounts that it asks for
        )
        return Command(name="kube-apiserver", argv=argv, log=self.logs / "kube-apiserver.log")

    def etcd_is_ready(self) -> bool:
        """Whether etcd serves."""
        return answers(f"http://127.0.0.1:{self.ports.etcd}/health")

    def is_ready(self) -> bool:
        """Whether the API server says that it is ready."""
        trust = ssl.create_default_context(cafile=str(self._key("ca.crt")))
        return answers(f"{self.url}/readyz", self.admin_token, trust)

    def install(self) -> None:
        """Apply the shipped CRDs and roles, and wait until the CRDs are served.

        Raises:
            PartFailed: kubectl's complaint.
        """
        self.kubectl.create_namespace(OPERATOR_NAMESPACE)
        self.kubectl.apply(bundle.folder("crds"), bundle.folder("roles"))
        self.kubectl.wait("Established", bundle.folder("crds"))

    def install_webhook(self, port: int) -> None:
        """Have the API server ask an operator on this machine for warnings, at `port`.

        Raises:
            PartFailed: kubectl's complaint.
        """
        (configuration,) = read(bundle.folder("webhook"))
        for webhook in configuration["webhooks"]:
            path = webhook["clientConfig"]["service"]["path"]
            webhook["clientConfig"] = {"url": f"https://127.0.0.1:{port}{path}"}
        self.kubectl.apply_objects([configuration])

    def _key(self, name: str) -> Path:
        return self.folder / "keys" / name

    def _kubeconfig(self, user: str, token: str, namespace: str) -> bytes:
        """A kubeconfig that needs no other file; JSON, which is YAML too."""
        authority = base64.b64encode(self._key("ca.crt").read_bytes()).decode()
        name = "servicegraph-local"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": name, "cluster": {"server": self.url, "certificate-authority-data": authority}}
            ],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": user, "namespace": namespace}}],
            "current-context": name,
        }
        return json.dumps(content, indent=2).encode()
