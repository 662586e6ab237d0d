"""Copying over SSH and tmux with OSC 52, which asks the terminal itself to take the text."""

import base64
import os

from textual.app import App


def osc52(text: str) -> str:
    """The control sequence that puts `text` on the clipboard of the terminal.

    Inside tmux it is wrapped (every ESC doubled) so that tmux hands it on.
    """
    sequence = f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"
    if os.environ.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return sequence


class ClipboardApp(App[int]):
    """An app whose copies also arrive through tmux.

    Textual writes OSC 52 unwrapped, which tmux keeps to itself by default.
    """

    def copy_to_clipboard(self, text: str) -> None:
        """Put `text` on the clipboard of the terminal and of the app's inputs."""
        self._clipboard = text
        if self._driver is not None:
            self._driver.write(osc52(text))
