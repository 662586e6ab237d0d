"""Copying over SSH: OSC 52, which asks the terminal itself to take the text."""

import base64
import os


def osc52(text: str) -> str:
    """The control sequence that puts `text` on the clipboard of the terminal in front.

    Inside tmux it is wrapped (every ESC doubled) so that tmux hands it on.
    """
    sequence = f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"
    if os.environ.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return sequence
