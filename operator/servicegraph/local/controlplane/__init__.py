"""The programs etcd and kube-apiserver: found, fetched or built, once for each user and version."""
