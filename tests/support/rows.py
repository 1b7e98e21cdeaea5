"""Looking at the rows of the database in plain SQL, beside the product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from servicegraph.store.engine import transaction
from servicegraph.store.tables import metadata

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


@dataclass(frozen=True)
class Rows:
    """The rows behind a pool of connections."""

    engine: AsyncEngine

    async def of(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """The answer to a query."""
        async with transaction(self.engine, read_only=True) as conn:
            return [dict(row) for row in await conn.fetch(query, *values)]

    async def one(self, query: str, *values: Any) -> Any:
        """The only value of the answer to a query."""
        async with transaction(self.engine, read_only=True) as conn:
            return await conn.fetchval(query, *values)

    async def run(self, statement: str, *values: Any) -> None:
        """Change something behind the product's back."""
        async with transaction(self.engine) as conn:
            await conn.execute(statement, *values)

    async def addresses(self) -> dict[str, list[tuple[Any, ...]]]:
        """Of every row of every table: where it lies, which transaction wrote it and which touched it last.

        Equal before and after means: nothing was written, nor even locked.
        """
        async with transaction(self.engine, read_only=True) as conn:
            return {
                table: [
                    tuple(row) for row in await conn.fetch(f"SELECT ctid, xmin, xmax FROM {table} ORDER BY 1")
                ]
                for table in metadata.tables
            }

    async def edges(self) -> set[tuple[str, str]]:
        """Source and target of every edge, as printed ids."""
        return {(row["source"], row["target"]) for row in await self.of("SELECT source, target FROM edges")}

    async def services(self) -> set[str]:
        """The printed id of every service."""
        return {row["printed"] for row in await self.of("SELECT printed FROM services")}

    async def changes(self, since: int = 0) -> set[tuple[str, ...]]:
        """What versions after `since` changed: kind, source, target and reason."""
        found = await self.of("SELECT kind, source, target, reason FROM changes WHERE version > $1", since)
        return {tuple(value or "" for value in row.values()) for row in found}
