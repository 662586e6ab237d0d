"""Text from elsewhere is stored whole and shown harmless."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titletui.text import SHOWN_LENGTH, clean, display, format_bytes, format_duration


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        ("  A title\n  on two lines ", "A title on two lines"),
        ("R[0,1] and [/b]", "R[0,1] and [/b]"),
        (r"$\alpha$-stable", r"$\alpha$-stable"),
        ("nul\x00byte", "nulbyte"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("naïve\u00a0Bayes\u2028line", "naïve Bayes line"),
    ],
)
def test_white_space_is_folded_and_the_rest_is_kept(raw: str, stored: str) -> None:
    assert clean(raw) == stored


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "\ufffd[31mred\ufffd[0m"),
        ("bell\x07 delete\x7f c1\x9b", "bell\ufffd delete\ufffd c1\ufffd"),
        ("left\u202eright", "left\ufffdright"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("z" + "\u0301" * 30, "z" + "\u0301" * 4),
        ("\ufffe\uffff\U0001ffff", "\ufffd\ufffd\ufffd"),
        ("Erdős–Rényi in ℝⁿ 日本語", "Erdős–Rényi in ℝⁿ 日本語"),
        ("[@click=app.quit]x[/]", "[@click=app.quit]x[/]"),
    ],
)
def test_what_could_steer_a_terminal_is_replaced(raw: str, shown: str) -> None:
    assert display(raw) == shown


def test_a_very_long_text_is_cut_with_an_ellipsis() -> None:
    shown = display("x" * 100_000)
    assert len(shown) == SHOWN_LENGTH
    assert shown.endswith("…")


@given(st.text(st.characters(exclude_categories=[])))
def test_nothing_shown_controls_a_terminal(raw: str) -> None:
    shown = display(raw)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs") or c in "\u202e\u2066"]
    assert display(shown) == shown


@given(st.text(st.characters(exclude_categories=[])))
def test_what_is_stored_is_utf8_on_one_line_and_stays_as_it_is(raw: str) -> None:
    stored = clean(raw)
    assert clean(stored) == stored
    assert "\n" not in stored
    assert "\x00" not in stored
    stored.encode()


def test_time_and_bytes_are_said_as_a_person_says_them() -> None:
    assert [format_duration(seconds) for seconds in (-3, 40, 360, 9_000, 7_200, 50_000)] == [
        "0 s", "40 s", "6 min", "2 h 30 min", "2 h", "14 h",
    ]  # fmt: skip
    assert [format_bytes(count) for count in (7, 1_500, 2_000_000, 3e9)] == [
        "7 B", "2 KB", "2 MB", "3.0 GB",
    ]  # fmt: skip
