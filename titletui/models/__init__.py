"""A model on disk: registry, hub, loading, validation, prompts, devices."""
