"""Real Postgres and a real Kubernetes control plane as child processes.

For `servicegraph local`, tests and benchmarks.
"""
