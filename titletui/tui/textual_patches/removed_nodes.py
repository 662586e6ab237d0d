"""Ending a handler, callback or worker whose widget was removed while it awaited something.

Fault: Textual removes the children of a screen first and cancels the screen's workers last, and
never cancels its handlers and callbacks. What continues in between finds no widgets, and
`NoMatches` ends the app.
See it: quit while the Shortlist screen waits for its titles.
Measured: once in some hundred quits under load.
Test: tests/tui/textual_patches/test_removed_nodes.py.
"""

from textual._context import active_message_pump
from textual.app import App, ScreenStackError
from textual.css.query import NoMatches
from textual.dom import DOMNode, NoScreen
from textual.message_pump import MessagePump
from textual.widget import MountError
from textual.worker import WorkerFailed, active_worker


class RemovedNodeApp(App[int]):
    """An app that goes on when something looks for widgets of a screen that was removed."""

    def _handle_exception(self, error: Exception) -> None:
        in_worker = isinstance(error, WorkerFailed)
        cause = error.error if isinstance(error, WorkerFailed) else error
        if isinstance(cause, NoMatches | NoScreen | ScreenStackError | MountError):
            node = active_worker.get().node if in_worker else active_message_pump.get()
            if not self._running or (node is not self and _is_removed(node)):
                self.log.warning(f"{node} was removed: {cause}")
                return
        super()._handle_exception(error)


def _is_removed(node: MessagePump) -> bool:
    pruning = isinstance(node, DOMNode) and node._pruning
    return pruning or node._closing or node._closed or not node.is_attached
