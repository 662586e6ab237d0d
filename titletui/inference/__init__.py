"""Tokens from a model: sampling, KV cache, decoders, prefixes."""
