"""Start a run: memory check, processes, Slurm."""
