"""Prometheus built from its Go module: for tests on machines that have no other way to get it; it takes minutes.

The build tag leaves out the discovery of targets in clouds and clusters; files, which we use, stay.
"""

from __future__ import annotations

from servicegraph.local.build import Recipe

VERSION = "v0.316.0"
"""Of the module; Prometheus 3.16 calls itself so there."""

RECIPE = Recipe(
    title="Building Prometheus (first time only, about 3 minutes on 2 cores)",
    modules=None,
    programs={"prometheus": f"github.com/prometheus/prometheus/cmd/prometheus@{VERSION}"},
    tags="remove_all_sd",
    packages=740,
)
