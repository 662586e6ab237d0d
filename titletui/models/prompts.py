"""The prompt of each task, the same in training and generation.

A sequence is the start token, the prompt, the title, the end token:

| task | prompt |
|---|---|
| title | nothing |
| abstract-to-title | the abstract and a blank line |
| year-to-title | the year and a blank line |
| instruction | an instruction with the abstract, in the tokenizer's chat template if it has one |
| abstract | nothing; the model writes an abstract in place of a title |

Head, body and tail are tokenized separately, so that truncating the body leaves the others as they
are.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

Task = Literal["title", "abstract-to-title", "abstract", "year-to-title", "instruction"]

INSTRUCTION = "Write a title for the scientific paper that has the following abstract."
TITLE_ROOM = 32
"""Tokens that are kept free for a title; two titles in a hundred are longer."""
_BODY = "\u241fabstract\u241f"


class Prompt(msgspec.Struct, frozen=True):
    """What comes before the title.

    Attributes:
        body: the part that may be truncated at its end.
        templated: `head` is from a chat template, which writes the start token itself.
    """

    head: str = ""
    body: str = ""
    tail: str = ""
    templated: bool = False

    @property
    def text(self) -> str:
        return self.head + self.body + self.tail


def make_prompt(
    task: Task, *, abstract: str = "", year: int | None = None, tokenizer: Any = None
) -> Prompt:
    """Make the prompt of a task.

    Args:
        tokenizer: a transformers tokenizer; its chat template, if any, shapes `instruction`.
    """
    abstract = " ".join(abstract.split())
    if task == "instruction":
        head, tail, templated = instruction_frame(tokenizer)
        return Prompt(head, abstract, tail, templated)
    if task == "abstract-to-title" and abstract:
        return Prompt(body=abstract, tail="\n\n")
    if task == "year-to-title" and year is not None:
        return Prompt(head=f"{year}\n\n")
    return Prompt()


def instruction_frame(tokenizer: Any = None) -> tuple[str, str, bool]:
    """The text before and after the abstract, and whether a chat template made it."""
    if tokenizer is not None and getattr(tokenizer, "chat_template", None):
        rendered = str(
            tokenizer.apply_chat_template(
                [{"role": "user", "content": f"{INSTRUCTION}\n\n{_BODY}"}],
                tokenize=False,
                add_generation_prompt=True,
            )
        )
        head, found, tail = rendered.partition(_BODY)
        if found:
            return head, tail, True
    return (
        f"### Instruction:\n{INSTRUCTION}\n\n### Input:\n",
        "\n\n### Response:\n",
        False,
    )


def task_for(tasks: Sequence[Task], *, abstract: str = "", year: int | None = None) -> Task:
    """The task of a model that answers a request best; see `task_warning`.

    Args:
        tasks: what the model was trained for; empty if unknown.
    """
    if not tasks:
        return "abstract-to-title" if abstract.strip() else "title"
    wanted: tuple[Task, ...] = ("title",)
    if abstract.strip():
        wanted = ("abstract-to-title", "instruction")
    elif year is not None:
        wanted = ("year-to-title",)
    return next((task for task in wanted if task in tasks), tasks[0])


def task_warning(tasks: Sequence[Task], *, abstract: str = "", year: int | None = None) -> str:
    """A sentence for the user if the model was not trained for the request; otherwise empty."""
    task = task_for(tasks, abstract=abstract, year=year)
    if abstract.strip() and task not in ("abstract-to-title", "instruction"):
        return "This model has not learned to write titles from abstracts; the abstract is unused."
    if year is not None and task != "year-to-title":
        return "This model has not learned about years; the year is unused."
    if task == "abstract":
        return "This model writes abstracts."
    if tasks and task in ("abstract-to-title", "instruction") and not abstract.strip():
        return "This model has learned to write titles from abstracts; without one it guesses."
    if tasks and task == "year-to-title" and year is None:
        return "This model has learned to write titles of a year; without one it guesses."
    return ""


def max_prompt_tokens(limit: int) -> int:
    """How many of a sequence's `limit` tokens its prompt may take, whatever the title is.

    A prompt truncated to fit its own title would leak the title's length.
    """
    return max(limit - TITLE_ROOM, limit // 2)


def tokens(tokenizer: Any, text: str) -> list[int]:
    """Tokenize `text` without the special tokens that the tokenizer would add."""
    return list(tokenizer.encode(text, add_special_tokens=False)) if text else []


def start_token(tokenizer: Any) -> int:
    """The first token of every sequence: BOS, or EOS where there is no BOS."""
    token = tokenizer.bos_token_id
    return int(tokenizer.eos_token_id if token is None else token)


def end_token(tokenizer: Any) -> int:
    """The token that ends a title: EOS."""
    return int(tokenizer.eos_token_id)
