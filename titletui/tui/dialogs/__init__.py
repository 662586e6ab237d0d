"""Dialogs that every mode uses."""
