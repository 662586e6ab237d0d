"""Candidates seen and titles kept."""
