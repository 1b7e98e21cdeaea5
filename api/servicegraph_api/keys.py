"""What the application holds for its handlers, by typed key, and the names of our headers; `app.create_app` fills it in."""

from __future__ import annotations

import asyncio

from aiohttp import web

from servicegraph.clock import Clock
from servicegraph.model.apikey import ApiKey
from servicegraph.model.ports import AlertHistory, Commit, GraphReader, Health
from servicegraph.model.records import Records
from servicegraph.settings import Settings
from servicegraph_api.memory import Memory

READER = web.AppKey("reader", GraphReader)
HISTORY = web.AppKey("history", AlertHistory)
RECORDS = web.AppKey("records", Records)
COMMIT = web.AppKey("commit", Commit)
HEALTH = web.AppKey("health", Health)
SETTINGS = web.AppKey("settings", Settings)
MEMORY = web.AppKey("memory", Memory)
CLOCK = web.AppKey("clock", Clock)
ROOM = web.AppKey("room", asyncio.Semaphore)
"""Room for work that takes a thread for long."""

CALLER = web.RequestKey("caller", ApiKey)
"""The key that a request came with; absent where it came without one."""

GRAPH_VERSION = "X-Graph-Version"
"""The version of the graph that an answer was made from."""
GRAPH_STALE = "X-Graph-Stale"
"""`true` while the graph may lag behind Postgres; absent else."""
GRAPH_AGE = "X-Graph-Age"
"""Whole seconds since a stale graph was last known to be current."""
