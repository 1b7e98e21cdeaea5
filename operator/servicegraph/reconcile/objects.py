"""What Kubernetes shows of every object, and how each stands with us.

The only memory of the controller besides the snapshot: one small record an object. Bodies come in through `hear` (the watch)
and `find` (a list); `run` sets the standings; `report` and `resync` read both.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from servicegraph.writeback.live import LiveObject
from servicegraph.writeback.standing import Waiting

if TYPE_CHECKING:
    from servicegraph.writeback.standing import Standing

_GONE_KEPT = 20_000


class Objects:
    """All ServiceDependency objects by uid. For the reconciler's loop only."""

    def __init__(self) -> None:
        self.live: dict[str, LiveObject] = {}
        self.standing: dict[str, Standing] = {}
        self.heard: dict[str, int] = {}
        """The newest generation that the watch itself has delivered."""
        self.gone: OrderedDict[str, None] = OrderedDict()
        """The last uids that exist no more, as the watch or a list has said."""
        self._word = asyncio.Event()

    def hear(self, body: dict[str, Any]) -> bool:
        """Take in a body from the watch; True when it has to be reconciled."""
        self._word.set()
        if not self.take(body):
            return False
        meta = body["metadata"]
        self.heard[meta["uid"]] = max(meta["generation"], self.heard.get(meta["uid"], 0))
        return self.unsettled(meta["uid"])

    async def next_word(self) -> None:
        """Wait until the watch says something."""
        self._word.clear()
        await self._word.wait()

    def find(self, body: dict[str, Any]) -> bool:
        """Take in a body from a list; True when it has to be reconciled."""
        return self.take(body) and self.unsettled(body["metadata"]["uid"])

    def take(self, body: dict[str, Any]) -> bool:
        """Keep the body unless something newer is known; False when the object is gone or says something else by now."""
        uid = body["metadata"]["uid"]
        if uid in self.gone:
            return False
        known = self.live.get(uid)
        # Resource versions of one kind can be compared as numbers, which is how a late list is told from a fresh event.
        if known is None or int(body["metadata"]["resourceVersion"]) >= int(known.resource_version):
            self.live[uid] = LiveObject.of(body)
        return self.live[uid].generation == int(body["metadata"]["generation"])

    def unsettled(self, uid: str) -> bool:
        """Whether the generation that Kubernetes shows is not yet stored or refused."""
        standing = self.standing.get(uid)
        return (
            standing is None
            or isinstance(standing, Waiting)
            or standing.generation != self.live[uid].generation
        )

    def forget(self, uid: str) -> None:
        """The object exists no more; a late word about it will be ignored, for a uid never comes back."""
        self._word.set()
        self.live.pop(uid, None)
        self.standing.pop(uid, None)
        self.heard.pop(uid, None)
        self.gone[uid] = None
        while len(self.gone) > _GONE_KEPT:
            self.gone.popitem(last=False)
