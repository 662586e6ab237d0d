"""Patches of Textual: one fault a file, with how to see it, what it costs and its test.

They override private names, so `textual` is pinned to one version in pyproject.toml.
"""
