"""All routes in one table. The application, the reference pages and the tests read it; nothing is served that is not here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from servicegraph.model.apikey import Scope
from servicegraph_api import (
    checking,
    cycles,
    dependencies,
    drift,
    explain,
    ingestion,
    lists,
    probes,
    providers,
)
from servicegraph_api import parameters as p
from servicegraph_api.answers import from_snapshot, with_history, with_records
from servicegraph_api.negotiation import DOT, JSON, MERMAID, Format

if TYPE_CHECKING:
    from servicegraph_api.answers import Handler, Tell, TellWithRecords
    from servicegraph_api.query import Parameter

READ = Scope.READ
"""What a key must allow for everything that only looks at the graph."""
INGEST = Scope.INGEST
"""What it must allow for everything that changes it."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path."""

    method: str
    path: str
    handler: Handler
    says: str
    """What it answers, in a sentence."""
    scope: Scope | None = None
    """What a key must allow; None needs no key."""
    parameters: tuple[Parameter[Any], ...] = ()
    formats: tuple[Format, ...] = (JSON,)


def _graph(
    path: str,
    tell: Tell,
    says: str,
    parameters: tuple[Parameter[Any], ...],
    formats: tuple[Format, ...] = (JSON,),
) -> Route:
    """A route that is answered from the snapshot."""
    handler = from_snapshot(tell, parameters, formats)
    return Route("GET", f"/api/v1{path}", handler, says, READ, parameters, formats)


def _recorded(
    path: str, tell: TellWithRecords, says: str, parameters: tuple[Parameter[Any], ...] = ()
) -> Route:
    """A route that is answered from Postgres, else 503."""
    return Route("GET", f"/api/v1{path}", with_records(tell, parameters), says, READ, parameters)


_SERVICE = "/services/{namespace}/{name}"

ROUTES: tuple[Route, ...] = (
    _graph("/services", lists.services, "Lists the services of the graph.",
           (p.NAMESPACE, p.SEARCH, p.KIND, p.TEAM, *p.SHOWN, *p.PAGE)),
    _graph(_SERVICE, lists.service, "One service.", (p.KIND, p.CLUSTER)),
    _graph(f"{_SERVICE}/dependencies", dependencies.dependencies,
           "What the service depends on, or who depends on it, within some hops.",
           (p.DIRECTION, p.DEPTH, p.KIND, p.CLUSTER, *p.EDGE_FILTER, p.FORMAT), (JSON, MERMAID, DOT)),
    _graph("/edges", lists.edges, "Lists the edges of the graph.", (p.NAMESPACE, *p.EDGE_FILTER, *p.PAGE)),
    _graph("/cycles", cycles.cycles, "Lists the circles of services that depend on each other, those that are gone too.",
           (p.STATE, p.SEVERITY, *p.PAGE)),
    _graph("/drift", drift.compared,
           "Holds what is declared against what telemetry shows. An edge is in one list at most; `declared_in` names the"
           " objects that declare calls by the sources of what is observed alone.",
           (p.NAMESPACE, p.TEAM)),
    Route("GET", "/api/v1/cycles/{name}", with_history(cycles.cycle), "One circle, and what happened to it.", READ),
    _recorded("/edges/explain", explain.explained,
              "Why there is an edge from `source` to `target`, or why there is none: who says so, in which words, by which"
              " rules, and how much that weighs.", (p.SOURCE, p.TARGET)),
    _recorded("/providers", providers.providers,
              "Who says that edges exist, and how the sources of telemetry fare."),
    Route("POST", "/api/v1/check", checking.check,
          "What manifests would change, and what is to be said about them before they are applied. The body is JSON,"
          ' `{"manifests": [object, …]}`, or YAML sent as application/yaml; nothing is stored.', READ, (checking.PLACE,)),
    Route("POST", "/api/v1/dependencies", ingestion.post,
          "Stores records about services and edges as the words of the provider `api:<name of the key>`; all of them, or none."
          ' The body is JSON, `{"services": [{"namespace", "name", …}], "dependencies": [{"source": id, "target": id, …}]}`.'
          " An answer means that they are stored, and to send them again changes nothing.", INGEST,
          (ingestion.INTENT, ingestion.ACCEPT_REMOVAL)),
    Route("DELETE", "/api/v1/dependencies", ingestion.delete,
          "Takes back records that were sent with a key of this name; the body is that of POST, of which only what each record"
          " is about counts.", INGEST),
    Route("GET", "/healthz", probes.alive, "Whether the process lives."),
    Route("GET", "/readyz", probes.ready, "Whether the process can answer, and what does not work now."),
    Route("GET", "/metrics", probes.measured, "The metrics, for Prometheus."),
)  # fmt: skip
