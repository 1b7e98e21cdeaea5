"""The spans of the calls of a topology, as OTLP/HTTP takes them in JSON: what instrumented services would send to a collector.

Per call a CLIENT span of the caller and, where the called is instrumented, a SERVER span as its child; a PRODUCER span for what
goes into a queue and a CONSUMER span for each who takes it out. It knows nothing of series: what a collector makes of spans
is for the collector to say.
"""

from __future__ import annotations

import json
import secrets
import time
import urllib.request
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from servicegraph.local.traffic.topology import INSTRUMENTED, Part

if TYPE_CHECKING:
    from servicegraph.local.traffic.topology import Link, Topology

_SERVER, _CLIENT, _PRODUCER, _CONSUMER = 2, 3, 4, 5
_ERROR = 2
_MILLISECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Style:
    """How services are instrumented.

    Attributes:
        namespace: of their pods.
        peer_service: whether callers name what they call by `peer.service`.
        new_names: whether attributes have the names of the current conventions (`db.system.name`, `server.address`).
        linked: whether a consumer's span is linked to the producer's instead of being its child.
        failing: calls that fail, as pairs of names.
    """

    namespace: str
    peer_service: bool = True
    new_names: bool = False
    linked: bool = False
    failing: frozenset[tuple[str, str]] = frozenset()


@dataclass(slots=True)
class Spans:
    """Spans, by the service that sends them."""

    style: Style
    by_service: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def post(self, url: str) -> None:
        """Send them all to a collector, which must take every one."""
        resources = [
            {
                "resource": {
                    "attributes": _attributes(
                        {"service.name": name, "k8s.namespace.name": self.style.namespace}
                    )
                },
                "scopeSpans": [{"scope": {"name": "test"}, "spans": spans}],
            }
            for name, spans in self.by_service.items()
        ]
        body = json.dumps({"resourceSpans": resources}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            said = json.loads(answer.read() or b"{}")
        assert not said.get("partialSuccess", {}).get("rejectedSpans"), said
        self.by_service.clear()

    def call(self, link: Link) -> None:
        """One call that is not about a queue."""
        failed = (link.source.name, link.target.name) in self.style.failing
        trace, parent = self._add(link.source.name, _CLIENT, self._attributes_of(link), failed=failed)
        if link.target.part in INSTRUMENTED:
            self._add(link.target.name, _SERVER, {}, trace=trace, parent=parent, milliseconds=10)

    def message(self, link: Link, consumers: list[Link]) -> None:
        """One message that a producer puts into a queue and that every consumer takes out."""
        system = {"messaging.system": link.target.technology or link.target.name}
        trace, parent = self._add(link.source.name, _PRODUCER, system)
        for consumer in consumers:
            if self.style.linked:
                links = [{"traceId": trace, "spanId": parent}]
                self._add(consumer.source.name, _CONSUMER, system, links=links)
            else:
                self._add(consumer.source.name, _CONSUMER, system, trace=trace, parent=parent)

    def _attributes_of(self, link: Link) -> dict[str, str]:
        """What the caller's span says of an end that sends none itself."""
        target, style = link.target, self.style
        if target.part in INSTRUMENTED:
            return {}
        if target.part not in {Part.DATABASE, Part.CACHE}:
            return {"server.address": target.name}
        system = link.protocol or target.technology or "other_sql"
        if style.new_names:
            return {"db.system.name": system, "db.namespace": target.name, "server.address": target.name}
        named = {"db.name": target.name} if target.part is Part.DATABASE else {}
        peer = {"peer.service": target.name} if style.peer_service else {}
        return {"db.system": system, **named, **peer}

    def _add(
        self,
        service: str,
        kind: int,
        attributes: dict[str, str],
        *,
        trace: str = "",
        parent: str = "",
        failed: bool = False,
        links: list[dict[str, str]] | None = None,
        milliseconds: int = 20,
    ) -> tuple[str, str]:
        trace, span, end = trace or secrets.token_hex(16), secrets.token_hex(8), time.time_ns()
        self.by_service[service].append(
            {
                "traceId": trace,
                "spanId": span,
                "parentSpanId": parent,
                "name": "call",
                "kind": kind,
                "startTimeUnixNano": str(end - milliseconds * _MILLISECOND),
                "endTimeUnixNano": str(end),
                "attributes": _attributes(attributes),
                "links": links or [],
                "status": {"code": _ERROR} if failed else {},
            }
        )
        return trace, span


def once(topology: Topology, style: Style) -> Spans:
    """The spans of every call of a topology, made once."""
    spans = Spans(style)
    for link in topology.links:
        if link.target.part is not Part.QUEUE:
            spans.call(link)
        elif not link.consumes:
            spans.message(
                link, [other for other in topology.links if other.target == link.target and other.consumes]
            )
    return spans


def _attributes(said: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in said.items()]
