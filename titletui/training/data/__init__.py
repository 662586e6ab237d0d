"""Papers into token sequences and batches."""
