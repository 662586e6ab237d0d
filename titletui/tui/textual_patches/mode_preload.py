"""Building a mode's screen before its first visit.

Textual builds the screen of a mode when it is first switched to, which delays the first frame of
that mode, and offers no public way to do so earlier.
"""

from textual.app import App
from textual.screen import Screen


class ModePreloadApp(App[int]):
    """An app whose modes can be built ahead."""

    def is_built(self, mode: str) -> bool:
        """Whether the mode's screen exists."""
        return mode in self._screen_stacks

    async def build_mode(self, mode: str) -> Screen[None]:
        """Build the mode's screen without showing it, as `switch_mode` does before it switches."""
        await self._init_mode(mode)
        return self.get_screen_stack(mode)[0]
