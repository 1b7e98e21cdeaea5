"""Real Postgres and a real Kubernetes control plane as child processes: for `servicegraph local`, tests and
benchmarks.
"""
