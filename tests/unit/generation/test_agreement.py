"""Of many titles of one abstract, the one that most agree with comes first."""

from titletui.generation.mbr import agreement
from titletui.settings import GenerateSettings
from titletui.tui.generate.candidate_row import CandidateRow, visible_rows

TITLES = [
    "A survey of quantum graphs",
    "Kalman filters for underwater gliders",
    "A Kalman filter for gliders",
    "A Kalman filter for underwater gliders under ice",
]


def test_the_title_that_says_what_most_say_has_most_agreement() -> None:
    shares = agreement(TITLES)
    assert shares.index(max(shares)) == 2
    assert shares.index(min(shares)) == 0


def test_case_and_marks_make_no_difference() -> None:
    assert agreement(["Deep learning", "deep LEARNING!"]) == [1.0, 1.0]


def test_few_titles_agree_with_themselves() -> None:
    assert agreement([]) == []
    assert agreement(["One"]) == [1.0]


def test_a_batch_is_shown_in_the_order_of_agreement() -> None:
    rows = [CandidateRow(text=title, index=place) for place, title in enumerate(TITLES)]
    shown = visible_rows(rows, GenerateSettings(sort="agreement"))
    assert shown[0].text == TITLES[2]
    assert shown[-1].text == TITLES[0]
