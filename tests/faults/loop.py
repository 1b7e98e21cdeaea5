"""An event loop in a thread of its own, for what has to go on serving while a test waits."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_T = TypeVar("_T")
_PATIENCE_SECONDS = 60


class LoopThread:
    """`with LoopThread() as loop: loop.call(coroutine)`; in the end every task still running is cancelled."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def call(self, doing: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine there and wait for what it returns."""
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(_PATIENCE_SECONDS)

    def do(self, what: Callable[[], _T]) -> _T:
        """Call a function there and wait for what it returns."""

        async def call() -> _T:
            return what()

        return self.call(call())

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        finally:
            self._loop.close()
