"""Titles from the command line."""

import argparse
from typing import Any


def add_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    """Adds this room's commands to the parser."""
