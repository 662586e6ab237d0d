"""A model from scratch: a tokenizer trained on the corpus, and random weights."""

from collections.abc import Iterable
from typing import Any

from titletui.training.recipe import Recipe

END = "<|endoftext|>"


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Any:
    """Train a byte-level BPE tokenizer of at most `vocabulary` tokens; it round-trips any text.

    One token is beginning, end and padding, as in GPT-2 (Radford et al. 2019, section 2.2).
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=[END],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END,
        eos_token=END,
        pad_token=END,
        clean_up_tokenization_spaces=False,
    )


def new_model(recipe: Recipe, tokenizer: Any) -> Any:
    """A model in the recipe's shape with random weights from its seed and tied embeddings."""
    import torch
    from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig

    end = tokenizer.eos_token_id
    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "bos_token_id": end,
        "eos_token_id": end,
        "tie_word_embeddings": True,
    }
    dropout = recipe.dropout or 0.0
    if recipe.architecture == "llama":
        config = LlamaConfig(
            **shape,
            hidden_size=recipe.width,
            intermediate_size=-(-recipe.width * 8 // 3 // 32) * 32,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            num_key_value_heads=recipe.heads,
            max_position_embeddings=recipe.context,
            attention_dropout=dropout,
        )
    else:
        config = GPT2Config(
            **shape,
            n_embd=recipe.width,
            n_layer=recipe.layers,
            n_head=recipe.heads,
            n_positions=recipe.context,
            resid_pdrop=dropout,
            embd_pdrop=dropout,
            attn_pdrop=dropout,
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32)
