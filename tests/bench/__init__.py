"""Benchmarks that anyone can run: `python -m tests.bench.cycle`, `.s3` and `.scale` each print one JSON object."""
