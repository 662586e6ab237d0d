"""The Corpus mode."""
