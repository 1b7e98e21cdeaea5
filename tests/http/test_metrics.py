"""What the HTTP server measures of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from servicegraph import metrics
from support.meters import reading

if TYPE_CHECKING:
    from support.serving import Serving

PATH = "/api/v1/services/shop/frontend/dependencies"


@pytest.mark.parametrize(
    ("depth", "label"), [(1, "1"), (2, "3"), (3, "3"), (10, "10"), (11, "50"), (50, "50")]
)
async def test_a_walk_is_measured_by_its_depth_in_few_series(served: Serving, depth: int, label: str) -> None:
    name = "servicegraph_traversal_seconds_count"
    before = reading(name, depth=label)
    await served.document(f"{PATH}?depth={depth}")
    assert reading(name, depth=label) == before + 1
    series = {one.labels["depth"] for one in next(iter(metrics.traversal_seconds.collect())).samples}
    assert series <= {str(most) for most in metrics.DEPTHS}


async def test_an_answer_that_was_kept_walks_no_second_time(served: Serving) -> None:
    await served.document(PATH)
    before = reading("servicegraph_traversal_seconds_count", depth="3")
    await served.document(PATH)
    assert reading("servicegraph_traversal_seconds_count", depth="3") == before
