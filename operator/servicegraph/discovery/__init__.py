"""Asking telemetry which services call each other. Knows neither Postgres nor Kubernetes; nobody else asks Prometheus."""
