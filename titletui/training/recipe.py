"""All that decides a fine-tune: task, base model, method, hyperparameters, seed."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from titletui.models.prompts import Task

Method = Literal["full", "lora"]
Schedule = Literal["constant", "linear", "cosine", "step-decay"]
Precision = Literal["auto", "fp32", "bf16"]
Quantization = Literal["none", "8bit", "4bit"]
Architecture = Literal["gpt2", "llama"]
SavedAs = Literal["fp32", "bf16", "fp16"]

Steps = Annotated[int, Meta(ge=1, le=10_000_000)]
Every = Annotated[int, Meta(ge=1, le=10_000_000)]


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fine-tune's settings.

    Attributes:
        base: `starter`, a finished run's name, a folder, a hub id, or `new` for random weights
            and a tokenizer trained on the corpus, in the shape of `architecture` to `context`.
        abstract_share: for the task `title`: the share of the papers with abstracts that also
            teach abstract → title.
        steps: optimizer steps; None means `epochs` decide.
        prompt_weight: what a prompt's token weighs in the gradient against a title's; learning to
            write abstracts teaches to read them. Reported losses are of titles alone.
        learning_rate: the peak, after `warmup_steps` of linear rise.
        decay, decay_every: for `step-decay`: the factor and after how many steps it is applied.
        batch_tokens: tokens (prompt and title) in a batch, sequences of like length together; 0
            means `batch_size` sequences.
        accumulation: batches in one optimizer step.
        max_tokens: longer examples are cut (the prompt first, from its end), the title never.
        heldout: the share of the papers that is kept from training, chosen by a hash of the id.
        eval_papers: the held-out loss is measured on at most so many of them.
        keep: checkpoints kept besides the best one.
        freeze_embeddings: leave the word embeddings as they are.
        overfit_below: the average loss, nats per title token, under which the run is overfit,
            above what is left to a model that knows all by heart (see `overfit`); 0 turns it off.
        early_stop: end after the held-out loss has risen for three evaluations.
        preview_tokens: the longest preview.
        final_titles: titles that the finished model writes for its figures.
        dropout: of all layers; None leaves what the base model was made with.
        save_as: how the numbers of the finished model are kept.
        vocabulary, width, layers, heads, context: the shape of a `new` model.
    """

    preset: str = "starter-titles"
    task: Task = "title"
    base: str = "starter"
    abstract_share: Annotated[float, Meta(ge=0, le=1)] = 0.0
    prompt_weight: Annotated[float, Meta(ge=0, le=1)] = 0.0
    method: Method = "full"
    steps: Steps | None = None
    epochs: Annotated[float, Meta(gt=0, le=1000)] = 3.0
    learning_rate: Annotated[float, Meta(gt=0, le=1)] = 5e-4
    schedule: Schedule = "cosine"
    warmup_steps: Annotated[int, Meta(ge=0, le=1_000_000)] = 20
    decay: Annotated[float, Meta(gt=0, le=1)] = 0.95
    decay_every: Every = 500
    weight_decay: Annotated[float, Meta(ge=0, le=1)] = 0.01
    grad_clip: Annotated[float, Meta(gt=0, le=1000)] = 1.0
    batch_tokens: Annotated[int, Meta(ge=0, le=10_000_000)] = 2048
    batch_size: Annotated[int, Meta(ge=1, le=100_000)] = 16
    accumulation: Annotated[int, Meta(ge=1, le=10_000)] = 1
    max_tokens: Annotated[int, Meta(ge=8, le=131_072)] = 256
    heldout: Annotated[float, Meta(ge=0, le=0.5)] = 0.05
    eval_papers: Annotated[int, Meta(ge=1, le=1_000_000)] = 1000
    seed: Annotated[int, Meta(ge=0, lt=2**32)] = 0
    sample_every: Every = 25
    save_every: Every = 50
    eval_every: Every = 50
    keep: Annotated[int, Meta(ge=1, le=1000)] = 3
    precision: Precision = "auto"
    quantization: Quantization = "none"
    freeze_embeddings: bool = False
    lora_r: Annotated[int, Meta(ge=1, le=1024)] = 8
    lora_alpha: Annotated[int, Meta(ge=1, le=4096)] = 16
    lora_dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.05
    overfit_below: Annotated[float, Meta(ge=0, le=10)] = 0.1
    stop_when_overfit: bool = False
    early_stop: bool = False
    preview_titles: Annotated[int, Meta(ge=1, le=64)] = 5
    preview_temperature: Annotated[float, Meta(gt=0, le=5)] = 0.8
    preview_tokens: Annotated[int, Meta(ge=1, le=1024)] = 48
    final_titles: Annotated[int, Meta(ge=1, le=100_000)] = 100
    dropout: Annotated[float, Meta(ge=0, lt=1)] | None = None
    save_as: SavedAs = "fp32"
    architecture: Architecture = "gpt2"
    vocabulary: Annotated[int, Meta(ge=300, le=200_000)] = 8192
    width: Annotated[int, Meta(ge=8, le=8192)] = 256
    layers: Annotated[int, Meta(ge=1, le=128)] = 6
    heads: Annotated[int, Meta(ge=1, le=128)] = 4
    context: Annotated[int, Meta(ge=16, le=131_072)] = 512

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What a model of this recipe can do."""
        if self.task == "title" and self.abstract_share > 0:
            return ("title", "abstract-to-title")
        return (self.task,)

    @property
    def wants_abstracts(self) -> bool:
        return self.task in ("abstract-to-title", "abstract", "instruction") or (
            self.abstract_share > 0
        )
