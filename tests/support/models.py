"""Real model folders, tiny, made on the spot: random weights and a trained tokenizer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from titletui.models.card import CARD, Card
from titletui.models.prompts import Task
from titletui.training.from_scratch import END, new_model, train_tokenizer
from titletui.training.recipe import Architecture, Recipe

TITLES = [
    f"{how} {what} for {where}"
    for how in ("Neural", "Robust", "Self-Supervised", "Streaming", "End-to-End")
    for what in ("Speech Recognition", "Audio Tagging", "Music Generation", "Speaker Embeddings")
    for where in ("Low-Resource Languages", "Noisy Rooms", "Mobile Devices", "Call Centres")
]
CHAT_TEMPLATE = (
    "{% for m in messages %}<|user|>\n{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def tiny_gpt2(folder: Path, *, tasks: Sequence[Task] = (), context: int = 128) -> Path:
    """A GPT-2 of 20 thousand parameters in `folder`; with `tasks`, a card that names them."""
    return _save(folder, _shape(context), tasks)


def tiny_llama(folder: Path, *, tasks: Sequence[Task] = (), chat: bool = False) -> Path:
    """A Llama as small; with `chat`, its tokenizer has a chat template."""
    template = CHAT_TEMPLATE if chat else ""
    return _save(folder, _shape(256, "llama"), tasks, template)


def tiny_gpt_neo(folder: Path, *, tasks: Sequence[Task] = ()) -> Path:
    """A GPT-Neo as small, with one global and one local layer."""
    from transformers import GPTNeoConfig

    config = GPTNeoConfig(
        hidden_size=32,
        num_layers=2,
        num_heads=2,
        attention_types=[[["global", "local"], 1]],
        window_size=16,
        max_position_embeddings=128,
    )
    return tiny_of_config(folder, config, tasks=tasks)


def tiny_bloom(folder: Path, *, tasks: Sequence[Task] = ()) -> Path:
    """A Bloom as small, whose configuration does not say how much it can read."""
    from transformers import BloomConfig

    config = BloomConfig(
        hidden_size=32,
        n_layer=2,
        n_head=2,
    )
    return tiny_of_config(folder, config, tasks=tasks)


def _shape(context: int, architecture: Architecture = "gpt2") -> Recipe:
    return Recipe(
        vocabulary=320, width=32, layers=2, heads=2, context=context, architecture=architecture
    )


def _save(folder: Path, recipe: Recipe, tasks: Sequence[Task], template: str = "") -> Path:
    from transformers.utils import logging

    tokenizer = train_tokenizer(TITLES, recipe.vocabulary)
    if template:
        tokenizer.chat_template = template
    logging.disable_progress_bar()
    new_model(recipe, tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    _write_card(folder, tasks)
    return folder


def tiny_of_config(folder: Path, config: Any, *, tasks: Sequence[Task] = ()) -> Path:
    """A model of a transformers configuration, with the tokenizer's size and special tokens."""
    from transformers import AutoModelForCausalLM

    tokenizer = train_tokenizer(TITLES, 320)
    config.vocab_size = len(tokenizer)
    config.bos_token_id = config.eos_token_id = tokenizer.eos_token_id
    config.pad_token_id = None
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    _write_card(folder, tasks)
    return folder


def _write_card(folder: Path, tasks: Sequence[Task]) -> None:
    if tasks:
        (folder / CARD).write_bytes(msgspec.json.encode(Card(tasks=tuple(tasks))))


__all__ = [
    "CHAT_TEMPLATE",
    "END",
    "TITLES",
    "tiny_bloom",
    "tiny_gpt2",
    "tiny_gpt_neo",
    "tiny_llama",
    "tiny_of_config",
]
