"""What holds on every screen: modes, footer, help, palette, keys, errors, the end."""

import re
from collections.abc import Iterator

import pytest
from textual.binding import Binding
from textual.events import Resize
from textual.geometry import Size
from textual.widgets import Input

from tests.support.pilot import app_of, text_of, until, until_gone, until_open, until_shown
from titletui.errors import TitletuiError, UsageError
from titletui.paths import Home
from titletui.settings import GenerateSettings, Settings, load_settings
from titletui.tui.app import TitletuiApp
from titletui.tui.corpus.harvest_dialog import ScrapeDialog
from titletui.tui.dialogs.message import MessageDialog
from titletui.tui.mode_screen import ModeScreen
from titletui.tui.modes import MODES
from titletui.tui.terminal.clipboard import osc52

SIZES = ((80, 24), (120, 40))


def opened(home: Home, mode: str = "shortlist") -> TitletuiApp:
    return TitletuiApp(home, Settings(mode=mode, welcome=False))


def bindings_of(kind: type) -> Iterator[Binding]:
    for part in kind.__mro__:
        if part.__module__.startswith("titletui"):
            for binding in vars(part).get("BINDINGS", ()):
                assert isinstance(binding, Binding)
                yield binding


async def test_a_newcomer_lands_on_generate_with_the_cursor_in_the_prefix(home: Home) -> None:
    async with TitletuiApp(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Type how a title begins, say Neural, and press enter.")
        await pilot.press(*"Neural")
        assert pilot.app.screen.query_one("#prefix", Input).value == "Neural"


@pytest.mark.parametrize(
    ("key", "mode"),
    [("1", "corpus"), ("2", "train"), ("3", "generate"), ("4", "shortlist"),
     ("f2", "corpus"), ("f3", "train"), ("f4", "generate"), ("f5", "shortlist")],
)  # fmt: skip
async def test_each_mode_has_its_keys(home: Home, key: str, mode: str) -> None:
    start = "train" if mode != "train" else "shortlist"
    async with opened(home, start).run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        await until(pilot, lambda: pilot.app.current_mode == mode)
        assert mode.capitalize() in text_of(pilot)


async def test_function_keys_switch_from_within_an_input_and_escape_leaves_it(home: Home) -> None:
    app = TitletuiApp(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        prefix = pilot.app.screen.query_one("#prefix", Input)
        assert prefix.value == "4"
        await pilot.press("f5")
        await until(pilot, lambda: pilot.app.current_mode == "shortlist")
        await pilot.press("f4", "escape", "4")
        await until(pilot, lambda: pilot.app.current_mode == "shortlist")


async def test_the_mode_the_knobs_and_the_theme_are_as_they_were_left(home: Home) -> None:
    app = opened(home, "generate")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("plus", "greater_than_sign", "slash", "A", "escape", "4")
        await until(pilot, lambda: pilot.app.current_mode == "shortlist")
        app.theme = "titletui-light-colour-blind"
        await pilot.pause()
        await pilot.press("q")
    assert app.return_code == 0
    kept = load_settings(home.config_toml)
    assert (kept.mode, kept.theme) == ("shortlist", "titletui-light-colour-blind")
    assert (kept.generate.temperature, kept.generate.count) == (0.9, 15)
    async with TitletuiApp(home).run_test(size=(80, 24)) as pilot:
        assert pilot.app.current_mode == "shortlist"
        await pilot.press("3")
        await until_shown(pilot, "Prefix  A", "Temperature ◂ 0.90 ▸", "Count ◂ 15 ▸")


@pytest.mark.parametrize("mode", list(MODES))
def test_every_key_has_a_name_and_an_explanation_and_none_is_taken_by_terminals(mode: str) -> None:
    taken = {f"ctrl+{letter}" for letter in "abshijm"}
    seen: dict[str, str] = {}
    for binding in [*bindings_of(TitletuiApp), *bindings_of(type(MODES[mode]()))]:
        assert binding.id, binding
        assert binding.tooltip, binding
        for key in binding.key.split(","):
            assert key not in taken
            assert seen.setdefault(key, binding.action) == binding.action or key == "escape", key


@pytest.mark.parametrize("mode", list(MODES))
async def test_the_footer_has_at_most_six_keys_help_first_and_none_cut(
    home: Home, mode: str
) -> None:
    async with opened(home, mode).run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.2)
        await pilot.press("escape")
        await pilot.pause(0.1)
        footer = text_of(pilot).splitlines()[-1].strip()
        keys = re.split(r"\s{2,}", footer)
        assert keys[0] in ("? help", "F1 help")
        assert 2 <= len(keys) <= 6
        assert all(re.fullmatch(r"\S+ \S.*", key) for key in keys), keys


@pytest.mark.parametrize("mode", list(MODES))
async def test_help_explains_every_key_of_the_screen(home: Home, mode: str) -> None:
    async with opened(home, mode).run_test(size=(120, 100)) as pilot:
        await pilot.pause(0.1)
        await pilot.press("f1")
        await until_shown(pilot, "escape close")
        shown = " ".join(text_of(pilot).replace("│", " ").split())
        for binding in bindings_of(type(pilot.app.screen_stack[0])):
            assert " ".join(binding.tooltip.split()[:3]) in shown
        await pilot.press("escape")
        await until_gone(pilot, "escape close")


@pytest.mark.fault("F52")
@pytest.mark.parametrize(("mode", "dialog"), [("generate", False), ("shortlist", True)])
async def test_a_screen_takes_no_older_size_than_the_apps(
    home: Home, mode: str, dialog: bool
) -> None:
    narrow, wide = Size(1, 24), Size(100, 30)
    sizes = []
    async with opened(home, mode).run_test(size=(80, 24)) as pilot:
        await pilot.press("escape")
        screen = pilot.app.screen
        if dialog:
            await pilot.press("f1")
            await until_shown(pilot, "escape close")
        pilot.app.post_message(Resize(wide, wide))
        await until(pilot, lambda: pilot.app.size == screen.outer_size == wide)
        screen.screen_layout_refresh_signal.subscribe(
            pilot.app, lambda _: sizes.append(screen.outer_size), immediate=True
        )
        # As in a storm of resizes: the app has the newest size, the screen hears of an older one.
        screen.post_message(Resize(narrow, narrow))
        await until(pilot, lambda: sizes)
        assert set(sizes) == {wide}
        await pilot.press("escape")
        await until_shown(pilot, "4 Shortlist")


async def test_the_palette_does_what_any_screen_can_do(home: Home) -> None:
    async with opened(home, "shortlist").run_test(size=(100, 30)) as pilot:
        await pilot.press("ctrl+p")
        await pilot.press(*"generate hotter")
        await until_shown(pilot, "Generate: hotter")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.current_mode == "generate")
        await until(pilot, lambda: app_of(pilot).settings.generate.temperature == 0.9)


