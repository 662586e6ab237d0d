"""`titletui` without a command: the app."""

import argparse


def open_app(_: argparse.Namespace) -> int:
    """Opens the app; returns its exit code."""
    import gc

    # Of what is loaded now nothing is garbage; `readiness.settle` turns it on again.
    gc.disable()
    from titletui.tui.app import run_app

    return run_app()
