"""How a title and its novelty are drawn, on every screen that lists titles."""

from textual.content import Content

from titletui.candidate import Novelty
from titletui.text import display


def wrap_title(title: Content, mark: str, width: int) -> list[Content]:
    """Wrap `title` to `width` cells and append `mark` to its last line, never on its own."""
    lines = [part.rstrip() for part in title.wrap(width - len(mark))]
    return [*lines[:-1], lines[-1] + mark]


def novelty_label(novelty: Novelty) -> Content:
    """Return `new`, `near 0.86` or `copy`, the last two in colour as well."""
    match novelty.kind:
        case "copy":
            return Content.styled("copy", "bold $error")
        case "near":
            return Content.styled(f"near {novelty.similarity:.2f}", "$warning")
        case _:
            return Content.styled("new", "$success")


def nearest_paper(novelty: Novelty) -> Content:
    """Return `nearest Speaker Embeddings … (2023, 2305.01234)`."""
    source = ", ".join(filter(None, (str(novelty.year or ""), novelty.id)))
    return Content.assemble(
        ("nearest ", "$foreground 60%"),
        display(novelty.title),
        (f" ({display(source)})", "$foreground 60%"),
    )
