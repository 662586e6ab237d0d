"""What the starter, or any model folder, can do: `python -m tests.benchmarks.starter`."""
