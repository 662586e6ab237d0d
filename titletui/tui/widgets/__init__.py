"""Widgets that know nothing of the rooms."""
