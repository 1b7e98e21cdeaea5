"""Whole objects that are right, and such that are wrong in one way each: for all who judge manifests, as `specs` is for specs.

The API server is one judge and `servicegraph check` another; their verdicts must agree on every case here and there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from servicegraph.model.discoverysource import RESERVED_NAME
from servicegraph.model.servicedependency import API_VERSION
from support import sourcespecs
from support.specs import RIGHT, WRONG, spec

Body = dict[str, Any]


class WrongObject(NamedTuple):
    """An object that nobody may accept."""

    body: Body
    field: str
    """The field that is at fault, as both judges name it."""


def dependency(what: Any = None, /, **metadata: Any) -> Body:
    """A ServiceDependency called `one`, with further metadata."""
    return {
        "apiVersion": API_VERSION,
        "kind": "ServiceDependency",
        "metadata": {"name": "one", **metadata},
        "spec": spec() if what is None else what,
    }


def alert(what: Any = None, /, **metadata: Any) -> Body:
    """A CycleAlert called `cycle-dry`."""
    body = {"apiVersion": API_VERSION, "kind": "CycleAlert", "metadata": {"name": "cycle-dry", **metadata}}
    return body if what is None else {**body, "spec": what}


def source(what: Any, /, **metadata: Any) -> Body:
    """A DiscoverySource called `one`."""
    return {**dependency(what, **metadata), "kind": "DiscoverySource"}


def acknowledged(**fields: Any) -> Body:
    """A CycleAlert with such an acknowledgement."""
    return alert({"acknowledgement": fields})


def labelled(key: str, value: Any = "v") -> Body:
    """A ServiceDependency with one label on the object."""
    return dependency(labels={key: value})


RIGHT_OBJECTS: dict[str, Body] = {
    **{f"a spec with {name}": dependency(one) for name, one in RIGHT.items()},
    **{f"a source with {name}": source(one) for name, one in sourcespecs.RIGHT.items()},
    "a name of 253 characters": dependency(name="a" * 253),
    "a name with dots": dependency(name="a.b-c.d0"),
    "labels and annotations": dependency(
        labels={"example.com/tier": "back_end.1", "a": "", "A-b_c.d": "x" * 63},
        annotations={"Example.com/note": "anything: ä 漢\n", "plain": ""},
    ),
    "a label that is null": labelled("tier", None),
    "no labels but null": dependency(labels=None),
    "a namespace that is empty": dependency(namespace=""),
    "a status": {**dependency(), "status": {"observedGeneration": 1}},
    "an alert that says nothing": alert(),
    "an alert with an empty spec": alert({}),
    "an alert with a reason": acknowledged(reason="known"),
    "an alert with everything": acknowledged(reason="known", by="ana", until="2027-01-31T00:00:00Z"),
}

WRONG_OBJECTS: dict[str, WrongObject] = {
    **{
        f"a spec with {name}": WrongObject(dependency(one.spec), one.field.removesuffix("[1]"))
        for name, one in WRONG.items()
    },
    **{
        f"a source with {name}": WrongObject(source(one.spec), one.field)
        for name, one in sourcespecs.WRONG.items()
    },
    "a source without a spec": WrongObject({**source({}), "spec": None}, "spec"),
    "a source named like what teams declare": WrongObject(
        source(sourcespecs.source(), name=RESERVED_NAME), "name"
    ),
    "no spec": WrongObject({**dependency(), "spec": None}, "spec"),
    "a spec that is a list": WrongObject(dependency([]), "spec"),
    "a spec that is a string": WrongObject(dependency("checkout"), "spec"),
    "a misspelled field of the object": WrongObject({**dependency(), "specs": {}}, "specs"),
    "a misspelled field of the metadata": WrongObject(dependency(label={}), "metadata.label"),
    "no name": WrongObject(dependency(name=None), "metadata.name"),
    "an empty name": WrongObject(dependency(name=""), "metadata.name"),
    "a name in capitals": WrongObject(dependency(name="One"), "metadata.name"),
    "a name with an underscore": WrongObject(dependency(name="one_two"), "metadata.name"),
    "a name that ends in a dot": WrongObject(dependency(name="one."), "metadata.name"),
    "a name of 254 characters": WrongObject(dependency(name="a" * 254), "metadata.name"),
    "a name that is a number": WrongObject(dependency(name=1), "metadata.name"),
    "labels as a list": WrongObject(dependency(labels=["tier"]), "metadata.labels"),
    "a label that is a number": WrongObject(labelled("tier", 1), "metadata.labels"),
    "a label that is a boolean": WrongObject(labelled("tier", value=True), "metadata.labels"),
    "a label with a space": WrongObject(labelled("tier", "back end"), "metadata.labels"),
    "a label of 64 characters": WrongObject(labelled("tier", "x" * 64), "metadata.labels"),
    "a label that begins with a dash": WrongObject(labelled("tier", "-x"), "metadata.labels"),
    "a label's key with a space": WrongObject(labelled("a b"), "metadata.labels"),
    "a label's key without a name": WrongObject(labelled("example.com/"), "metadata.labels"),
    "a label's key without a prefix": WrongObject(labelled("/tier"), "metadata.labels"),
    "a label's key with a prefix in capitals": WrongObject(labelled("Example.com/tier"), "metadata.labels"),
    "a label's key with two slashes": WrongObject(labelled("a/b/c"), "metadata.labels"),
    "a label's key of 64 characters": WrongObject(labelled("x" * 64), "metadata.labels"),
    "an annotation that is a number": WrongObject(dependency(annotations={"a": 1}), "metadata.annotations"),
    "an annotation's key with a space": WrongObject(
        dependency(annotations={"a b": ""}), "metadata.annotations"
    ),
    "annotations of more than 256 KiB": WrongObject(
        dependency(annotations={"a": "x" * 262_144}), "metadata.annotations"
    ),
    "an alert whose reason is missing": WrongObject(acknowledged(by="ana"), "spec.acknowledgement.reason"),
    "an alert whose reason is empty": WrongObject(acknowledged(reason=""), "spec.acknowledgement.reason"),
    "an alert whose reason is long": WrongObject(
        acknowledged(reason="x" * 1025), "spec.acknowledgement.reason"
    ),
    "an alert whose reason has NUL": WrongObject(
        acknowledged(reason="a\x00b"), "spec.acknowledgement.reason"
    ),
    "an alert until tomorrow": WrongObject(
        acknowledged(reason="x", until="tomorrow"), "spec.acknowledgement.until"
    ),
    "an alert by nobody": WrongObject(acknowledged(reason="x", by=""), "spec.acknowledgement.by"),
    "an alert with an unknown field": WrongObject(alert({"acknowledged": True}), "acknowledged"),
}
