"""Building a mode's screen before its first visit.

Fault: Textual builds the screen of a mode when it is first switched to, and has no public way to
do so earlier.
See it: `python -m tests.benchmarks.feel`, the rows "first visit".
Measured at 120×40, in CPU time: Corpus 250 ms when it is built on the first visit, 38 ms when it
was built ahead; the target is 120 ms.
Test: tests/tui/textual_patches/test_mode_preload.py.
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
