"""A loaded model that answers requests, on the best device for it."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError

from titletui.candidate import Candidate
from titletui.errors import TitletuiError
from titletui.generation.protocol import Generate
from titletui.inference.cpu_decoder import open_decoder
from titletui.inference.prefix import open_title
from titletui.inference.sampler import Decoder, write_titles
from titletui.inference.transformers_decoder import TransformersDecoder
from titletui.jobs.job import list_jobs
from titletui.models.device import has_bf16, threads
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
        device: the device and dtype, for the user.
        on_gpu: it takes memory of a GPU.
        note: why another device was not used, for the user.
        tokenizer: the transformers tokenizer, if it has a chat template.
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
        """Generate the requested titles; yield each as it ends.

        Args:
            cancelled: checked before each token.
            note: called once, with what the user should know about the answer; may be empty.
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
        warning = task_warning(tasks, abstract=request.abstract, year=request.year)
        note(" ".join(filter(None, (warning, opening.note, self.note))))
        params = request.sampling
        if params.seed is None:
            params = msgspec.structs.replace(params, seed=secrets.randbelow(_SEEDS))
        for candidate in write_titles(
            self.decoder,
            self.vocabulary,
            [opening],
            params,
            request.count,
            one_line=task != "abstract",
            cancelled=cancelled,
        ):
            # Some tokenizers start every text with a space.
            text = (opening.shown + candidate.text).lstrip()
            yield msgspec.structs.replace(candidate, text=text)


def open_engine(home: Home, name: str, say: Say) -> Engine:
    """Find a model and load it on the best device.

    Args:
        say: called with what is being waited for.

    Raises:
        TitletuiError: there is no such model, or it cannot be loaded.
    """
    info = find_model(home, name)
    torch.set_num_threads(threads())

    def on_progress(file: str, done: int, total: int) -> None:
        share = f", {100 * done // total} %" if total else ""
        say(f"downloading {name}: {file}{share}")

    try:
        if not torch.cuda.is_available() and (engine := _open_cpu_decoder(info)) is not None:
            return engine
        return _open_transformers(home, load_model(info, home=home, on_progress=on_progress))
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise TitletuiError(f"There is not enough memory for the model {name}.") from error


def _open_cpu_decoder(info: ModelInfo) -> Engine | None:
    """Open a model without transformers, which takes seconds to import; None if that takes it.

    Raises:
        TitletuiError: it must not be loaded.
    """
    if info.path is None or info.adapter:
        return None
    check_libraries()
    config = check_model(info.path)
    vocabulary = read_vocabulary(info.path)
    if vocabulary is None or not vocabulary.round_trips(PROBE):
        return None
    dtype = _cpu_dtype()
    try:
        decoder = open_decoder(info.path, config, dtype)
        if decoder is None:
            return None
        with torch.inference_mode():
            logits = decoder.prefill([vocabulary.start], 1, share=True)
    except (KeyError, ValueError, RuntimeError, SafetensorError):
        # transformers reads more layouts, and says what is wrong with a damaged one.
        return None
    if logits.shape[-1] < len(vocabulary.pieces):
        return None
    return Engine(info=info, decoder=decoder, vocabulary=vocabulary, device=_cpu(dtype))


def _open_transformers(home: Home, loaded: LoadedModel) -> Engine:
    model, note = loaded.model, ""
    if torch.cuda.is_available():
        note = _why_not_gpu(home, model)
    if torch.cuda.is_available() and not note:
        device = torch.device("cuda:0")
        if has_bf16(device):
            model = model.to(torch.bfloat16)
        described = f"{torch.cuda.get_device_name(device)}, {_dtype_name(model.dtype)}"
    else:
        device = torch.device("cpu")
        model = model.to(_cpu_dtype())
        described = _cpu(model.dtype)
    chat = getattr(loaded.tokenizer, "chat_template", None)
    return Engine(
        info=loaded.info,
        decoder=TransformersDecoder(model.to(device).eval().requires_grad_(False)),
        vocabulary=vocabulary_of(loaded.tokenizer),
        device=described,
        on_gpu=device.type != "cpu",
        note=note,
        tokenizer=loaded.tokenizer if chat else None,
    )


def _cpu_dtype() -> torch.dtype:
    return torch.bfloat16 if has_bf16(torch.device("cpu")) else torch.float32


def _cpu(dtype: torch.dtype) -> str:
    count = torch.get_num_threads()
    return f"CPU, {count} thread{'s' if count > 1 else ''}, {_dtype_name(dtype)}"


def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _why_not_gpu(home: Home, model: Any) -> str:
    """Why the GPU is not used, as a sentence; empty if it has enough free memory."""
    size = sum(int(weight.nbytes) for weight in model.parameters())
    free = torch.cuda.mem_get_info(0)[0]
    running = [job.name for job in list_jobs(home.jobs, "run") if job.state.alive]
    # A run's memory grows while it trains, so that not all of what is free now may be taken.
    if running and size * 2 + _GPU_RESERVE > free / 2:
        return f"The GPU is left to the run {running[0]}; the titles are written on the CPU."
    if size + _GPU_RESERVE > free:
        return "The GPU has too little free memory; the titles are written on the CPU."
    return ""
