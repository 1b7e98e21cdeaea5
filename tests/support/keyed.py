"""The API key of the tests: every test database has it, every test client sends it.

Servers are asked as in real life, with a key; tests about keys make others. It is forged anew for each run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from servicegraph.errors import StoreUnavailable
from servicegraph.model.apikey import ApiKey, Scope, digest, forge, id_of

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = forge()
"""Allows everything, without limits."""

HEADERS: Mapping[str, str] = {"X-API-Key": KEY}


def admit(url: str) -> None:
    """Let the database at `url`, which must be migrated, know the key of the tests."""
    from servicegraph.store import keys  # noqa: PLC0415 - tests without a database need not import it

    keys.admit(url, KEY, "tests")


def made_of(
    text: str,
    scope: Scope = Scope.ADMIN,
    *,
    query_limit: int | None = 0,
    ingestion_limit: int | None = 0,
    expires_at: datetime | None = None,
    revoked_at: datetime | None = None,
) -> ApiKey:
    """What is kept of the key `text`; without limits unless some are given."""
    return ApiKey(
        id=id_of(text) or "",
        name="tests",
        sha256=digest(text),
        scope=scope,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        query_limit=query_limit,
        ingestion_limit=ingestion_limit,
        expires_at=expires_at,
        revoked_at=revoked_at,
    )


@dataclass
class HeldRing:
    """The keys that the test sets: those that are known, and those that would be found if Postgres was asked."""

    keys: dict[str, ApiKey] = field(default_factory=dict)
    new: dict[str, ApiKey] = field(default_factory=dict)
    away: bool = False
    asked: list[str] = field(default_factory=list)
    uses: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hold(made_of(KEY))

    def hold(self, key: ApiKey) -> ApiKey:
        """Know `key`."""
        self.keys[key.id] = key
        return key

    def known(self, key_id: str, /) -> ApiKey | None:
        return self.keys.get(key_id)

    async def look_up(self, key_id: str, /) -> ApiKey | None:
        self.asked.append(key_id)
        if self.away:
            raise StoreUnavailable
        return self.new.get(key_id)

    def used(self, key: ApiKey, /) -> None:
        self.uses.append(key.id)
