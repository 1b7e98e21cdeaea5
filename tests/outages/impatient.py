"""The product, which however gives a watch only a moment instead of a minute: `python impatient.py run`."""

from __future__ import annotations

from servicegraph.cli import main
from servicegraph.reconcile import deafness

deafness.SECONDS = 1.0

if __name__ == "__main__":
    main()
