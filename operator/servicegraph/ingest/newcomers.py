"""How many services one poll may bring into the graph, and which calls have to wait for that. Pure.

Names that never repeat, of jobs or of what somebody makes up, must not flood the graph at once; nor may one source of them keep
all others out. `ingest.polls` calls this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from servicegraph.ingest.resolve import Sighting
    from servicegraph.model.ids import ServiceKey

MOST_NEW_SERVICES = 1000
"""In one poll."""


def waiting_calls(
    shown: Mapping[str, Sighting], known: Collection[ServiceKey], most: int = MOST_NEW_SERVICES
) -> dict[str, Sighting]:
    """The calls that have to wait, since with them more than `most` services would be new; the same whatever their order.

    What is in quarantine comes last. Calls are taken whole, so that each poll brings some until all are there.
    """
    bringing = [
        (one.quarantined, str(one.source), str(one.target), raw_key)
        for raw_key, one in shown.items()
        if one.source not in known or one.target not in known
    ]
    new = {end for *_, key in bringing for end in shown[key][1:3] if end not in known}
    if len(new) <= most:
        return {}
    coming: set[ServiceKey] = set()
    waiting: dict[str, Sighting] = {}
    for *_, raw_key in sorted(bringing):
        ends = {shown[raw_key].source, shown[raw_key].target} - coming
        more = {end for end in ends if end not in known}
        if len(coming) + len(more) <= most:
            coming |= more
        else:
            waiting[raw_key] = shown[raw_key]
    return waiting
