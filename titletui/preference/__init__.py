"""What the stars teach: a preference model over title embeddings."""
