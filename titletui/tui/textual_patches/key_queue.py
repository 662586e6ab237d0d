"""Keys in the order in which they were typed, however many come in one breath.

Textual hands a key to what has the focus and goes on: a key that stands for an action comes back
through every parent before it is done, while text typed after it is in the input already, and what
is typed after a key that opens a dialog still goes to the screen behind. Over a slow line keys come
in bursts, so each waits here until the one before it has been done.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator

from textual import events
from textual.app import App
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.timer import Timer

_PATIENCE = 3.0
_SOON = 0.005


class KeyQueueApp(App[int]):
    """An app that hands on a key when the one before is done and what it opened can take it."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = 0
        # Until the first screen stands and has given the focus away.
        self._taken = True
        self._expected = 0
        self._kept_back: deque[events.Key | events.Paste] = deque()
        self._patience: Timer | None = None

    def on_ready(self) -> None:
        """Takes what was typed while the app opened."""
        if not self.screen.call_after_refresh(self._next, self._turn):
            self._next(self._turn)

    @property
    def keys_handled(self) -> int:
        """A number that grows with each key."""
        return self._turn

    @contextlib.contextmanager
    def opening(self) -> Iterator[None]:
        """While a key's worker gets a dialog ready: what is typed meanwhile is for that.

        To be entered before the worker first waits, and left when the dialog is open.
        """
        self._expected += 1
        try:
            yield
        finally:
            self._expected -= 1

    async def on_event(self, event: events.Event) -> None:
        """Lets a key wait while another one is on its way."""
        if event.is_forwarded or not isinstance(event, events.Key | events.Paste):
            await super().on_event(event)
        elif self._taken:
            self._kept_back.append(event)
            if self._patience is None:
                self._patience = self.set_timer(_PATIENCE, self._lose_patience)
        else:
            await self._hand_on(event)

    async def _hand_on(self, event: events.Key | events.Paste) -> None:
        self._turn += 1
        if not self.screen_stack:
            return
        screen, target = self.screen, self.focused or self.screen
        self._taken = True
        await super().on_event(event)
        if isinstance(event, events.Key) and target.check_consume_key(event.key, event.character):
            self._next(self._turn)  # Text keeps its order by itself.
        else:
            # Once more round the app: what moves the focus goes through its queue.
            self._follow([*target.ancestors_with_self, self], screen, self._turn)

    def _follow(self, way: list[MessagePump], before: Screen[object], turn: int) -> None:
        """Goes the way of a key, right behind it."""
        for at, node in enumerate(way):
            if node.call_later(self._follow, way[at + 1 :], before, turn):
                return
        asyncio.get_running_loop().call_soon(self._look_for_news, before, turn)

    def _look_for_news(self, before: Screen[object], turn: int) -> None:
        """The key is done; what a worker of its has opened can take the next one once it stands."""
        if self._expected and turn == self._turn:
            asyncio.get_running_loop().call_later(_SOON, self._look_for_news, before, turn)
            return
        opened = self.screen if self.screen_stack and self.screen is not before else None
        if opened is None or not opened.call_after_refresh(self._next, turn):
            self._next(turn)

    def _next(self, turn: int) -> None:
        if turn != self._turn:
            return
        self._taken = bool(self._kept_back)
        if self._kept_back:
            self.call_later(self._hand_on, self._kept_back.popleft())
        elif self._patience is not None:
            self._patience.stop()
            self._patience = None

    def _lose_patience(self) -> None:
        """No key waits for long, whatever the one before it has come upon."""
        self._patience = None
        if self._kept_back:
            self._patience = self.set_timer(_PATIENCE, self._lose_patience)
            self._next(self._turn)
