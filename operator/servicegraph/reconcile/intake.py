"""Where the words of the watch come in: what is new goes to the inbox, what is not only touches the report.

Our own status writes come back as events; they change nothing but what we know of the object's status, and end here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicegraph.reconcile.inbox import Change

if TYPE_CHECKING:
    from servicegraph.reconcile.inbox import Inbox
    from servicegraph.reconcile.objects import Objects
    from servicegraph.reconcile.report import Report
    from servicegraph.reconcile.resync import Resync


class Intake:
    """Takes events of the watch. For the reconciler's loop only."""

    def __init__(self, inbox: Inbox, objects: Objects, report: Report, resync: Resync) -> None:
        self._inbox = inbox
        self._objects = objects
        self._report = report
        self._resync = resync

    def deliver(self, body: dict[str, Any], kind: str | None) -> None:
        """Take one event; `kind` is ADDED, MODIFIED, DELETED, or None for what a list of the watch shows."""
        uid = body["metadata"]["uid"]
        if kind == "DELETED":
            self._objects.forget(uid)
            self._inbox.put(Change(uid, None, "deleted"))
            return
        if kind is None and uid in self._objects.heard:
            # The watch lists anew, so it may have missed deletions, and a list does not tell of those.
            self._resync.request()
        if self._objects.hear(body):
            self._inbox.put(Change(uid, body))
        elif uid in self._objects.live:
            self._report.touch(uid)
