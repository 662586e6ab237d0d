"""What the modes that list things share: reading the list again and again, and going to one."""

import asyncio
from abc import abstractmethod
from typing import ClassVar, Protocol

from titletui.tui.mode_screen import ModeScreen


class Named(Protocol):
    """A row of the list."""

    @property
    def name(self) -> str: ...


class ListScreen(ModeScreen):
    """A mode with a list of things that have names.

    Attributes:
        THING: what one of them is called.
        LOOK: seconds between two looks.
        wanted: what is to be highlighted as soon as it is in the list.
    """

    THING: ClassVar[str] = ""
    LOOK: ClassVar[float] = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.wanted = ""
        self._looking = asyncio.Lock()

    def on_mount(self) -> None:
        self.set_interval(self.LOOK, self.look)
        self.call_later(self.look)

    async def on_screen_resume(self) -> None:
        await self.look()

    async def preload(self) -> None:
        await self.look(always=True)

    @property
    @abstractmethod
    def chosen(self) -> Named | None:
        """The highlighted one."""

    @abstractmethod
    async def read(self) -> None:
        """Reads the list and shows it."""

    async def look(self, *, always: bool = False) -> None:
        """Reads the list and shows it.

        Args:
            always: also while out of sight, and anew where another look is under way.
        """
        if always or (self.is_current and not self._looking.locked()):
            async with self._looking:
                await self.read()

    def show_item(self, name: str, action: str = "") -> None:
        """Highlights `name`; `action` is one of this screen's actions."""
        self.wanted = name or self.wanted
        self.call_later(self._bring_up, name, action)

    async def _bring_up(self, name: str, action: str) -> None:
        """Never does to another one what was asked for one that has gone meanwhile."""
        await self.look(always=True)
        if name and (self.chosen is None or self.chosen.name != name):
            self.wanted = ""
            self.app.say(f"There is no {self.THING} {name} any more.", "warning")
        elif action:
            await self.run_action(action)
