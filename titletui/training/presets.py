"""Named recipes, and changes to one as a person types them."""

from collections.abc import Mapping

import msgspec

from titletui.errors import UsageError
from titletui.settings import field, parse
from titletui.training.recipe import Recipe

DEFAULT = "starter-titles"
STARRED = "starred-titles"


def presets() -> dict[str, Recipe]:
    """All presets by name, the default first, each with the numbers of its source."""
    recipes = (
        Recipe(preset=DEFAULT),
        Recipe(
            preset="gpt2-titles",
            base="gpt2",
            steps=500,
            learning_rate=1e-4,
            schedule="constant",
            warmup_steps=0,
            weight_decay=0.0,
            batch_tokens=1024,
            save_every=50,
            sample_every=25,
            keep=10,
        ),
        Recipe(
            preset="neo-abstract-to-title",
            task="abstract-to-title",
            base="EleutherAI/gpt-neo-125m",
            learning_rate=5e-6,
            schedule="constant",
            warmup_steps=0,
            weight_decay=0.01,
            batch_tokens=0,
            batch_size=2,
            accumulation=5,
            max_tokens=512,
            preview_titles=20,
            preview_tokens=30,
        ),
        Recipe(
            preset="distilgpt2-abstracts",
            task="abstract",
            base="distilgpt2",
            epochs=1.0,
            learning_rate=5e-4,
            schedule="step-decay",
            decay=0.95,
            decay_every=500,
            warmup_steps=0,
            weight_decay=0.01,
            batch_tokens=0,
            batch_size=16,
            max_tokens=300,
            heldout=0.2,
            sample_every=500,
            save_every=500,
            eval_every=500,
            preview_tokens=300,
        ),
        Recipe(
            preset="llama-lora-instruct",
            task="instruction",
            base="",
            method="lora",
            epochs=3.0,
            learning_rate=3e-4,
            schedule="linear",
            warmup_steps=100,
            weight_decay=0.0,
            batch_tokens=0,
            batch_size=4,
            accumulation=32,
            max_tokens=256,
            lora_r=8,
            lora_alpha=16,
            lora_dropout=0.05,
        ),
        Recipe(preset="year-titles", task="year-to-title"),
        Recipe(
            preset=STARRED,
            epochs=5.0,
            learning_rate=3e-4,
            warmup_steps=0,
            batch_tokens=256,
            heldout=0.1,
            sample_every=5,
            save_every=5,
            eval_every=5,
        ),
    )
    return {recipe.preset: recipe for recipe in recipes}


def preset(name: str) -> Recipe:
    """The preset of that name.

    Raises:
        UsageError: there is none; the message names those that there are.
    """
    known = presets()
    if name not in known:
        raise UsageError(f"There is no preset named {name!r}; there are: {', '.join(known)}.")
    return known[name]


def override(recipe: Recipe, changes: Mapping[str, str]) -> Recipe:
    """`recipe` with other values, each given as text.

    Setting `epochs` makes `steps` none, unless both are set.

    Raises:
        UsageError: a field is unknown or a value impossible; the message names field and range.
    """
    changed = {
        name: parse(field(Recipe, name, "recipe field"), text.strip())
        for name, text in changes.items()
    }
    if "epochs" in changed and "steps" not in changed:
        changed["steps"] = None
    return checked(msgspec.structs.replace(recipe, **changed))


def checked(recipe: Recipe) -> Recipe:
    """`recipe`, if its values fit each other.

    Raises:
        UsageError: they do not.
    """
    if recipe.width % recipe.heads or (recipe.width // recipe.heads) % 2:
        raise UsageError(
            f"width: must be an even multiple of heads ({recipe.width} for {recipe.heads} heads)."
        )
    if recipe.abstract_share > 0 and recipe.task != "title":
        raise UsageError("abstract_share: only goes with task=title.")
    if recipe.quantization != "none" and recipe.method != "lora":
        raise UsageError("quantization: only goes with method=lora.")
    if recipe.base == "new" and recipe.method == "lora":
        raise UsageError("method: a new model has nothing for LoRA to adapt; take method=full.")
    return recipe
