"""What belongs to no mode: help, palette, settings, messages, toasts."""

from textual.pilot import Pilot

from tests.support.pilot import app_of
from tests.tui.scenes.generate import one_batch
from tests.tui.scenes.scene import Scene, focused, put, unfocused
from titletui.errors import TitletuiError


async def _fail(pilot: Pilot[int]) -> None:
    app_of(pilot).show_error(
        TitletuiError(
            "The model eess-as-1 cannot be loaded: model.safetensors ends too early. Your titles "
            "are kept; train it again or choose another model (p). R[0,1] [/b]"
        )
    )


async def _say(pilot: Pilot[int]) -> None:
    app = app_of(pilot)
    app.say("eess-as-1 is done. R[0,1] [/b]")
    app.say("eess-as-2 is overfit: it has memorized its titles.", "warning")
    app.say("cs.SD failed. arXiv refuses this machine (403).", "error")


_BATCH = ("batch 1 of 1", "ppl")
SCENES: tuple[Scene, ...] = (
    *(
        Scene(f"help-{mode}", mode, (empty,), (settled, "question_mark", ("escape close",)))
        for mode, empty, settled in (
            ("corpus", "No corpus yet", unfocused),
            ("train", "No run yet", unfocused),
            ("generate", "No titles yet", focused),
            ("shortlist", "Nothing starred yet", unfocused),
        )
    ),
    Scene(
        "help-prefix",
        "generate",
        ("No titles yet",),
        ("slash f1", ("escape close",)),
    ),
    Scene("palette", "generate", _BATCH, ("ctrl+p", ("App: help",)), fill=one_batch),
    Scene(
        "palette-search",
        "generate",
        _BATCH,
        ("ctrl+p", ("App: help",), put("CommandInput", "scrape"), ("Corpus: new",)),
        fill=one_batch,
    ),
    Scene("settings", "generate", _BATCH, ("comma", ("Settings", "theme")), fill=one_batch),
    Scene(
        "settings-refused",
        "generate",
        _BATCH,
        ("comma", ("Settings",), put("#generate-temperature", "hot"), ("✕ must be",)),
        fill=one_batch,
    ),
    Scene("message", "generate", _BATCH, (_fail, ("cannot be loaded",)), fill=one_batch),
    Scene("toasts", "generate", _BATCH, (_say, ("403", "overfit", "is done")), fill=one_batch),
)
