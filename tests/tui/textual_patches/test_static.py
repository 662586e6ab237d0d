from textual.app import App, ComposeResult
from textual.containers import Vertical

from titletui.tui.textual_patches.static import StableStatic


class _Page(App[None]):
    CSS = "Steady { height: auto; }"

    def compose(self) -> ComposeResult:
        with Vertical():
            yield StableStatic("one")


async def test_a_text_that_changes_while_the_screen_is_laid_out_gets_the_room_it_needs() -> None:
    app = _Page()
    async with app.run_test() as pilot:
        steady = app.query_one(StableStatic)
        steady.update("one\ntwo")
        app.screen._refresh_layout()
        assert steady.size.height == 2
        steady.update("one")
        await pilot.pause()
        assert steady.size.height == 1
