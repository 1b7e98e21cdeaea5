"""What teams read on their declarations once telemetry is asked, in good days and in outages."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from polling.loop import INTERVAL, LATER, condition, source

if TYPE_CHECKING:
    from polling.loop import Loop
    from polling.shop import Shop


async def test_each_object_is_told_which_of_its_halves_telemetry_shows(
    loop: Loop, shop: Shop, name: str
) -> None:
    await loop.declare("both", "b", {"name": "spare", "observation": "Optional"})
    await loop.declare("half", "b", "c")
    await loop.declare("turned", "caller")
    await loop.declare("nothing", "b")
    await loop.declare("queued", {"name": "orders", "kind": "Queue"})
    await loop.declare("leaf")
    assert await loop.observed("both") == ("Unknown", "NoProvider")

    shop.calls = {loop.pair(ends) for ends in ("both>b", "half>b", "caller>turned", "leaf>b", "leaf>c")}
    await loop.apply(source(name, shop.url))
    await loop.polled(name)

    expected = {
        "both": ("True", "AllObserved"),
        "half": ("False", "PartlyObserved"),
        "turned": ("False", "OnlyReverseObserved"),
        "nothing": ("False", "NeverObserved"),
        "queued": ("Unknown", "NoProvider"),
        "leaf": ("True", "AllObserved"),
    }
    assert {one: await loop.observed(one) for one in expected} == expected
    summary = (await loop.status("half"))["summary"]
    assert summary == {"declared": 2, "observed": 1, "unobserved": 1, "undeclared": 0, "unresolved": 0}
    assert (await loop.status("leaf"))["summary"]["undeclared"] == 2

    # The second poll in a row confirms what the first has shown; what is turned round is a circle from then on.
    await loop.polled(name, after=LATER)
    assert {one: await loop.observed(one) for one in expected} == expected
    written, version = await loop.versions(), await loop.rows.one("SELECT version FROM graph_meta")
    for _ in range(3):
        await loop.polled(name, after=LATER)
    assert await loop.versions() == written, "a steady state writes no object"
    assert await loop.rows.one("SELECT version FROM graph_meta") == version


async def test_days_without_telemetry_change_nothing_on_objects_and_it_recovers_by_itself(
    loop: Loop, shop: Shop, name: str
) -> None:
    await loop.declare("a", "b", "c")
    await loop.declare("p", "q")
    shop.calls = {loop.pair("a>b"), loop.pair("p>q")}
    await loop.apply(source(name, shop.url))
    await loop.polled(name)
    await loop.polled(name, after=LATER)
    written, version = await loop.versions(), await loop.rows.one("SELECT version FROM graph_meta")

    shop.status = 503
    for _ in range(8):
        await loop.polled(name, after=timedelta(days=3))
    assert await loop.versions() == written
    assert await loop.rows.one("SELECT version FROM graph_meta") == version
    assert condition(await loop.source(name), "Healthy")[0] == "False"
    assert condition(await loop.source(name), "Ready") == ("True", "Accepted")
    assert f"telemetry/{name}" in loop.health.degraded()

    await loop.declare("late", "b")
    assert await loop.observed("late") == ("Unknown", "NotEvaluated"), "nobody could look since"
    assert {one: at for one, at in (await loop.versions()).items() if one != "late"} == written

    shop.status = 200
    await loop.polled(name, after=INTERVAL)
    assert await loop.observed("late") == ("False", "NeverObserved")
    assert {one: at for one, at in (await loop.versions()).items() if one != "late"} == written
    assert condition(await loop.source(name), "Healthy")[0] == "True"
    assert f"telemetry/{name}" not in loop.health.degraded()


async def test_an_object_is_judged_by_the_next_poll_though_the_graph_is_the_same(
    loop: Loop, shop: Shop, name: str
) -> None:
    shop.calls = {loop.pair("p>q")}
    await loop.apply(source(name, shop.url))
    await loop.polled(name)
    await loop.polled(name, after=LATER)
    loop.clock.step(timedelta(seconds=1))
    await loop.declare("a", "b")
    assert await loop.observed("a") == ("Unknown", "NotEvaluated")
    version = await loop.rows.one("SELECT version FROM graph_meta")
    await loop.polled(name, after=LATER)
    assert await loop.rows.one("SELECT version FROM graph_meta") == version
    assert await loop.observed("a") == ("False", "NeverObserved")
