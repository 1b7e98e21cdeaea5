"""Whatever is heard: the tables equal a plain fold over it, and hearing it again writes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servicegraph.ingest.batch import Batch
from servicegraph.model.observation import RemovedObject, StalledObject
from servicegraph.model.vocabulary import Mode
from support.declared import calls, declares, service, stalls

if TYPE_CHECKING:
    from servicegraph.ingest.commit import GraphWriter
    from servicegraph.model.observation import DeclaredObject
    from support.rows import Rows

NAMES = ["a", "b", "c"]


@dataclass
class World:
    """What should be stored: objects by name, each with its uid, generation, problem and last good words."""

    objects: dict[str, list[Any]] = field(default_factory=dict)

    def hear(self, batch: Batch) -> None:
        """Fold a batch in."""
        for gone in batch.removed:
            self.objects = {name: held for name, held in self.objects.items() if held[0] != gone.uid}
        everyone: list[DeclaredObject | StalledObject] = [*batch.objects, *batch.stalled]
        for one in everyone:
            held = self.objects.get(one.name)
            if held is None or held[0] != one.uid:
                held = self.objects[one.name] = [one.uid, 0, None, None]
            held[1] = one.generation
            if isinstance(one, StalledObject):
                held[2] = f"{one.reason}: {one.message}"
            else:
                held[2], held[3] = None, one

    def edges(self) -> set[tuple[str, str, str]]:
        """Source, target and mode of everything declared."""
        return {
            (str(seen.source), str(seen.target), str(seen.mode.word))
            for *_, good in self.objects.values()
            if good
            for seen in good.observations
        }

    def services(self) -> set[str]:
        """Everything that is named."""
        said = [good for *_, good in self.objects.values() if good]
        return {str(one.statement.service) for one in said} | {
            str(seen.target) for one in said for seen in one.observations
        }

    def teams(self) -> dict[str, str | None]:
        """What is said about services."""
        return {
            str(good.statement.service): good.statement.team for *_, good in self.objects.values() if good
        }


@st.composite
def batches(draw: st.DrawFn) -> list[Batch]:
    """A story about three objects: made, changed, broken, mended, deleted, made again."""
    lives = dict.fromkeys(NAMES, 0)
    generations: dict[str, int] = {}
    story = []
    for _ in range(draw(st.integers(1, 6))):
        objects: list[DeclaredObject] = []
        stalled: list[StalledObject] = []
        removed: list[RemovedObject] = []
        for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3)):
            act = draw(
                st.sampled_from(["say", "say", "say", "stall", "remove", "replace", "replace unheard"])
            )
            uid = f"{name}-{lives[name]}"
            if act in {"remove", "replace"}:
                removed.append(RemovedObject(uid, draw(st.sampled_from(["deleted", "swept"]))))
            if act in {"remove", "replace", "replace unheard"}:
                lives[name] += 1
                uid = f"{name}-{lives[name]}"
            if act == "remove":
                continue
            generations[uid] = generations.get(uid, 0) + 1
            if act == "stall":
                stalled.append(stalls(name, uid=uid, generation=generations[uid]))
            else:
                objects.append(_declared(draw, name, uid, generations[uid]))
        story.append(Batch(objects, stalled, removed))
    return story


def _declared(draw: st.DrawFn, name: str, uid: str, generation: int) -> DeclaredObject:
    targets = draw(st.lists(st.sampled_from(["x", "y", "z", "b"]), unique=True, max_size=3))
    seen = [
        calls(service(name), to, mode=draw(st.sampled_from([Mode.SYNC, Mode.ASYNC])))
        for to in targets
        if to != name
    ]
    team = draw(st.sampled_from([None, "red", "blue"]))
    return declares(name, *seen, uid=uid, generation=generation, team=team)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=batches())
async def test_the_tables_are_the_fold_of_all_that_was_heard(
    writer: GraphWriter, rows: Rows, story: list[Batch]
) -> None:
    await rows.run("TRUNCATE services, objects, statements, observations, changes, alerts, transitions")
    await rows.run("UPDATE graph_meta SET version = 0")
    world, version = World(), 0
    for batch in story:
        before = await _facts(rows)
        world.hear(batch)
        done = await writer.commit(batch)
        after = await _facts(rows)
        assert after == (world.edges(), world.services(), world.teams())
        assert done.version == version + done.changed
        assert done.changed or before == after
        version = done.version
        held = {
            row["name"]: row for row in await rows.of("SELECT uid, name, generation, problem FROM objects")
        }
        assert held == {
            name: {"uid": uid, "name": name, "generation": generation, "problem": problem}
            for name, (uid, generation, problem, _) in world.objects.items()
        }
        await _nothing_dangles(rows)
        written = await rows.addresses()
        assert await writer.commit(batch) == replace(done, changed=False)
        assert await rows.addresses() == written


async def _facts(rows: Rows) -> tuple[set[tuple[str, str, str]], set[str], dict[str, str | None]]:
    edges = await rows.of("SELECT source, target, mode FROM edges")
    said = await rows.of("SELECT s.printed, t.team FROM statements t JOIN services s ON s.id = t.service")
    return (
        {(row["source"], row["target"], row["mode"]) for row in edges},
        await rows.services(),
        {row["printed"]: row["team"] for row in said},
    )


async def _nothing_dangles(rows: Rows) -> None:
    """No foreign keys hold the tables together, so this does."""
    dangling = await rows.of(
        """
        SELECT 'observation' AS what FROM observations o
        WHERE NOT EXISTS (SELECT FROM services WHERE id = o.source) OR NOT EXISTS (SELECT FROM services WHERE id = o.target)
           OR NOT EXISTS (SELECT FROM objects WHERE id = o.object) OR NOT EXISTS (SELECT FROM providers WHERE id = o.provider)
           OR NOT EXISTS (SELECT FROM protocols WHERE id = o.protocol)
        UNION ALL
        SELECT 'statement' FROM statements t
        WHERE NOT EXISTS (SELECT FROM services WHERE id = t.service) OR NOT EXISTS (SELECT FROM objects WHERE id = t.object)
        """
    )
    assert dangling == []
