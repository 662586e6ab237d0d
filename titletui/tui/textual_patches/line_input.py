"""An input of one line without a border, whose owner checks what is typed.

Fault: Textual's `Input(compact=True)` computes the styles of an input two or three times.
See it: count `Stylesheet.apply` for the inputs while the settings open.
Measured at 120×40: 223 styles computed when the settings open, 128 with this one.
Test: tests/tui/textual_patches/test_deferred_paint.py.
"""

from textual.suggester import Suggester
from textual.widgets import Input


class LineInput(Input):
    """An input whose height and border come from the app's style sheet."""

    def __init__(
        self,
        value: str = "",
        *,
        id: str | None = None,  # noqa: A002
        placeholder: str = "",
        classes: str | None = None,
        max_length: int = 0,
        suggester: Suggester | None = None,
    ) -> None:
        super().__init__(
            value,
            placeholder,
            id=id,
            classes=classes,
            max_length=max_length,
            suggester=suggester,
            validate_on=[],
        )
