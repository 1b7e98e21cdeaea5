"""The product, which however gives a watch only seconds instead of a minute: `python impatient.py run`."""

from __future__ import annotations

from servicegraph.cli import main
from servicegraph.reconcile import deafness

deafness.SECONDS = 4.0
"""More than ending a round of the watch takes, or one deaf watch would be judged twice."""

if __name__ == "__main__":
    main()
