"""Anything long: a folder on disk and a detached process."""
