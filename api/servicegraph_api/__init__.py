"""The HTTP server of servicegraph."""
