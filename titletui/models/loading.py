"""Load a model folder into memory: weights, LoRA adapters, tokenizer."""

from pathlib import Path
from typing import Any

import msgspec

from titletui.errors import TitletuiError, first_line
from titletui.models import hub, validation
from titletui.models.registry import ModelInfo, describe, resolve_adapter_chain
from titletui.paths import Home, find_home

PROBE = "Neural Speech Recognition: 2-D Models for α-Stable Noise"
"""A title that a usable tokenizer encodes and decodes without loss."""


class LoadedModel(msgspec.Struct, frozen=True):
    """A transformers model in eval mode and its tokenizer."""

    info: ModelInfo
    model: Any
    tokenizer: Any


def load_model(
    info: ModelInfo,
    *,
    home: Home | None = None,
    attention: str | None = None,
    dtype: Any = None,
    merge: bool = True,
    quantization: str = "none",
    on_progress: hub.OnProgress | None = None,
) -> LoadedModel:
    """Load a model and its tokenizer on the CPU, downloading it first if need be.

    Args:
        home: where an adapter's base model is looked for.
        attention: transformers' attention implementation; None means eager on the CPU (faster on
            short rows) and SDPA with a GPU.
        dtype: a torch dtype; None means float32.
        merge: merge an adapter into its base model; otherwise it stays a peft adapter.
        quantization: `8bit` or `4bit` with bitsandbytes, on CUDA only.
        on_progress: called with the file, bytes so far and total bytes of a download.

    Raises:
        TitletuiError: the model cannot be loaded, or must not be.
    """
    validation.check_libraries()
    if info.path is None:
        info = describe(info.name, "hub", hub.download(info.name, on_progress))
    assert info.path is not None
    if info.kind == "hub":
        hub.verify_blobs(info.path)
    if info.adapter:
        validation.check_adapter(info.path)
        home = home or find_home()
        base = load_model(
            resolve_adapter_chain(home, info)[1],
            home=home,
            attention=attention,
            dtype=dtype,
            quantization=quantization,
            on_progress=on_progress,
        )
        return LoadedModel(info, _add_adapter(base.model, info, merge), base.tokenizer)
    validation.check_model(info.path)
    tokenizer = load_tokenizer(info.path)
    model = _load_weights(info.path, attention, dtype, quantization)
    rows = model.get_input_embeddings().weight.shape[0]
    if max(tokenizer.get_vocab().values()) >= rows:
        raise TitletuiError(
            f"The tokenizer in {info.path} has more tokens ({len(tokenizer)}) than the model has "
            f"rows ({rows})."
        )
    return LoadedModel(info, model, tokenizer)


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer in `folder` and check it by a round trip.

    Raises:
        TitletuiError: it cannot be read, has no end token, or does not decode what it encoded.
    """
    validation.check_tokenizer(folder)
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        )
        decoded = tokenizer.decode(tokenizer.encode(PROBE, add_special_tokens=False))
    except Exception as error:
        raise TitletuiError(
            f"The tokenizer in {folder} cannot be used ({first_line(error)})."
        ) from error
    if tokenizer.eos_token_id is None:
        raise TitletuiError(f"The tokenizer in {folder} has no end token.")
    if not isinstance(decoded, str) or decoded.strip() != PROBE:
        raise TitletuiError(
            f"The tokenizer in {folder} does not decode what it encoded; it is damaged or not "
            "made for a model that writes text."
        )
    return tokenizer


def _load_weights(folder: Path, attention: str | None, dtype: Any, quantization: str) -> Any:
    """The transformers model in `folder`, in eval mode.

    Raises:
        TitletuiError: the weights do not match their configuration, or cannot be quantized here.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    quantized: dict[str, Any] = {}
    if quantization != "none":
        quantized = {
            "quantization_config": _bitsandbytes_config(quantization),
            "device_map": {"": torch.cuda.current_device()},
        }
    try:
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            trust_remote_code=False,
            local_files_only=True,
            use_safetensors=True,
            attn_implementation=attention or ("sdpa" if torch.cuda.is_available() else "eager"),
            dtype=dtype or torch.float32,
            output_loading_info=True,
            **quantized,
        )
    except Exception as error:
        raise TitletuiError(
            f"The model in {folder} cannot be loaded ({first_line(error)})."
        ) from error
    for problem in ("missing_keys", "mismatched_keys", "unexpected_keys", "error_msgs"):
        if names := report.get(problem):
            raise TitletuiError(
                f"The weights in {folder} do not fit their config.json "
                f"({problem.replace('_', ' ')}: {min(map(str, names))[:100]})."
            )
    _fuse_gelu(model)
    if quantized:
        from peft import prepare_model_for_kbit_training

        model = prepare_model_for_kbit_training(
            model, gradient_checkpointing_kwargs={"use_reentrant": False}
        )
    return model.eval()


def _fuse_gelu(model: Any) -> None:
    """Replace transformers' tanh GELU (eight kernels) with torch's one kernel of it."""
    from torch import nn
    from transformers.activations import NewGELUActivation

    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, NewGELUActivation):
                setattr(module, name, nn.GELU(approximate="tanh"))


def _bitsandbytes_config(quantization: str) -> Any:
    """The bitsandbytes configuration; 4 bits mean NF4 (Dettmers et al. 2023)."""
    import torch
    from transformers import BitsAndBytesConfig
    from transformers.utils import is_bitsandbytes_available

    if not torch.cuda.is_available():
        raise TitletuiError(f"{quantization} weights need a CUDA GPU, and this machine has none.")
    if not is_bitsandbytes_available():
        raise TitletuiError(
            f"{quantization} weights need bitsandbytes: pip install titletui[quantized]."
        )
    has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return BitsAndBytesConfig(
        load_in_8bit=quantization == "8bit",
        load_in_4bit=quantization == "4bit",
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16 if has_bf16 else torch.float16,
    )


def _add_adapter(model: Any, info: ModelInfo, merge: bool) -> Any:
    from peft import PeftModel

    try:
        adapted = PeftModel.from_pretrained(model, info.path, is_trainable=not merge)
    except Exception as error:
        raise TitletuiError(
            f"The adapter in {info.path} does not fit {info.base} ({first_line(error)})."
        ) from error
    return adapted.merge_and_unload().eval() if merge else adapted
