"""servicegraph: what services depend on, declared and observed, in one graph.

This folder (`operator/servicegraph`) holds the operator and the core that the HTTP server in `api/` shares with it.
A module imports only from lower layers; `docs/architecture.md` shows them, import-linter checks them.
"""

__version__ = "0.1.0"
