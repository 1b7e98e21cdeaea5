"""What etcd and kube-apiserver are built from: the Go modules pinned in `go.mod` and `go.sum` beside this file."""

from __future__ import annotations

from pathlib import Path

from servicegraph.local.build import Recipe

ETCD = "v3.7.0"
KUBERNETES = "v1.37.2"
_VERSION = "k8s.io/component-base/version"

CONTROL_PLANE = Recipe(
    title="Building etcd and kube-apiserver (first time only, about 8 minutes on 2 cores)",
    modules=Path(__file__).parent,
    programs={"etcd": "go.etcd.io/etcd/server/v3", "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver"},
    flags=f"-X {_VERSION}.gitVersion={KUBERNETES} -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=37",
    packages=2080,
)
