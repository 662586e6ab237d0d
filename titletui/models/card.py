"""`titletui.json`: the model card that a run writes beside its weights."""

from pathlib import Path
from typing import Any

import msgspec

from titletui.errors import TitletuiError
from titletui.models.prompts import Task

CARD = "titletui.json"


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What a trained model is.

    Attributes:
        tasks: what it was trained for, the main task first.
        recipe: the settings of its run, as JSON holds them.
        base: for an adapter, the folder or hub id of its base model.
    """

    tasks: tuple[Task, ...] = ()
    corpus: str = ""
    run: str = ""
    step: int = 0
    recipe: dict[str, Any] | None = None
    parent: str = ""
    base: str = ""

    @property
    def trained_tokens(self) -> int:
        """The longest sequence that it was trained on, in tokens; 0 if unknown."""
        found = (self.recipe or {}).get("max_tokens")
        return found if isinstance(found, int) else 0


def read_card(folder: Path) -> Card:
    """Read the card in `folder`; empty if there is none.

    Raises:
        TitletuiError: it is damaged.
    """
    path = folder / CARD
    try:
        return msgspec.json.decode(path.read_bytes(), type=Card)
    except FileNotFoundError:
        return Card()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TitletuiError(f"{path} is damaged ({error}).") from error
