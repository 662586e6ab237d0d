"""The preference model is fitted in a process of its own."""

import random

import pytest

from tests.support.starred_titles import QUANTUM, SPEECH, curate, title
from titletui.candidate import Candidate
from titletui.errors import TitletuiError
from titletui.paths import Home
from titletui.preference.model import MIN_CHOICES, learn_preferences
from titletui.shortlist.library import Library


def test_new_titles_are_ranked_by_what_was_starred(home: Home) -> None:
    with Library(home.library_db) as library:
        curate(library, 25, "speech")
        model = learn_preferences(home, library)
        assert model is not None
        assert model.auc is not None
        # One in five of the liked kind is starred, so that no model can reach more than 0.78.
        assert model.auc > 0.65
        assert model.stars == 25
        assert f"ranks {model.auc:.0%} of unseen pairs" in model.summary
        draw = random.Random(9)
        fresh = [Candidate(text=title(draw, words)) for words in (SPEECH, QUANTUM) * 10]
        scores = model.scores(fresh)
        assert all(0 <= one <= 1 for one in scores)
        assert sum(scores[::2]) / 10 > sum(scores[1::2]) / 10 + 0.2
        assert model.scores([]) == []
        written = (home.cache / "taste.json").stat().st_mtime_ns
        assert learn_preferences(home, library) is not None
        assert (home.cache / "taste.json").stat().st_mtime_ns == written
        library.star("Nothing of a batch")
        assert learn_preferences(home, library) is not None
        assert (home.cache / "taste.json").stat().st_mtime_ns == written
        before = library.count_choices()
        library.star(library.choices()[0].text)
        assert library.count_choices() != before


def test_a_failed_fit_is_reported(home: Home) -> None:
    with Library(home.library_db) as library:
        curate(library, MIN_CHOICES, "speech")
        with pytest.raises(TitletuiError, match="could not be fitted"):
            learn_preferences(home, library, model=home.data)
