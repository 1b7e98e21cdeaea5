"""How many services one poll may bring into the graph, and which calls have to wait for that. Pure.

Names that never repeat, of jobs or of what somebody makes up, must not flood the graph at once; nor may one source of them keep
all others out. `ingest.polls` calls this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from servicegraph.ingest.sighting import Sighting
    from servicegraph.model.ids import ServiceKey

MOST_NEW_SERVICES = 1000
"""In one poll."""


def waiting_calls(shown: Mapping[str, Sighting], new: Collection[ServiceKey], most: int) -> set[str]:
    """The raw keys of calls that have to wait, where more than `most` services are new; the same whatever their order.

    What is in quarantine comes last. Calls are taken whole, so that each poll brings some until all are there.
    """
    if len(new) <= most:
        return set()
    bringing = sorted(
        (one.quarantined, str(one.source), str(one.target), raw_key)
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
