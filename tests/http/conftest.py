"""The shop, served."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import shop
from support.serving import Serving, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def served() -> AsyncIterator[Serving]:
    """The shop over HTTP."""
    async with serving(shop.snapshot()) as server:
        yield server
