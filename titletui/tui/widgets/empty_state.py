"""What a list says while there is nothing in it."""

from textual.content import Content

from titletui.tui.textual_patches.static import StableStatic


class EmptyState(StableStatic):
    """A line that says what is missing, and one that says what to press."""

    DEFAULT_CSS = """
    EmptyState {
        width: 1fr;
        height: 1fr;
        content-align: center middle;
        text-align: center;
        color: $text-muted;
        padding: 0 2;
    }
    """

    def __init__(self, what: str, press: str | Content, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.say(what, press)

    def say(self, what: str, press: str | Content) -> None:
        """Shows another pair of lines."""
        self.update(Content.assemble((what, "bold $foreground 80%"), "\n\n", press))


def keyed(text: str) -> Content:
    """`text` with the keys in it, which stand between backticks, as the footer shows keys."""
    parts = text.split("`")
    return Content.assemble(
        *((part, "bold $foreground" if at % 2 else "") for at, part in enumerate(parts))
    )
