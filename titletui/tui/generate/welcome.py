"""Three hints for a first session, each ticked off when done."""

from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

_LINES = (
    "Type how a title begins, say Neural, and press enter.",
    "Titles appear as they are written; j and k move, enter writes more.",
    "Press space to star one you like; 4 shows your shortlist, E exports it.",
)


FULL_FROM = (78, 22)


class Welcome(Widget):
    """The three hints; in a small terminal the next one alone."""

    DEFAULT_CSS = """
    Welcome {
        height: auto;
        padding: 0 1;
        background: $surface;
    }
    """

    done: reactive[int] = reactive(0)

    def render(self) -> RenderResult:
        if self.app.size.height < FULL_FROM[1] or self.app.size.width < FULL_FROM[0]:
            return Content.styled(f" {_LINES[min(self.done, 2)]}", "bold $accent")
        lines = []
        for place, line in enumerate(_LINES):
            if place < self.done:
                lines.append(Content.styled(f" ✓ {line}", "$foreground 60%"))
            elif place == self.done:
                lines.append(Content.styled(f" {place + 1} {line}", "bold $accent"))
            else:
                lines.append(Content.styled(f" {place + 1} {line}", ""))
        return Content("\n").join(lines)