async def test_the_palette_finds_a_corpus_by_name(home: Home) -> None:
    from titletui.corpus.store import CorpusStore

    with CorpusStore(home.corpus_db) as store:
        store.create("eess.AS 2024")
    async with opened(home, "shortlist").run_test(size=(100, 30)) as pilot:
        await pilot.press("ctrl+p")
        await pilot.press(*"eess.AS")
        await until_shown(pilot, "Corpus: eess.AS 2024")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.current_mode == "corpus")


async def test_the_palette_finds_an_action_by_what_it_does(home: Home) -> None:
    async with opened(home, "shortlist").run_test(size=(100, 30)) as pilot:
        await pilot.press("ctrl+p")
        await until_shown(pilot, "App: help")
        await pilot.press(*"scrape a cat")
        await until_shown(pilot, "Corpus: new", "Scrape a category of arXiv")
        await pilot.press("enter")
        await until_shown(pilot, "New scrape")


async def test_going_to_a_mode_closes_what_stands_in_front(home: Home) -> None:
    async with opened(home, "corpus").run_test(size=(100, 30)) as pilot:
        app = app_of(pilot)
        await until_shown(pilot, "No corpus yet")
        await pilot.press("n")
        await until_open(pilot, ScrapeDialog)
        app.show_error(TitletuiError("The disk is away."))
        await until_open(pilot, MessageDialog)
        await app.open_mode("train")
        assert (app.current_mode, len(app.screen_stack)) == ("train", 1)
        await pilot.press("1")
        await until_shown(pilot, "No corpus yet")
        assert len(app.screen_stack) == 1


async def test_a_dialog_ends_once_and_with_what_was_opened_in_front_of_it(home: Home) -> None:
    async with opened(home, "corpus").run_test(size=(100, 30)) as pilot:
        app = app_of(pilot)
        await until_shown(pilot, "No corpus yet")
        screen = app.screen
        await pilot.press("n")
        dialog = await until_open(pilot, ScrapeDialog)
        app.show_error(TitletuiError("The disk is away."))
        await until_open(pilot, MessageDialog)
        dialog.dismiss(None)
        dialog.dismiss(None)
        await until(pilot, lambda: app.screen is screen)
        await pilot.pause()
        assert app.screen_stack == [screen]


