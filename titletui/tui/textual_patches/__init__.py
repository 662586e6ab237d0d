"""Overrides of Textual's private names, one fault a file."""
