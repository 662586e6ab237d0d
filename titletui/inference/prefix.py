"""What a model is given to go on from: prompt, prefix, and what was cut to make them fit.

A prefix may end anywhere, in half a word or in a space, but a model continues whole tokens: after
the tokens of "netw" it hardly ever writes "ork", because in what it read that was one token. So the
last word's tokens are given only as *ending*: the sampler weighs all the ways to write text that
begins as the prefix does.
"""

import re
from collections.abc import Sequence

import msgspec

from titletui.models.prompts import Prompt, max_prompt_tokens
from titletui.models.token_bytes import Vocabulary
from titletui.text import clean

_LONGEST_ENDING = 24
_LEAST_ROOM = 16
_SENTENCE_END = re.compile(r"[.!?][\"')\]]*(?=\s)")


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """Where a title begins.

    Attributes:
        tokens: prompt and prefix, start token first.
        ending: the last so many of them may be written otherwise, as long as the text begins with
            the same bytes; 0 where there is no prefix.
        shown: the prefix as the person wrote it; titles begin with it.
        max_tokens: most new tokens.
        note: what was cut, for the person.
    """

    tokens: tuple[int, ...]
    ending: int
    shown: str
    max_tokens: int
    note: str = ""


def open_title(
    vocabulary: Vocabulary,
    prompt: Prompt,
    prefix: str,
    *,
    max_tokens: int,
    context: int,
    trained: int = 0,
) -> Opening:
    """Fits prompt and prefix into a model's context.

    The abstract is cut at the end of a sentence, a prefix at its beginning; both stay whole in what
    is shown.

    Args:
        max_tokens: most new tokens that are wanted.
        context: tokens that the model can take.
        trained: tokens in the longest sequences that it was trained on, 0 where they are not known;
            beyond them it would read an abstract at positions that it never saw.
    """
    shown = _without_controls(prefix)
    title = vocabulary.encode(" ".join(shown.split()) + (" " if shown[-1:].isspace() else ""))
    if not shown.strip():
        title = []
    max_tokens = max(1, min(max_tokens, context - min(_LEAST_ROOM, context // 2)))
    room = context - max_tokens
    head = vocabulary.encode(prompt.head, special=prompt.templated)
    if not prompt.templated:
        head = [vocabulary.start, *head]
    tail = vocabulary.encode(prompt.tail, special=prompt.templated)
    notes = []
    least = len(head) + len(tail)
    if least + len(title) > room:
        title = title[-max(1, room - least) :]
        notes.append("The prefix is longer than the model can read; it goes on from its end.")
    read = min(room, max_prompt_tokens(trained)) if trained else room
    body, cut = _fitting(vocabulary, prompt.body, max(0, read - least - len(title)))
    if cut:
        what = "those that the model was trained on" if read < room else "the model can read"
        notes.append(f"The abstract is longer than {what}; its end is left out.")
    tokens = (head + body + tail + title)[-room:]
    return Opening(
        tokens=tuple(tokens),
        ending=min(_ending(vocabulary, title), len(tokens) - 1),
        shown=shown if shown.strip() else "",
        max_tokens=max_tokens,
        note=" ".join(notes),
    )


def _without_controls(text: str) -> str:
    """`text` with its spaces as they are, and nothing that the store could not hold."""
    words = re.split(r"(\s+)", text.lstrip())
    return "".join(" " * len(word) if word.isspace() else clean(word) for word in words)


def _ending(vocabulary: Vocabulary, title: Sequence[int]) -> int:
    """How many tokens the last word takes, the space before it included."""
    count = 0
    size = 0
    for token in reversed(title):
        piece = vocabulary.pieces[token]
        size += len(piece)
        if size > _LONGEST_ENDING and count:
            break
        count += 1
        if piece.startswith((b" ", b"\n")):
            break
    return count


def _fitting(vocabulary: Vocabulary, body: str, room: int) -> tuple[list[int], bool]:
    """As many whole sentences of `body` as fit into `room` tokens; whether any was left out."""
    tokens = vocabulary.encode(body)
    if len(tokens) <= room:
        return tokens, False
    if room <= 0:
        return [], True
    text = vocabulary.bytes_of(tokens[:room]).decode(errors="ignore")
    ends = [match.end() for match in _SENTENCE_END.finditer(text + " ")]
    # A sentence that takes more than the room has no end in it: then the words that fit stay.
    text = text[: ends[-1]] if ends and ends[-1] > len(text) // 3 else text.rpartition(" ")[0]
    return vocabulary.encode(text.strip())[:room], True
