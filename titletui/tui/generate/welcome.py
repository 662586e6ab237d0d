"""Three lines for the first minute, each ticked off as it is done."""

from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

_LINES = (
    "Type how a title begins, say Neural, and press enter.",
    "Titles appear as they are written; j and k move, enter writes more.",
    "Press space to star one you like; 4 shows your shortlist, E exports it.",
)


ROOMY = (78, 22)


class Welcome(Widget):
    """Teaches by doing; gone after the first star. In a small terminal it is one line."""

    DEFAULT_CSS = """
    Welcome {
        height: auto;
        padding: 0 1;
        background: $surface;
    }
    """

    done: reactive[int] = reactive(0)

    def render(self) -> RenderResult:
        if self.app.size.height < ROOMY[1] or self.app.size.width < ROOMY[0]:
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
