"""Titles from a model, as they end."""
