"""The alerts' part of the one transaction: circles of the new state become the alerts of the new version.

What alerts become is decided by `graph.alerts`; here stands when that has to be asked, and what is read and written for it. A
circle is stored and alerted, never refused. Called by `ingest.commit` once the facts are written, so that what it reads is the
new state; nobody else writes meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicegraph.graph.alerts import Alerts, Diff, Moment, News, diff
from servicegraph.graph.components import find_circles
from servicegraph.graph.deadlines import forgettable, over
from servicegraph.store import alerts
from servicegraph.store.circles import read_circles

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection, Mapping, Sequence

    import asyncpg

    from servicegraph.ingest.batch import Adoption, Batch
    from servicegraph.model.alert import Acknowledgement, Alert, Transition
    from servicegraph.model.ids import ServiceKey
    from servicegraph.store.facts import Stamp

    Connection = asyncpg.Connection[asyncpg.Record]
    Written = Counter[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of the alerts."""

    changed: bool
    """Whether any of them is stored otherwise now."""
    told: tuple[Transition, ...]


NOTHING = Followed(changed=False, told=())


async def follow_circles(
    conn: Connection, batch: Batch, stamp: Stamp, written: Written, *, edges_differ: bool
) -> Followed:
    """Bring the alerts to the state that the transaction has made so far.

    Args:
        conn: inside the transaction, its facts written.
        batch: what people said about alerts, what to adopt, and whether to look at the time.
        stamp: the version that is being made.
        written: counts the rows.
        edges_differ: whether the transaction has written any observation. Where it has not, circles are as they were.
    """
    if not (edges_differ or batch.acknowledgements or batch.adoption or batch.retention):
        return NOTHING
    stored = Alerts.of(await alerts.kept(conn))
    news = News(
        said=differing(batch.acknowledgements, stored.by_name),
        over=over(stored.by_name.values(), stamp.at) if batch.retention else (),
    )
    left = strays(batch.adoption, stored.by_name)
    after = Diff(stored)
    if edges_differ or _concerns(news, stored) or (left and _is_last(batch.adoption)):
        snapshot = await read_circles(conn)
        if not _is_last(batch.adoption):
            left = tied(left, {node.key for node in snapshot.nodes})
        before = Alerts.of([*stored.by_name.values(), *left])
        after = diff(before, find_circles(snapshot), Moment(stamp.version, stamp.at), news)
    kept = after.alerts.by_name
    gone = forgettable(kept.values(), stamp.at, batch.retention.alerts) if batch.retention else []
    return await _write(conn, stored, after, gone, stamp, written)


async def _write(
    conn: Connection, stored: Alerts, after: Diff, gone: Sequence[str], stamp: Stamp, written: Written
) -> Followed:
    old = stored.by_name
    rows = [alert for name, alert in after.alerts.by_name.items() if alert != old.get(name)]
    await alerts.write(conn, rows)
    await alerts.tell(conn, after.transitions, stamp.at)
    await alerts.forget(conn, gone)
    new = sum(alert.name not in old for alert in rows)
    written["alerts", "insert"] += new
    written["alerts", "update"] += len(rows) - new
    written["alerts", "delete"] += len(gone)
    written["transitions", "insert"] += len(after.transitions)
    return Followed(bool(rows or gone), after.transitions)


def differing(
    said: Mapping[str, Acknowledgement | None], stored: Mapping[str, Alert]
) -> dict[str, Acknowledgement | None]:
    """What is news among the words of specs; those of an alert that is not stored may be of one that opens now."""
    known = {name: alert.acknowledgement for name, alert in stored.items()}
    return {
        name: words
        for name, words in said.items()
        if name not in known or not (words.says(known[name]) if words else known[name] is None)
    }


def strays(adoption: Adoption | None, stored: Collection[str]) -> list[Alert]:
    """The alerts to adopt that are not stored."""
    return [alert for alert in adoption.alerts if alert.name not in stored] if adoption else []


def tied(left: Sequence[Alert], on_circles: Collection[ServiceKey]) -> list[Alert]:
    """Those of the alerts that share a member with a circle."""
    return [alert for alert in left if any(key in on_circles for key in alert.members)]


def _concerns(news: News, stored: Alerts) -> bool:
    """Whether the news are about any alert that is stored."""
    return bool(news.over) or not stored.by_name.keys().isdisjoint(news.said)


def _is_last(adoption: Adoption | None) -> bool:
    return adoption is not None and adoption.complete
