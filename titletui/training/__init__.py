"""Fine-tuning a language model on a corpus."""
