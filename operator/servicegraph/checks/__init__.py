"""What is said about objects against a graph: conditions, near misses, warnings. Pure: no I/O, no clock, no logs here."""
