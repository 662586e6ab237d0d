"""The version of titletui."""

__version__ = "0.1.0"
