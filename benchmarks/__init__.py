"""What was measured, and how: run from the repository's root, `python -m benchmarks.NAME`."""
