"""The loss chart, drawn in braille dots."""
