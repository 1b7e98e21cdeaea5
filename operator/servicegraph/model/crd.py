"""The CustomResourceDefinitions, made from the models; `crds/` holds them as YAML, and a test keeps the two equal.

Why each part is as it is: a status with `observedGeneration: -1` lets tools that follow kstatus wait for a first answer;
the list-map keys make the API server refuse duplicates and merge several owners; selectable fields serve
`kubectl get --field-selector`.
`cli.crds` writes the files.
"""

from __future__ import annotations

from typing import Any

import yaml

from servicegraph.model.schema import structural
from servicegraph.model.servicedependency import GROUP, KIND, PLURAL, VERSION, ServiceDependencySpec
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
    unseen = {"default": {"observedGeneration": -1}}
    schema = {
        "description": "ServiceDependency declares what one service depends on. It lies in the service's own namespace, so a"
        " team can declare only for itself.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(ServiceDependencySpec),
            "status": unseen | structural(ServiceDependencyStatus),
        },
    }
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "selectableFields": [
            {"jsonPath": f".spec.service.{field}"} for field in ("name", "kind", "team", "criticality")
        ],
        "additionalPrinterColumns": [
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
        "schema": {"openAPIV3Schema": schema},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}", "labels": {"app.kubernetes.io/name": "servicegraph"}},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["sdep"],
                "categories": [CATEGORY],
            },
            "versions": [version],
        },
    }


def files() -> dict[str, str]:
    """The text of each file of `crds/`, by its name."""
    return {
        f"{PLURAL}.yaml": _HEADER
        + yaml.safe_dump(servicedependency(), sort_keys=False, allow_unicode=True, width=110)
    }
