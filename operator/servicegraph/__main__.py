"""`python -m servicegraph` is the command `servicegraph`."""

from servicegraph.cli import main

if __name__ == "__main__":
    main()
