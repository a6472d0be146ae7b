"""Benchmarks that anyone can run: each of `python -m tests.bench.cycle`, `.scale`, `.neighbour`, `.orphans` prints JSON."""
