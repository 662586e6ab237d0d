"""A folder's weights as a model in memory."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from titletui.errors import TitletuiError, first_line


def load_weights(folder: Path, attention: str | None, dtype: Any, quantization: str) -> Any:
    """The transformers model in `folder`, in eval mode.

    Args:
        attention: transformers' name of it; None takes eager on CPU (quicker on short rows) and
            SDPA where there is a GPU.
        dtype: a torch dtype; None means float32.
        quantization: `8bit` or `4bit` puts it on this process' GPU, ready for adapters; `none`
            leaves it on the CPU.

    Raises:
        TitletuiError: the weights do not fit their configuration, or cannot be quantized here.
    """
    from transformers import AutoModelForCausalLM
    from transformers.activations import NewGELUActivation
    from transformers.utils import logging

    logging.disable_progress_bar()
    quantized: dict[str, Any] = {}
    if quantization != "none":
        bits = _bits(quantization)
        quantized = {
            "quantization_config": bits,
            "device_map": {"": torch.cuda.current_device()},
        }
    try:
        model, facts = AutoModelForCausalLM.from_pretrained(
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
    for what in ("missing_keys", "mismatched_keys", "unexpected_keys", "error_msgs"):
        if wrong := facts.get(what):
            name = str(sorted(map(str, wrong))[0])[:100]
            raise TitletuiError(
                f"The weights in {folder} do not fit their config.json "
                f"({what.replace('_', ' ')}: {name})."
            )
    # The same function (tanh GELU) as one kernel in place of eight.
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, NewGELUActivation):
                setattr(module, name, nn.GELU(approximate="tanh"))
    if quantized:
        from peft import prepare_model_for_kbit_training

        # Here, so that a run which goes on from its adapter has it, too.
        model = prepare_model_for_kbit_training(
            model, gradient_checkpointing_kwargs={"use_reentrant": False}
        )
    return model.eval()


def _bits(quantization: str) -> Any:
    """bitsandbytes' settings; 4 bits are normal floats (Dettmers et al. 2023)."""
    from transformers import BitsAndBytesConfig
    from transformers.utils import is_bitsandbytes_available

    if not torch.cuda.is_available():
        raise TitletuiError(f"{quantization} weights need a CUDA GPU, and this machine has none.")
    if not is_bitsandbytes_available():
        raise TitletuiError(
            f"{quantization} weights need bitsandbytes: pip install titletui[quantized]."
        )
    whole = torch.cuda.is_bf16_supported(including_emulation=False)
    return BitsAndBytesConfig(
        load_in_8bit=quantization == "8bit",
        load_in_4bit=quantization == "4bit",
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16 if whole else torch.float16,
    )
