"""Keys that a person has moved: two on one place are told, so are names that there are not."""

import pytest

from tests.support.pilot import until_shown
from titletui.paths import Home
from titletui.settings import Settings
from titletui.tui.app import TitletuiApp
from titletui.tui.keymap import keymap_problems


def test_the_usual_keys_are_in_nobodys_way() -> None:
    assert keymap_problems({}) == []
    assert keymap_problems({"corpus.new": "f7", "help": "f8,f1", "generate.prefix": "slash"}) == []


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"corpus.new": "j"}, ["On Corpus", "j means both down (list.down) and new (corpus.new)"]),
        ({"train.new": "x"}, ["On Train", "new (train.new) and delete (train.delete)"]),
        ({"quit": "n,f8"}, ["On Corpus", "new (corpus.new) and quit (quit)"]),
        ({"generate.star": "/"}, ["On Generate the key slash means both"]),
        ({"paper.copy": "C"}, ["On the paper dialog the key C"]),
        ({"corpus.nwe": "f7"}, ["no key for 'corpus.nwe'", "did you mean corpus.new?"]),
    ],
)
def test_two_actions_on_one_key_are_told(keys: dict[str, str], said: list[str]) -> None:
    sentences = " ".join(keymap_problems(keys))
    for part in said:
        assert part in sentences


async def test_the_app_and_its_settings_say_which_keys_collide(home: Home) -> None:
    settings = Settings(mode="corpus", keys={"train.new": "x"}, theme="textual-ansi")
    app = TitletuiApp(home, settings)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until_shown(pilot, "⚠ On Train the key x means both", "no theme textual-ansi;")
        await pilot.press("comma")
        await until_shown(pilot, "⚠ On Train the key x means both new (train.new) and delete")
