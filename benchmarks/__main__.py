"""`python -m benchmarks`: print the table of ratios; leave with 1 when one is not reached.

Each row is printed as soon as it is measured. A further module of rows is added to `MODULES`.
"""

from __future__ import annotations

import sys

from benchmarks import circles, in_memory, stored, telemetry, web
from benchmarks.rows import HEADING

from servicegraph import log

MODULES = (in_memory, circles, stored, telemetry, web)


def main() -> int:
    """Measure and print everything; the exit code."""
    log.configure("WARNING")  # the table stands alone
    print(HEADING, flush=True)
    every_one = True
    for module in MODULES:
        for row in module.rows():
            print(row, flush=True)
            every_one = every_one and row.reached
    return 0 if every_one else 1


if __name__ == "__main__":
    sys.exit(main())
