//go:build tools

// Package controlplane pins the two programs that servicegraph builds for its local control plane.
// It is never compiled: the blank imports keep their modules in go.mod and go.sum.
package controlplane

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
)