@pytest.mark.parametrize(
    ("key", "action"), [("f1", "action_help"), ("f9", "action_settings")], ids=["help", "settings"]
)
async def test_what_is_open_is_not_opened_again(home: Home, key: str, action: str) -> None:
    async with opened(home).run_test(size=(100, 30)) as pilot:
        await pilot.press(key)
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        getattr(pilot.app, action)()
        await pilot.pause()
        assert len(pilot.app.screen_stack) == 2


async def test_help_for_a_dialog_shows_its_keys(home: Home) -> None:
    async with opened(home, "corpus").run_test(size=(100, 60)) as pilot:
        await until_shown(pilot, "No corpus yet")
        await pilot.press("n")
        await until_open(pilot, ScrapeDialog)
        app_of(pilot).action_help()
        await until_shown(pilot, "Keys", "Start scraping", "Everywhere")


async def test_keys_can_be_remapped(home: Home) -> None:
    settings = Settings(
        mode="generate", welcome=False, keys={"generate.hotter": "z"}, generate=GenerateSettings()
    )
    app = TitletuiApp(home, settings)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.1)
        await pilot.press("escape", "z", "plus")
        assert settings.generate.temperature == 0.9


async def test_help_shows_the_keys_as_they_were_remapped(home: Home) -> None:
    settings = Settings(mode="shortlist", welcome=False, keys={"title.edit": "z", "title.copy": ""})
    async with TitletuiApp(home, settings).run_test(size=(80, 60)) as pilot:
        await pilot.pause(0.1)
        await pilot.press("question_mark")
        await until_shown(pilot, "z              Change the title", "c              Copy the title")


async def test_an_error_stays_until_it_is_read_and_can_be_copied(home: Home) -> None:
    async with opened(home).run_test(size=(80, 24)) as pilot:
        app = app_of(pilot)
        app.show_error(TitletuiError("The [b]disk[/b] is full; free some space."))
        app.show_error(TitletuiError("The [b]disk[/b] is full; free some space."))
        await until_shown(pilot, "The [b]disk[/b] is full; free some space.")
        await pilot.press("c")
        assert app.clipboard == "The [b]disk[/b] is full; free some space."
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_a_refused_value_is_a_toast_and_not_in_the_way(home: Home) -> None:
    async with opened(home).run_test(size=(80, 24), notifications=True) as pilot:
        app_of(pilot).show_error(UsageError("There is no [/] corpus."))
        await until_shown(pilot, "There is no [/] corpus.")
        assert len(pilot.app.screen_stack) == 1


def test_a_copy_goes_through_tmux_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = osc52("é")
    assert plain == "\x1b]52;c;w6k=\x07"
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    assert osc52("é") == "\x1bPtmux;\x1b\x1b]52;c;w6k=\x07\x1b\\"


@pytest.mark.parametrize("size", [(20, 5), (40, 9), (79, 23), (300, 80)])
async def test_every_screen_draws_at_any_size(home: Home, size: tuple[int, int]) -> None:
    async with opened(home, "generate").run_test(size=size) as pilot:
        for key in ("f2", "f3", "f4", "f5"):
            await pilot.press(key)
            await pilot.pause(0.1)
        for width in (20, 200, 61, 119, 120, 3):
            await pilot.resize_terminal(width, max(2, width // 4))
        assert isinstance(pilot.app.screen, ModeScreen)


@pytest.mark.fault("F54")
async def test_a_fault_of_its_own_ends_in_one_sentence_and_a_file(home: Home) -> None:
    app = opened(home)

    def faulty() -> None:
        token = "".join(("hf_", "thisisatoken"))
        raise ZeroDivisionError(len(token))

    async def crash() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            app.call_later(faulty)
            app.screen.call_later(faulty)  # A second one is told of no more.
            await pilot.pause(0.5)

    ended: list[bool] = []
    app.on_quit.append(lambda: ended.append(True))
    with pytest.raises(ZeroDivisionError):
        await crash()
    assert ended, "what the app owns ends with it"
    (report,) = home.logs.glob("crash-*.txt")
    text = report.read_text()
    assert "ZeroDivisionError" in text
    assert "hf_thisisatoken" not in text
    assert report.stat().st_mode & 0o777 == 0o600
