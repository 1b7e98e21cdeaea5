"""The table of API keys, and what a process knows of it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from servicegraph.clock import SystemClock
from servicegraph.errors import BadInput, StoreUnavailable
from servicegraph.model.apikey import ApiKey, Scope, forge, id_of
from servicegraph.store import keyring, keys
from servicegraph.store.engine import dedicated
from servicegraph.store.keyring import KeyRing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sqlalchemy.ext.asyncio import AsyncEngine

    from support.rows import Rows

pytestmark = pytest.mark.usefixtures("no_keys")

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@asynccontextmanager
async def running(engine: AsyncEngine) -> AsyncIterator[KeyRing]:
    """A ring that follows the database for the time of the block."""
    ring = KeyRing(engine, SystemClock())
    task = asyncio.create_task(ring.run())
    try:
        async with asyncio.timeout(60):
            yield ring
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - what is waited for is a state of the product, which rings no bell for tests
        await asyncio.sleep(0.005)


def of(text: str) -> str:
    found = id_of(text)
    assert found is not None
    return found


@pytest.fixture
async def no_keys(rows: Rows) -> None:
    """The key that every test database has is taken away."""
    await rows.run("DELETE FROM api_keys")


async def test_a_key_is_kept_as_its_hash_alone(engine: AsyncEngine, rows: Rows) -> None:
    text, key = await keys.create(engine, "backstage", Scope.READ)
    assert key.opens_with(text)
    [row] = await rows.of("SELECT * FROM api_keys")
    assert text not in str(row)
    assert text[12:] not in str(row)
    assert row["sha256"] == key.sha256


async def test_keys_are_listed_with_all_that_was_said_of_them(engine: AsyncEngine) -> None:
    ends = datetime(2030, 1, 1, tzinfo=UTC)
    _, second = await keys.create(
        engine, "ci", Scope.INGEST, expires_at=ends, query_limit=0, ingestion_limit=600
    )
    _, first = await keys.create(engine, "backstage", Scope.READ)
    assert await keys.listed(engine) == [first, second]
    assert (second.scope, second.expires_at, second.query_limit, second.ingestion_limit) == (
        Scope.INGEST,
        ends,
        0,
        600,
    )
    assert (first.query_limit, first.expires_at, first.last_used_at) == (None, None, None)


async def test_two_live_keys_may_have_one_name_and_a_third_may_not(engine: AsyncEngine) -> None:
    first = of((await keys.create(engine, "ci", Scope.READ))[0])
    await keys.create(engine, "ci", Scope.READ)
    with pytest.raises(BadInput, match=f"api-keys revoke {first}"):
        await keys.create(engine, "ci", Scope.READ)
    await keys.revoke(engine, first)
    await keys.create(engine, "ci", Scope.READ)


async def test_an_expired_key_makes_room_for_another(engine: AsyncEngine) -> None:
    for _ in range(3):
        await keys.create(engine, "ci", Scope.READ, expires_at=LONG_AGO)
    await keys.create(engine, "ci", Scope.READ)


async def test_made_together_there_are_no_more_than_two(engine: AsyncEngine) -> None:
    made = await asyncio.gather(
        *(keys.create(engine, "ci", Scope.READ) for _ in range(6)), return_exceptions=True
    )
    assert len(await keys.listed(engine)) == 2
    assert sum(isinstance(one, BadInput) for one in made) == 4


async def test_a_key_is_revoked_by_its_id_its_name_or_itself(engine: AsyncEngine) -> None:
    (one, _), (two, _), (three, _) = [await keys.create(engine, f"k{n}", Scope.READ) for n in range(3)]
    for named in (of(one), "k1", three):
        assert (await keys.revoke(engine, named)).revoked_at is not None
    assert {key.id for key in await keys.listed(engine) if key.revoked_at} == {of(one), of(two), of(three)}


async def test_a_name_of_two_live_keys_does_not_say_which_to_revoke(engine: AsyncEngine) -> None:
    ids = [of((await keys.create(engine, "ci", Scope.READ))[0]) for _ in range(2)]
    with pytest.raises(BadInput, match=", ".join(ids)):
        await keys.revoke(engine, "ci")
    with pytest.raises(BadInput, match="no key with the id 'other'"):
        await keys.revoke(engine, "other")


async def test_a_key_that_is_revoked_again_keeps_its_time(engine: AsyncEngine) -> None:
    text, _ = await keys.create(engine, "ci", Scope.READ)
    first = await keys.revoke(engine, of(text))
    assert await keys.revoke(engine, of(text)) == first


async def test_the_key_of_an_environment_is_good_whatever_became_of_it(
    engine: AsyncEngine, database: str
) -> None:
    text = forge()
    await asyncio.to_thread(keys.admit, database, text, "local")
    await keys.revoke(engine, of(text))
    await asyncio.to_thread(keys.admit, database, text, "local")
    [key] = await keys.listed(engine)
    assert (key.scope, key.query_limit, key.ingestion_limit, key.revoked_at) == (Scope.ADMIN, 0, 0, None)
    assert key.opens_with(text)


async def test_an_old_key_is_known_and_a_new_one_is_found_at_once(engine: AsyncEngine) -> None:
    old, _ = await keys.create(engine, "old", Scope.READ)
    async with running(engine) as ring:
        assert await ring.look_up(of(old)) is not None
        new, made = await keys.create(engine, "new", Scope.READ)
        assert await ring.look_up(of(new)) == made
        assert ring.known(of(new)) == made
        assert await ring.look_up("nobody00") is None


async def test_a_key_that_is_revoked_is_known_to_be_by_a_notification(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With the poll a day away only NOTIFY can bring it.
    monkeypatch.setattr(keyring, "POLL_SECONDS", 86_400.0)
    text, _ = await keys.create(engine, "ci", Scope.READ)
    async with running(engine) as ring:
        await ring.look_up(of(text))
        await keys.revoke(engine, of(text))
        await until(lambda: _known(ring, text).revoked_at is not None)


async def test_what_is_changed_by_hand_is_seen_by_the_poll(engine: AsyncEngine, rows: Rows) -> None:
    text, _ = await keys.create(engine, "ci", Scope.READ)
    async with running(engine) as ring:
        await ring.look_up(of(text))
        await rows.run("UPDATE api_keys SET scope = 'admin'")
        await until(lambda: _known(ring, text).scope is Scope.ADMIN)
        await rows.run("DELETE FROM api_keys")
        await until(lambda: ring.known(of(text)) is None)


async def test_a_flood_of_unknown_keys_is_no_flood_of_queries(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[None] = []
    ask = KeyRing._ask

    async def counted(ring: KeyRing, conn: keyring.Connection) -> None:
        asked.append(None)
        await ask(ring, conn)

    monkeypatch.setattr(KeyRing, "_ask", counted)
    monkeypatch.setattr(keyring, "POLL_SECONDS", 86_400.0)
    async with running(engine) as ring:
        await ring.look_up("nobody00")
        before = len(asked)
        found = await asyncio.gather(*(ring.look_up(f"{n:08}") for n in range(5_000)))
        assert found == [None] * 5_000
        assert len(asked) - before <= 2


async def test_uses_are_stored_together_and_never_go_back(engine: AsyncEngine, rows: Rows) -> None:
    text, key = await keys.create(engine, "ci", Scope.READ)
    _, idle = await keys.create(engine, "idle", Scope.READ)
    ring = KeyRing(engine, SystemClock())
    for _ in range(100):
        ring.used(key)
    await ring.flush()
    by_name = {one.name: one for one in await keys.listed(engine)}
    used = by_name["ci"].last_used_at
    assert used is not None
    assert by_name["idle"] == idle
    async with dedicated(engine) as conn:
        assert await keys.write_uses(conn, {of(text): used - timedelta(hours=1)}) == 0
    assert await rows.one("SELECT last_used_at FROM api_keys WHERE name = 'ci'") == used


async def test_a_key_that_was_used_is_no_key_that_was_changed(engine: AsyncEngine, rows: Rows) -> None:
    _, key = await keys.create(engine, "ci", Scope.READ)
    before = await rows.one(keyring._MARK)
    ring = KeyRing(engine, SystemClock())
    ring.used(key)
    await ring.flush()
    assert await rows.one(keyring._MARK) == before


async def test_uses_wait_while_they_cannot_be_stored(
    engine: AsyncEngine, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key = await keys.create(engine, "ci", Scope.READ)
    ring = KeyRing(engine, SystemClock())
    ring.used(key)

    async def away(*_: object) -> int:
        raise ConnectionResetError

    with monkeypatch.context() as broken:
        broken.setattr(keys, "write_uses", away)
        await ring.flush()
    assert await rows.one("SELECT last_used_at FROM api_keys") is None
    await ring.flush()
    assert await rows.one("SELECT last_used_at FROM api_keys") is not None


async def test_without_postgres_known_keys_stay_and_others_cannot_be_told(
    engine: AsyncEngine, rows: Rows
) -> None:
    text, _ = await keys.create(engine, "ci", Scope.READ)
    async with running(engine) as ring:
        await ring.look_up(of(text))
        assert ring.problem() is None
        await rows.run("ALTER TABLE api_keys RENAME TO gone")
        await until(lambda: ring.problem() is not None)
        assert "is not known here" in str(ring.problem())
        assert _known(ring, text).opens_with(text)
        with pytest.raises(StoreUnavailable, match="cannot be told now"):
            await ring.look_up("nobody00")
        await rows.run("ALTER TABLE gone RENAME TO api_keys")
        await until(lambda: ring.problem() is None)
        assert await ring.look_up("nobody00") is None


def _known(ring: KeyRing, text: str) -> ApiKey:
    key = ring.known(of(text))
    assert key is not None
    return key


async def test_uses_are_stored_while_it_runs(
    engine: AsyncEngine, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "USES_SECONDS", 0.0)
    text, key = await keys.create(engine, "ci", Scope.READ)
    async with running(engine) as ring:
        await ring.look_up(of(text))
        ring.used(key)
        while await rows.one("SELECT last_used_at FROM api_keys") is None:
            await ring.look_up("nobody00")
