"""Long-running work: a folder on disk and a detached process that outlives the app."""
