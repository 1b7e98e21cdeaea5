"""ServiceDependency manifests for calls that are seen and not declared, as text for people to review.

Pure: from the server's JSON to YAML with comments. Every document that it writes is one that the API server accepts; a call
that no object can declare is told in a comment instead. `cli.generate` prints it.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from servicegraph.model.faults import faults, summary
from servicegraph.model.ids import Kind, ServiceKey, parse_id
from servicegraph.model.observation import DECLARED_PROVIDER
from servicegraph.model.servicedependency import API_VERSION, KIND, MAX_DEPENDENCIES, Dependency, Service

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    Document = dict[str, Any]

_LONGEST_NAME = 253
"""Characters of the name of an object."""
_SPECIAL = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))
"""What a YAML reader may take for something else than text."""
_FROM_OUTSIDE = "no object can declare calls from or into another cluster"
_NOWHERE = "telemetry does not say in which namespace it is: declare it by hand under its right name"


def undeclared(drift: Document, sources: Collection[str]) -> dict[str, list[Document]]:
    """The calls by these services that are seen and not declared, by source: also what is declared the wrong way round."""
    found: dict[str, list[Document]] = {}
    for edge in [*drift["observed_only"], *(one["observed"] for one in drift["swapped"])]:
        if edge["source"] in sources:
            found.setdefault(edge["source"], []).append(edge)
    return dict(sorted(found.items()))


def manifests(
    calls: Mapping[str, Sequence[Document]],
    objects: Mapping[str, Sequence[str]],
    discovered: Collection[str],
    swapped: Collection[tuple[str, str]] = (),
) -> str:
    """One document a source, or more where one object cannot hold all its calls.

    Args:
        calls: by source, edges that are seen and not declared.
        objects: by source, the `namespace/name` of objects that declare calls of it.
        discovered: sources that no object and no api record is about.
        swapped: source and target of calls that are declared the other way round.
    """
    taken = {name for names in objects.values() for name in names}
    documents = []
    for source, edges in calls.items():
        key = parse_id(source)
        if fault := _undeclaring(key):
            documents.append(_comment([f"Not written: calls by {source}: {fault}"]))
            continue
        own = [name for name in objects.get(source, ()) if name.startswith(f"{key.namespace}/")]
        entries, left_out = _entries(key, edges, swapped)
        about = [*_heading(source, own, is_new=source in discovered), *left_out]
        if not entries:
            documents.append(_comment(about))
        for begin in range(0, len(entries), MAX_DEPENDENCIES):
            name = own[0].partition("/")[2] if own and not begin else object_name(key, taken)
            taken.add(f"{key.namespace}/{name}")
            documents.append(_comment(about) + _object(key, name, entries[begin : begin + MAX_DEPENDENCIES]))
    return "---\n".join(documents)


def object_name(service: ServiceKey, taken: Collection[str]) -> str:
    """A name that Kubernetes takes for the object about a service, and that no other of its namespace has.

    Args:
        service: whom the object is about.
        taken: objects that exist or are to, as `namespace/name`.
    """
    kind = "" if service.kind == Kind.SERVICE else f"-{service.kind.lower()}"
    plain = re.sub(r"[^a-z0-9.]+", "-", f"{service.name}{kind}".lower())
    plain = re.sub(r"[-.]*\.[-.]*", ".", plain).strip("-.")
    name, number = plain[:_LONGEST_NAME].rstrip("-."), 0
    while f"{service.namespace}/{name}" in taken or not name:
        number += 1
        mark = blake2b(f"{service}{number}".encode(), digest_size=3).hexdigest()
        name = f"{plain[: _LONGEST_NAME - 7].rstrip('-.')}-{mark}".lstrip("-")
    return name


def _heading(source: str, own: Sequence[str], *, is_new: bool) -> list[str]:
    """What to know before the document is used."""
    lines = [f"Calls by {source} that are seen and not declared."]
    if own:
        lines.append(
            f"ServiceDependency {', '.join(own)} declares calls of it already: add these entries to its spec.dependencies,"
        )
        lines.append("or apply them with `kubectl apply --server-side`, which leaves the others alone.")
    elif not is_new:
        lines.append(
            "An object or an API record is about it already; if it is an object, add these entries to that one."
        )
    return lines


def _entries(
    source: ServiceKey, edges: Iterable[Document], swapped: Collection[tuple[str, str]]
) -> tuple[list[str], list[str]]:
    """An entry for each call that can be declared, and a remark for each that cannot."""
    entries, left_out = [], []
    for edge in edges:
        target = parse_id(edge["target"])
        said = _dependency(source, target, edge)
        if fault := _nowhere(target) or _unfit(Dependency, said):
            left_out.append(f"Not written: the call to {target}: {fault}")
            continue
        remarks = [_seen(edge)]
        if (edge["source"], edge["target"]) in swapped:
            remarks.append(f"{target} declares the opposite, which is not seen: is that the wrong way round?")
        entries.append("".join(f"    # {remark}\n" for remark in remarks) + _entry(said))
    return entries, left_out


def _undeclaring(source: ServiceKey) -> str:
    """Why no object can be about it; empty where one can."""
    return (
        _nowhere(source)
        or _unfit(Service, {"name": source.name, "kind": source.kind})
        or _unfit(Dependency, {"name": source.name, "namespace": source.namespace})
    )


def _nowhere(service: ServiceKey) -> str:
    """Why it is nowhere where objects are; empty if it is not, or lies outside as an External may."""
    if service.cluster:
        return _FROM_OUTSIDE
    return _NOWHERE if not service.namespace and service.kind != Kind.EXTERNAL else ""


def _dependency(source: ServiceKey, target: ServiceKey, edge: Document) -> dict[str, str]:
    """The entry, as the schema has it; telemetry cannot tell how much a call matters, so Soft is what the graph reads too."""
    own = "" if target.kind == Kind.EXTERNAL else source.namespace
    place = {"namespace": target.namespace} if target.namespace not in {"", own} else {}
    kind = {"kind": target.kind} if target.kind != Kind.SERVICE else {}
    return {
        "name": target.name,
        **place,
        **kind,
        "mode": edge["mode"] or "Sync",
        "requirement": edge["requirement"] or "Soft",
    }


def _unfit(part: type[Service | Dependency], said: Mapping[str, str]) -> str:
    """Why the API server would refuse it; empty where it would not."""
    try:
        part.model_validate(said)
    except ValidationError as error:
        return summary(faults(error, "it"))
    return ""


def _seen(edge: Document) -> str:
    """Who has shown the call since when."""
    who = [one for one in edge["providers"] if one["name"] != DECLARED_PROVIDER]
    shown = ", ".join(f"by {_line(one['name'])} since {one['first_seen']}" for one in who)
    return f"seen {shown}, confidence {edge['confidence']:.2f}"


def _object(service: ServiceKey, name: str, entries: Sequence[str]) -> str:
    kind = "" if service.kind == Kind.SERVICE else f"    kind: {service.kind}\n"
    return (
        f"apiVersion: {API_VERSION}\nkind: {KIND}\n"
        f"metadata:\n  name: {_scalar(name)}\n  namespace: {_scalar(service.namespace)}\n"
        f"spec:\n  service:\n    name: {_scalar(service.name)}\n{kind}"
        f"  dependencies:\n{''.join(entries)}"
    )


def _entry(said: Mapping[str, str]) -> str:
    lines = [f"{name}: {_scalar(value)}" for name, value in said.items()]
    if said["requirement"] == "Soft":
        lines[-1] += "  # or Hard, if the service fails without it"
    return "    - " + "\n      ".join(lines) + "\n"


def _comment(lines: Iterable[str]) -> str:
    return "".join(f"# {_line(line)}\n" for line in lines)


def _line(text: str) -> str:
    """The text on one line."""
    return " ".join(text.split())


def _scalar(text: str) -> str:
    """The text in YAML, between quotes where it might be read as a number or the like; names hold nothing to escape."""
    plain = re.fullmatch(r"[A-Za-z][-A-Za-z0-9._]*", text) and text.lower() not in _SPECIAL
    return text if plain else f'"{text}"'
