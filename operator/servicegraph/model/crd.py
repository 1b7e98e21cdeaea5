"""The CustomResourceDefinitions, made from the models; `crds/` holds them as YAML, and a test keeps the two equal.

Why each part is as it is: a status with `observedGeneration: -1` lets tools that follow kstatus wait for a first answer;
the list-map keys make the API server refuse duplicates and merge several owners; selectable fields serve
`kubectl get --field-selector`.
`cli.crds` writes the files.
"""

from __future__ import annotations

from typing import Any

import yaml

from servicegraph.model import cyclealert as cyclealerts
from servicegraph.model import discoverysource as sources
from servicegraph.model.cyclealert import CycleAlertSpec, CycleAlertStatus
from servicegraph.model.discoverysource import DiscoverySourceSpec
from servicegraph.model.schema import structural
from servicegraph.model.servicedependency import GROUP, KIND, PLURAL, VERSION, ServiceDependencySpec, rule
from servicegraph.model.sourcestatus import DiscoverySourceStatus
from servicegraph.model.status import ServiceDependencyStatus

CATEGORY = "servicegraph"
_HEADER = "# Made from operator/servicegraph/model by `python -m servicegraph.cli.crds`; change the models, not this file.\n"


def _column(
    name: str, path: str, kind: str = "string", *, wide: bool = False, description: str
) -> dict[str, Any]:
    """A column of `kubectl get`; a wide one only with `-o wide`."""
    return {
        "name": name,
        "type": kind,
        "jsonPath": path,
        "description": description,
        **({"priority": 1} if wide else {}),
    }


def _condition(kind: str, field: str) -> str:
    """The path of one field of one condition."""
    return f'.status.conditions[?(@.type=="{kind}")].{field}'


def servicedependency() -> dict[str, Any]:
    """The definition of ServiceDependency."""
    return _definition(
        KIND,
        PLURAL,
        "sdep",
        scope="Namespaced",
        description="ServiceDependency declares what one service depends on. It lies in the service's own namespace, so a"
        " team can declare only for itself.",
        spec=structural(ServiceDependencySpec),
        status=structural(ServiceDependencyStatus),
        required=["spec"],
        selectable=[f".spec.service.{field}" for field in ("name", "kind", "team", "criticality")],
        columns=[
            _column("Service", ".spec.service.name", description="The service that the object is about."),
            _column("Kind", ".spec.service.kind", wide=True, description="What the service is."),
            _column(
                "Team", ".spec.service.team", wide=True, description="The team that answers for the service."
            ),
            _column(
                "Deps",
                ".status.summary.declared",
                "integer",
                description="Dependencies that the object declares.",
            ),
            _column("Ready", _condition("Ready", "status"), description="Accepted and stored."),
            _column(
                "Resolved",
                _condition("Resolved", "status"),
                description="Every service that it names is known.",
            ),
            _column(
                "Reason", _condition("Ready", "reason"), wide=True, description="Why it is ready or not."
            ),
            _column(
                "Message", _condition("Ready", "message"), wide=True, description="The same in a sentence."
            ),
            _column(
                "Targets",
                _condition("Resolved", "message"),
                wide=True,
                description="What is known of its targets.",
            ),
            _column(
                "Age", ".metadata.creationTimestamp", "date", description="Time since the object was created."
            ),
        ],
    )


def cyclealert() -> dict[str, Any]:
    """The definition of CycleAlert."""
    return _definition(
        cyclealerts.KIND,
        cyclealerts.PLURAL,
        "cyca",
        scope="Cluster",
        description="CycleAlert tells of services that depend on each other in a circle, and of the cheapest way out. The"
        " operator makes one for each circle; people acknowledge it in its spec. It blocks nothing.",
        spec=structural(CycleAlertSpec),
        status=structural(CycleAlertStatus),
        selectable=[".status.state", ".status.severity"],
        columns=[
            _column("State", ".status.state", description="Whether somebody has to look."),
            _column("Severity", ".status.severity", description="How bad the circle is."),
            _column("Services", ".status.memberCount", "integer", description="Services in the circle."),
            _column("Path", ".status.path", description="A shortest circle."),
            _column("Since", ".status.openedAt", "date", description="Time since the circle appeared."),
            _column("Cut", ".status.cut", wide=True, description="The cheapest way out."),
        ],
    )


def discoverysource() -> dict[str, Any]:
    """The definition of DiscoverySource."""
    return _definition(
        sources.KIND,
        sources.PLURAL,
        "dsrc",
        scope="Cluster",
        description="DiscoverySource names a Prometheus that is asked which services call each other. What it shows stands in"
        " the graph beside what teams declare. It lies in no namespace, as it reaches into all.",
        spec=structural(DiscoverySourceSpec),
        status=structural(DiscoverySourceStatus),
        required=["spec"],
        rules=[rule(f"self.metadata.name != '{sources.RESERVED_NAME}'", sources.NAME_IS_RESERVED)],
        selectable=[".spec.preset", ".spec.suspend"],
        columns=[
            _column("Preset", ".spec.preset", description="Who makes the series."),
            _column("URL", ".spec.prometheus.url", wide=True, description="The server that is asked."),
            _column("Ready", _condition("Ready", "status"), description="The spec can be used."),
            _column("Healthy", _condition("Healthy", "status"), description="The last poll went well."),
            _column(
                "Edges",
                ".status.lastPoll.edges",
                "integer",
                description="Calls between services that it shows.",
            ),
            _column(
                "Last Poll", ".status.lastPoll.time", "date", description="Time since the poll it tells of."
            ),
            _column(
                "Message",
                _condition("Healthy", "message"),
                wide=True,
                description="What is wrong, in a sentence.",
            ),
            _column(
                "Age", ".metadata.creationTimestamp", "date", description="Time since the object was created."
            ),
        ],
    )


def _definition(
    kind: str,
    plural: str,
    short: str,
    *,
    scope: str,
    description: str,
    spec: dict[str, Any],
    status: dict[str, Any],
    selectable: list[str],
    columns: list[dict[str, Any]],
    required: list[str] | None = None,
    rules: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The definition of one kind, in the manner that all of ours share."""
    unseen = {"default": {"observedGeneration": -1}}
    schema = {
        "description": description,
        "type": "object",
        **({"required": required} if required else {}),
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": unseen | status,
        },
        **({"x-kubernetes-validations": rules} if rules else {}),
    }
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "selectableFields": [{"jsonPath": path} for path in selectable],
        "additionalPrinterColumns": columns,
        "schema": {"openAPIV3Schema": schema},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}", "labels": {"app.kubernetes.io/name": "servicegraph"}},
        "spec": {
            "group": GROUP,
            "scope": scope,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
                "categories": [CATEGORY],
            },
            "versions": [version],
        },
    }


class _Plain(yaml.SafeDumper):
    """Says a part that stands in two places twice, instead of referring to it."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is the library's
        return True


def files() -> dict[str, str]:
    """The text of each file of `crds/`, by its name."""
    return {
        f"{made['spec']['names']['plural']}.yaml": _HEADER
        + yaml.dump(made, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)
        for made in (servicedependency(), cyclealert(), discoverysource())
    }
