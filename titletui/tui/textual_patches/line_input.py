"""An input on one line."""

from textual.suggester import Suggester
from textual.widgets import Input


class LineInput(Input):
    """Has no border, and whoever owns it checks what is typed.

    Textual's own compact and checked one has its styles worked out twice more for that.
    """

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
