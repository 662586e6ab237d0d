"""How tokens are sampled: one set of parameters from the command line and the screens down."""

from typing import Annotated

import msgspec
from msgspec import Meta


class SamplingParams(msgspec.Struct, frozen=True, kw_only=True):
    """Sampling parameters, applied in transformers' order: temperature, top-k, top-p.

    Attributes:
        temperature: 0 is greedy decoding.
        top_p: sample from the likeliest tokens that make up this share (Holtzman et al. 2020).
        top_k: sample from so many of the likeliest tokens; 0 means all.
        max_tokens: most new tokens of a title.
        seed: the same seed, model and parameters give the same titles; None draws a seed.
    """

    temperature: Annotated[float, Meta(ge=0, le=5)] = 0.8
    top_p: Annotated[float, Meta(gt=0, le=1)] = 0.95
    top_k: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    max_tokens: Annotated[int, Meta(ge=1, le=1024)] = 48
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
