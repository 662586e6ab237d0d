"""A model that is ready to write titles, on the best device for it."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError

from titletui.candidate import Candidate
from titletui.errors import TitletuiError
from titletui.generation.protocol import Generate
from titletui.inference.gpt2_decoder import Gpt2Decoder, fits
from titletui.inference.int8_linear import has_byte_products, replace_products
from titletui.inference.prefix import open_title
from titletui.inference.sampler import Decoder, write_titles
from titletui.inference.transformers_decoder import TransformersDecoder
from titletui.jobs.job import list_jobs
from titletui.models.device import threads
from titletui.models.loading import PROBE, LoadedModel, load_model
from titletui.models.prompts import make_prompt, task_for, task_warning
from titletui.models.registry import ModelInfo, find_model
from titletui.models.token_bytes import Vocabulary, read_vocabulary, vocabulary_of
from titletui.models.validation import check_libraries, check_model
from titletui.paths import Home

_GPU_RESERVE = 1 << 30
# Seeds that are drawn are short enough to be typed.
_SEEDS = 10**6

Say = Callable[[str], None]


class Engine(msgspec.Struct, frozen=True):
    """One loaded model.

    Attributes:
        device: what it computes on, for a person.
        on_gpu: it takes memory of a GPU.
        note: something about the device that a person should know.
        tokenizer: for chat templates; None where the model has none.
    """

    info: ModelInfo
    decoder: Decoder
    vocabulary: Vocabulary
    device: str
    on_gpu: bool = False
    note: str = ""
    tokenizer: Any = None

    def write(
        self,
        request: Generate,
        cancelled: Callable[[], bool],
        note: Callable[[str], None],
    ) -> Iterator[Candidate]:
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
            max_tokens=request.sampling.max_tokens,
            context=self.decoder.context,
            trained=self.info.trained_tokens,
        )
        unfit = task_warning(tasks, abstract=request.abstract, year=request.year)
        note(" ".join(part for part in (unfit, opening.note, self.note) if part))
        params = request.sampling
        if params.seed is None:
            params = msgspec.structs.replace(params, seed=secrets.randbelow(_SEEDS))
        for candidate in write_titles(
            self.decoder,
            self.vocabulary,
            opening,
            params,
            request.count,
            one_line=task != "abstract",
            cancelled=cancelled,
        ):
            # Some tokenizers begin every text with a space.
            text = (opening.shown + candidate.text).lstrip()
            yield msgspec.structs.replace(candidate, text=text)


def open_engine(home: Home, name: str, say: Say) -> Engine:
    """Finds and loads a model.

    Args:
        say: told what is being waited for, as a sentence.

    Raises:
        TitletuiError: there is no such model, or it cannot be loaded.
    """
    info = find_model(home, name)
    torch.set_num_threads(threads())

    def on_progress(file: str, done: int, total: int) -> None:
        share = f", {100 * done // total} %" if total else ""
        say(f"downloading {name}: {file}{share}")

    try:
        if not torch.cuda.is_available() and (engine := _small_engine(info)) is not None:
            return engine
        loaded = load_model(info, home=home, on_progress=on_progress)
        return _on_device(home, loaded)
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise TitletuiError(f"There is not enough memory for the model {name}.") from error


def _small_engine(info: ModelInfo) -> Engine | None:
    """A GPT-2 without transformers, which takes seconds to import; None for other models.

    Raises:
        TitletuiError: it must not be loaded.
    """
    if info.path is None or info.adapter:
        return None
    check_libraries()
    if not fits(check_model(info.path)):
        return None
    vocabulary = read_vocabulary(info.path)
    if vocabulary is None or not vocabulary.round_trips(PROBE):
        return None
    try:
        decoder = Gpt2Decoder(info.path)
        with torch.inference_mode():
            scores = decoder.read([vocabulary.start], 1)
    except (KeyError, ValueError, RuntimeError, SafetensorError):
        # The loader of transformers knows more kinds of files, and says what is wrong with one.
        return None
    if scores.shape[-1] < len(vocabulary.pieces):
        return None
    return Engine(info=info, decoder=decoder, vocabulary=vocabulary, device=_cpu())


def _on_device(home: Home, loaded: LoadedModel) -> Engine:
    model, note = loaded.model, ""
    if torch.cuda.is_available():
        note = _why_not_gpu(home, model)
    if torch.cuda.is_available() and not note:
        device = torch.device("cuda:0")
        if torch.cuda.is_bf16_supported(including_emulation=False):
            model = model.to(torch.bfloat16)
        said = f"{torch.cuda.get_device_name(device)}, {str(model.dtype).removeprefix('torch.')}"
    else:
        device = torch.device("cpu")
        replace_products(model)
        said = _cpu()
    chat = getattr(loaded.tokenizer, "chat_template", None)
    return Engine(
        info=loaded.info,
        decoder=TransformersDecoder(model.to(device).eval().requires_grad_(False)),
        vocabulary=vocabulary_of(loaded.tokenizer),
        device=said,
        on_gpu=device.type != "cpu",
        note=note,
        tokenizer=loaded.tokenizer if chat else None,
    )


def _cpu() -> str:
    count = torch.get_num_threads()
    numbers = "int8" if has_byte_products() else "float32"
    return f"CPU, {count} thread{'s' if count > 1 else ''}, {numbers}"


def _why_not_gpu(home: Home, model: Any) -> str:
    """Why the GPU is left alone, as a sentence; empty where it is free enough."""
    weights: int = sum(weight.nbytes for weight in model.parameters())
    free = torch.cuda.mem_get_info(0)[0]
    running = [job.name for job in list_jobs(home.jobs, "run") if job.state.alive]
    # A run's need for memory rises while it trains, so what is free now is not all to be taken.
    if running and weights * 2 + _GPU_RESERVE > free / 2:
        return f"The GPU is left to the run {running[0]}; the titles are written on the CPU."
    if weights + _GPU_RESERVE > free:
        return "The GPU has too little free memory; the titles are written on the CPU."
    return ""
