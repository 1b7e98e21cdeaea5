"""What this process's metrics read."""

from __future__ import annotations

from servicegraph import metrics


def reading(name: str, **labels: str) -> float:
    """The value of the series `name` with exactly these labels; 0 where there is none."""
    return metrics.registry.get_sample_value(name, labels) or 0.0
