"""What the API server checks of every object's metadata: names, labels, annotations, and that no field is misspelled.

Written after `ObjectMeta` validation of Kubernetes (apimachinery, `pkg/api/validation`), as far as people write metadata into
manifests. `checks.proposal` asks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from servicegraph.checks.finding import cut
from servicegraph.model.faults import Fault, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_METADATA = (
    "name", "generateName", "namespace", "labels", "annotations", "uid", "resourceVersion", "generation",
    "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences", "finalizers",
    "managedFields", "selfLink",
)  # fmt: skip
_SUBDOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_MAX_ANNOTATIONS = 256 * 1024
"""Bytes of all annotations of an object together, as the API server has it."""


def metadata_faults(meta: Any) -> Iterator[Fault]:
    """What the API server would say of the metadata."""
    if meta is None:
        meta = {}
    if not isinstance(meta, dict):
        yield Fault("metadata", f"{shown(meta)} cannot be used; it takes a map of fields")
        return
    yield from unknown_fields(meta, _METADATA, "metadata.")
    name = meta.get("name")
    if name is None or name == "":
        yield Fault("metadata.name", "is required; add it")
    elif not isinstance(name, str) or not _SUBDOMAIN.fullmatch(name):
        takes = "lower-case letters, digits, '-' and '.', with a letter or digit at both ends, at most 253"
        yield Fault("metadata.name", f"{shown(name)} cannot be used; it takes {takes}")
    space = meta.get("namespace")
    if space is not None and (not isinstance(space, str) or (space and not _LABEL.fullmatch(space))):
        takes = "the name of a namespace: lower-case letters, digits and '-', at most 63"
        yield Fault("metadata.namespace", f"{shown(space)} cannot be used; it takes {takes}")
    yield from _map(meta.get("labels"), "metadata.labels", values=True)
    yield from _map(meta.get("annotations"), "metadata.annotations", values=False)


def unknown_fields(fields: Mapping[str, Any], known: tuple[str, ...], prefix: str) -> Iterator[Fault]:
    """The fields that strict validation refuses."""
    for name in fields:
        if name not in known:
            yield Fault(prefix + cut(name, 60), "there is no such field; remove it or check its spelling")


def _map(given: Any, path: str, *, values: bool) -> Iterator[Fault]:
    """What is wrong with labels or annotations; the values of annotations are free."""
    if given is None:
        return
    if not isinstance(given, dict):
        yield Fault(path, f"{shown(given)} cannot be used; it takes a map")
        return
    for key, value in given.items():
        prefix, slash, name = key.rpartition("/")
        if (
            not _QUALIFIED.fullmatch(name)
            or (slash and not _SUBDOMAIN.fullmatch(prefix if values else prefix.lower()))
            or (not slash and prefix)
        ):
            yield Fault(
                path, f"the key {shown(key)} cannot be used; it takes a name such as tier or example.com/tier"
            )
        if value is not None and not isinstance(value, str):
            yield Fault(
                f"{path}.{cut(key, 60)}",
                f"{shown(value)} cannot be used; it takes a string; put it in quotes",
            )
        elif values and value and not _QUALIFIED.fullmatch(value):
            takes = "letters, digits, '-', '_' and '.', with a letter or digit at both ends, at most 63"
            yield Fault(f"{path}.{cut(key, 60)}", f"{shown(value)} cannot be used; it takes {takes}")
    texts = [part for pair in given.items() for part in pair if isinstance(part, str)]
    if not values and sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) > _MAX_ANNOTATIONS:
        yield Fault(path, "are too large; together they take at most 256 KiB")
