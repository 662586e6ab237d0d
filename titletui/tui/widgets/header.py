"""The line at the top: the four modes and where one is."""

from textual.content import Content
from textual.widgets import Static

MODES = (("1", "corpus"), ("2", "train"), ("3", "generate"), ("4", "shortlist"))
ROOMY = 62


class Header(Static):
    """`titletui  1 Corpus  2 Train  3 Generate  4 Shortlist`, each a click target.

    In a narrow terminal only the present one has its name.
    """

    DEFAULT_CSS = """
    Header {
        height: 1;
        padding: 0 1;
        background: $panel;
        color: $text-muted;
        link-color: $text-muted;
        link-style: none;
        link-background-hover: $primary 30%;
        link-color-hover: $foreground;
        link-style-hover: none;
    }
    """

    _short: bool | None = None

    def on_mount(self) -> None:
        self._fit(self.app.size.width)

    def on_resize(self) -> None:
        self._fit(self.size.width)

    def _fit(self, width: int) -> None:
        """Draws it for so many columns; it is not painted again for what stands there already."""
        short = width < ROOMY
        if short is not self._short:
            self._short = short
            self.update(self._line(short=short))

    def _line(self, *, short: bool) -> Content:
        here = type(self.screen).__name__.removesuffix("Screen").lower()
        parts: list[Content] = [Content.styled("titletui", "bold $primary"), Content("  ")]
        for key, mode in MODES:
            style = "bold reverse $primary" if mode == here else f"@click=app.open_mode('{mode}')"
            name = f" {key} " if short and mode != here else f" {key} {mode.capitalize()} "
            parts += [Content.styled(name, style), Content(" ")]
        return Content.assemble(*parts)
