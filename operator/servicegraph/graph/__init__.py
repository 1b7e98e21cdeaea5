"""The graph as values and pure functions: merging observations into edges, walking them. No I/O, no clock, no logs here."""
