"""A text that may be set as often as one likes."""

from textual.content import Content
from textual.visual import VisualType
from textual.widgets import Static


class StableStatic(Static):
    """Is laid out and painted anew only when it is another text, or another in its styles."""

    def update(self, content: VisualType = "", *, layout: bool = True) -> None:
        if _parts(content) != _parts(self.content):
            super().update(content, layout=layout)
            if layout:
                # Textual counts but one change until the widget is idle; where another part had
                # the screen laid out in between, it would keep the height of the text before.
                self._layout_updates += 1


def _parts(content: VisualType) -> object:
    """What tells a text from another; contents alone are equal when their letters are."""
    return (content.plain, content.spans) if isinstance(content, Content) else content
