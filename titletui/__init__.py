"""Turn a corner of arXiv into paper titles, in the terminal."""

__version__ = "0.1.0"
