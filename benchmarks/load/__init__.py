"""Whole servers under load: see `python -m benchmarks.load --help`."""
