"""A model that is ready to write titles, on the best device for it."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import torch

from titletui.errors import TitletuiError
from titletui.generation.choosing import Knobs
from titletui.generation.decoders import TransformersDecoder
from titletui.generation.messages import Generate
from titletui.generation.opening import open_title
from titletui.generation.sampler import Decoder, Written, write_titles
from titletui.generation.vocabulary import Vocabulary, vocabulary_of
from titletui.home import Home
from titletui.training.base_models import ModelInfo, find_model, load_model
from titletui.training.prompts import make_prompt, misfit, task_for

_GPU_SHARE = 0.5

Say = Callable[[str], None]


class Engine(msgspec.Struct, frozen=True):
    """One loaded model.

    Attributes:
        device: what it computes on, for a person.
        note: something about the device that a person should know.
        tokenizer: for chat templates; None where the model has none.
    """

    info: ModelInfo
    decoder: Decoder
    vocabulary: Vocabulary
    device: str
    note: str = ""
    tokenizer: Any = None

    def write(
        self,
        request: Generate,
        seed: int,
        cancelled: Callable[[], bool],
        note: Callable[[str], None],
    ) -> Iterator[Written]:
        """The titles that are asked for, each as it ends; what a person should know goes to `note`.

        Args:
            cancelled: asked before each token.
        """
        tasks = self.info.tasks
        task = task_for(tasks, abstract=request.abstract, year=request.year)
        prompt = make_prompt(
            task, abstract=request.abstract, year=request.year, tokenizer=self.tokenizer
        )
        opening = open_title(
            self.vocabulary,
            prompt,
            request.prefix,
            length=request.length,
            context=self.decoder.context,
        )
        unfit = misfit(tasks, abstract=request.abstract, year=request.year)
        note(" ".join(part for part in (unfit, opening.note, self.note) if part))
        knobs = Knobs(
            temperature=request.temperature, top_k=request.top_k, top_p=request.top_p, seed=seed
        )
        for written in write_titles(
            self.decoder,
            self.vocabulary,
            opening,
            knobs,
            request.count,
            one_line=task != "abstract",
            cancelled=cancelled,
        ):
            yield msgspec.structs.replace(written, text=opening.shown + written.text)


def open_engine(home: Home, name: str, say: Say) -> Engine:
    """Finds and loads a model.

    Args:
        say: told what is being waited for, as a sentence.

    Raises:
        TitletuiError: there is no such model, or it cannot be loaded.
    """
    info = find_model(home, name)
    say(f"loading {name}")

    def on_wait(file: str, done: int, total: int) -> None:
        share = f", {100 * done // total} %" if total else ""
        say(f"downloading {name}: {file}{share}")

    try:
        loaded = load_model(info, home=home, on_wait=on_wait)
        return _on_device(loaded.info, loaded.model, loaded.tokenizer)
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise TitletuiError(f"There is not enough memory for the model {name}.") from error


def _on_device(info: ModelInfo, model: Any, tokenizer: Any) -> Engine:
    device, note = _device(model)
    model = model.to(device).eval().requires_grad_(False)
    said = "cpu" if device.type == "cpu" else torch.cuda.get_device_name(device)
    return Engine(
        info=info,
        decoder=TransformersDecoder(model),
        vocabulary=vocabulary_of(tokenizer),
        device=said,
        note=note,
        tokenizer=tokenizer if getattr(tokenizer, "chat_template", None) else None,
    )


def _device(model: Any) -> tuple[torch.device, str]:
    """The GPU, unless there is none or the model would take too much of what is free on it."""
    if not torch.cuda.is_available():
        return torch.device("cpu"), ""
    needed = sum(weight.nbytes for weight in model.parameters()) * 1.5 + 2**30
    free = torch.cuda.mem_get_info(0)[0]
    if needed > free * _GPU_SHARE:
        return torch.device("cpu"), "The GPU is in use; the titles are written on the CPU."
    return torch.device("cuda:0"), ""


def new_seed() -> int:
    """A seed of its own for a request without one; short enough to be typed."""
    return time.time_ns() // 1000 % 2**31
