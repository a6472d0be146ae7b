"""Benchmarks that anyone can run: `python -m tests.bench.cycle`, `.scale`, `.neighbour`, `.s3`, `.orphans`."""
