"""What a raw name gives away by its form alone: a port, an address, a host of the cluster, the random end of a pod's name.

Pure text. What a form means for the graph is decided in `ingest.resolve`, which calls this.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

_RANDOM = "[bcdfghjklmnpqrstvwxz2456789]"
"""Kubernetes' alphabet for random names: no vowels, and nothing that looks like another (apimachinery, util/rand)."""

_POD = re.compile(rf"(.+)-(?:{_RANDOM}{{8,10}}|[0-9]{{8}})-{_RANDOM}{{5}}")
"""A pod of a Deployment (template hash, a 32-bit number spelled in the alphabet) or of a CronJob (number of the job)."""
_JOB = re.compile(r"(.+)-([0-9]{8})")
_JOB_NUMBERS = range(25_000_000, 40_000_000)
"""A CronJob numbers its jobs by the minutes since 1970: these are the years 2017 to 2046. A day such as 20260131 is none."""
_ALONE = re.compile(rf"(.+)-{_RANDOM}{{5}}")
"""A pod of a Job or a DaemonSet; and many a plain word, so it takes more than the form."""

_PORT = re.compile(r"(?:\[([^\[\]]+)\]|([^:]+))(?::[0-9]{1,5})?")
_HOST = re.compile(r"((?:[a-z0-9_-]+\.){1,2}[a-z0-9-]+)\.svc(?:\.[a-z0-9-]+)*\.?", re.IGNORECASE)
"""`redis.shop.svc.cluster.local`, and with the pod before it `redis-0.redis.shop.svc`."""


_NODE = re.compile(r"ip(?:-[0-9]{1,3}){4}(?:\..+)?")
"""`ip-10-1-2-3.ec2.internal`: a machine of a cloud, by its address."""
_POD_HOST = re.compile(r"[0-9a-f]*(?:-[0-9a-f]*){2,7}\.[a-z0-9-]+\.pod(?:\.[a-z0-9-]+)*\.?", re.IGNORECASE)
"""`10-1-2-3.shop.pod.cluster.local`: a pod, by its address."""
_SHORT_HOST = re.compile(r"([a-z0-9_-]+)\.([a-z0-9-]+)", re.IGNORECASE)


class Host(NamedTuple):
    """What a host name of the cluster names."""

    name: str
    namespace: str


class Shorter(NamedTuple):
    """A name without what looks random at its end."""

    name: str
    certain: bool
    """Whether the form alone tells; else somebody must know the shorter name."""


def cluster_host(name: str) -> Host | None:
    """The service that a host name of the cluster means; None if it is no such name."""
    found = _HOST.fullmatch(without_port(name))
    if found is None:
        return None
    *_, service, namespace = found[1].lower().split(".")
    return Host(service, namespace)


def short_host(name: str) -> Host | None:
    """The service that `redis.shop` means if it is a host of the cluster, as resolvers there take it; None for other forms."""
    found = _SHORT_HOST.fullmatch(name)
    return Host(found[1].lower(), found[2].lower()) if found else None


def without_port(name: str) -> str:
    """The host of `host:port` or `[address]:port`; anything else as it is."""
    found = _PORT.fullmatch(name)
    return found[1] or found[2] if found else name


@lru_cache(maxsize=65_536)
def is_address(name: str) -> bool:
    """Whether it is an IP address, perhaps with a port or a zone, or a host name that spells one."""
    host = without_port(name)
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return bool(_NODE.fullmatch(host) or _POD_HOST.fullmatch(host))
    return True


def shorter(name: str) -> Shorter | None:
    """The name without the end that Kubernetes gave it at random or by number; None where it has none."""
    if found := _POD.fullmatch(name):
        return Shorter(found[1], certain=True)
    if (found := _JOB.fullmatch(name)) and int(found[2]) in _JOB_NUMBERS:
        return Shorter(found[1], certain=True)
    if found := _ALONE.fullmatch(name):
        return Shorter(found[1], certain=False)
    return None
