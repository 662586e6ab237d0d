"""Named sets of arXiv papers: where they come from and where they are kept."""
