"""A real Prometheus: found, fetched or built, and run as a child process."""
