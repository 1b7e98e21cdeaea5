"""Which calls wait where too many services are new."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from servicegraph.ingest.declared import Declared
from servicegraph.ingest.newcomers import waiting_calls
from servicegraph.ingest.resolve import resolve
from servicegraph.model.ids import parse_id
from servicegraph.model.telemetry import RawCall, Source

if TYPE_CHECKING:
    from collections.abc import Iterable

AT = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE = Source("otel", "http://prometheus", "OTelCollector", "q", 300.0)
MOST = 20


def coming(calls: Iterable[RawCall], declared: Declared, at: datetime) -> set[str]:
    """The callers that need not wait."""
    shown = resolve(SOURCE, declared, calls).sightings
    new = {end for one in shown.values() for end in (one.source, one.target)}
    new -= {end for end in new if declared.kinds(end.namespace, end.name)}
    waiting = waiting_calls(shown, new, MOST, declared, at)
    return {one.call.client for raw_key, one in shown.items() if raw_key not in waiting}


def flood(round_: int) -> list[RawCall]:
    return [RawCall(f"a-{round_}-{number}", f"b-{round_}-{number}", "job", "job") for number in range(50)]


def test_a_call_of_something_declared_comes_before_names_that_never_repeat() -> None:
    real = RawCall("zoo", "web", "shop", "shop")
    for round_ in range(10):
        at = AT + timedelta(minutes=round_)
        assert "zoo" in coming([*flood(round_), real], Declared([parse_id("shop/web")]), at)


def test_names_that_never_repeat_do_not_keep_a_real_newcomer_out_for_ever() -> None:
    real = RawCall("zoo", "web", "shop", "shop")
    rounds = [coming([*flood(one), real], Declared(()), AT + timedelta(minutes=one)) for one in range(60)]
    assert any("zoo" in one for one in rounds)


def test_who_waits_does_not_depend_on_the_order_of_calls() -> None:
    calls = flood(0)
    assert coming(calls, Declared(()), AT) == coming(reversed(calls), Declared(()), AT)
    assert len(coming(calls, Declared(()), AT)) == MOST // 2
