"""The Generate mode."""
