"""Values, ids and custom resources. No I/O here: everything is a value or a pure function of values."""
