"""How many services one poll may bring into the graph, and which calls have to wait for that. Pure.

Names that never repeat, of jobs or of what somebody makes up, must not flood the graph at once; nor may one source of them keep
all others out: what is declared comes first, and who comes first of the rest is drawn anew at each poll. `ingest.polls` calls
this.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from servicegraph.ingest.declared import Declared
    from servicegraph.ingest.sighting import Sighting
    from servicegraph.model.ids import ServiceKey

MOST_NEW_SERVICES = 1000
"""In one poll."""


def waiting_calls(
    shown: Mapping[str, Sighting], new: Collection[ServiceKey], most: int, declared: Declared, at: datetime
) -> set[str]:
    """The raw keys of calls that have to wait, where more than `most` services are new; the same whatever their order.

    What is in quarantine comes last, calls with an end that is declared come first, and lots are drawn among equals, by the
    time of the poll: an order that stays would let names that never repeat stand before the same real ones for ever. Calls are
    taken whole, so that each poll brings some until all are there.

    Args:
        shown: the calls by raw key.
        new: those of their ends that are not stored.
        most: how many of them may come.
        declared: what is declared in the cluster of the source.
        at: when the poll was made.
    """
    if len(new) <= most:
        return set()
    bringing = sorted(
        (one.quarantined, not _is_declared(one, declared), _lot(raw_key, at), raw_key)
        for raw_key, one in shown.items()
        if one.source in new or one.target in new
    )
    coming: set[ServiceKey] = set()
    waiting: set[str] = set()
    for *_, raw_key in bringing:
        one = shown[raw_key]
        more = {end for end in (one.source, one.target) if end in new} - coming
        if len(coming) + len(more) <= most:
            coming |= more
        else:
            waiting.add(raw_key)
    return waiting


def _is_declared(one: Sighting, declared: Declared) -> bool:
    return any(end.kind in declared.kinds(end.namespace, end.name) for end in (one.source, one.target))


def _lot(raw_key: str, at: datetime) -> bytes:
    return blake2b(f"{at.timestamp()}\n{raw_key}".encode(), digest_size=8).digest()
