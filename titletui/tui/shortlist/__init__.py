"""The Shortlist mode."""
