"""`titletui` without a command: the app."""

import argparse


def open_app(_: argparse.Namespace) -> int:
    """Opens the app; returns its exit code."""
    from titletui.tui.app import run_app

    return run_app()
