"""The library: batches, stars, undo, and two instances on one file."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.disks import read_only_folder
from titletui.candidate import Candidate, Novelty
from titletui.errors import TitletuiError, UsageError
from titletui.generation.protocol import Generate
from titletui.paths import Home
from titletui.sampling_params import SamplingParams
from titletui.shortlist.library import Library
from titletui.shortlist.records import BatchSettings, Favourite


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "library.db") as opened:
        yield opened


def texts(favourites: list[Favourite]) -> list[str]:
    return [one.text for one in favourites]


def test_a_starred_candidate_keeps_what_it_was_generated_by(library: Library) -> None:
    request = Generate(
        id=1, model="eess-as-1", prefix="Neural", sampling=SamplingParams(temperature=0.7)
    )
    batch = library.start_batch(BatchSettings.of(request, against="eess.AS"))
    near = Novelty(kind="near", similarity=0.86, id="2305.01234", title="Neural X", year=2023)
    (candidate,) = library.add_candidates(
        batch, [Candidate(text="Neural Y", perplexity=9.5, tokens=5, seed=7, novelty=near)]
    )
    favourite = library.star("Neural Y", candidate=candidate)
    assert (favourite.model, favourite.prefix, favourite.temperature) == (
        "eess-as-1",
        "Neural",
        0.7,
    )
    assert (favourite.seed, favourite.perplexity, favourite.novelty) == (7, 9.5, near)
    assert favourite.settings.against == "eess.AS"
    assert library.favourites() == [favourite]
    assert favourite.starred.endswith("Z")


def test_the_same_title_starred_twice_is_one_favourite(library: Library) -> None:
    first = library.star("Deep Learning: A Survey")
    assert library.star("deep-learning — a  SURVEY") == first
    assert library.star("Deep Learning: A Second Survey") != first
    assert len(library.favourites()) == 2


def test_an_edited_title_keeps_its_original_and_stays_the_same_favourite(library: Library) -> None:
    favourite = library.star("Neural Thing")
    edited = library.edit(favourite.id, "Neural Something")
    assert (edited.text, edited.original, edited.edited) == (
        "Neural Something",
        "Neural Thing",
        True,
    )
    assert library.star("Neural Thing") == edited
    assert library.star("Neural Something") == edited
    library.star("Another")
    with pytest.raises(UsageError, match="has this title already"):
        library.edit(edited.id, "another")


def test_every_action_can_be_undone_and_done_again_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with Library(path) as library:
        one, two = library.star("One"), library.star("Two")
        library.edit(one.id, "One, better")
        library.set_note(two.id, "for ICASSP?")
        library.set_tags(two.id, ["#Speech", "asr"])
        library.move(two.id, -1)
        library.unstar(one.id, two.id)
        assert library.favourites() == []
    states = []
    with Library(path) as library:
        while (what := library.undo()) is not None:
            states.append((what, texts(library.favourites(sort="order"))))
    assert states == [
        ("removed “One, better”", ["Two", "One, better"]),
        ("moved “Two”", ["One, better", "Two"]),
        ("tagged “Two”", ["One, better", "Two"]),
        ("wrote a note on “Two”", ["One, better", "Two"]),
        ("edited “One, better”", ["One", "Two"]),
        ("starred “Two”", ["One"]),
        ("starred “One”", []),
    ]
    with Library(path) as library:
        for _ in range(6):
            library.redo()
        two_again = library.favourite("Two")
        assert two_again is not None
        assert (two_again.note, two_again.tags, two_again.order) == (
            "for ICASSP?",
            ("asr", "speech"),
            0,
        )
        assert library.redo() == "removed “One, better”"
        assert library.redo() is None
        assert library.favourites() == []


def test_a_new_action_ends_what_could_be_done_again(library: Library) -> None:
    library.star("One")
    library.undo()
    library.star("Two")
    assert library.redo() is None
    assert texts(library.favourites()) == ["Two"]


def test_an_action_that_changes_nothing_leaves_nothing_to_undo(library: Library) -> None:
    one = library.star("One")
    library.star("one")
    library.set_note(one.id, "")
    library.move(one.id, 1)
    library.unstar(999)
    assert library.undo() == "starred “One”"
    assert library.undo() is None


def test_titles_can_be_moved_and_the_new_one_comes_last(library: Library) -> None:
    ids = [library.star(name).id for name in "abcd"]
    library.move(ids[3], -2)
    assert "".join(texts(library.favourites(sort="order"))) == "adbc"
    library.move(ids[0], 99)
    assert "".join(texts(library.favourites(sort="order"))) == "dbca"
    library.star("e")
    assert "".join(texts(library.favourites(sort="order"))) == "dbcae"


def test_a_move_starts_from_the_order_that_is_shown_and_undo_restores_the_old_one(
    library: Library,
) -> None:
    a, b, c = (library.star(name) for name in "abc")
    assert not library.move(c.id, -1, sort="added")
    assert library.move(c.id, 1, sort="added")
    assert "".join(texts(library.favourites(sort="order"))) == "bca"
    assert library.undo() == "moved “c”"
    assert "".join(texts(library.favourites(sort="order"))) == "abc"
    library.set_tags(a.id, ["x"])
    library.set_tags(c.id, ["x"])
    assert library.move(a.id, 1, matching="#x")
    assert "".join(texts(library.favourites(sort="order"))) == "bca"
    assert b.order == 1


def test_an_edited_title_has_no_perplexity_and_is_judged_anew(library: Library) -> None:
    batch = library.start_batch(BatchSettings())
    new = Novelty(kind="new", similarity=0.2, title="Codecs")
    candidate = Candidate(text="Otters", perplexity=9.0, tokens=2, novelty=new)
    (number,) = library.add_candidates(batch, [candidate])
    starred = library.star("Otters", candidate=number)
    edited = library.edit(starred.id, "Codecs")
    assert (edited.perplexity, edited.novelty) == (None, None)
    copy = Novelty(kind="copy", similarity=1.0, title="Codecs")
    assert library.judge_favourites([(starred, copy)]) == 0, "its text is another now"
    assert library.judge_favourites([(edited, copy)]) == 1
    assert library.favourites()[0].novelty == copy
    assert library.undo() == "edited “Codecs”"
    assert library.favourites()[0] == starred


def test_the_shortlist_is_filtered_by_words_and_tags_and_sorted(library: Library) -> None:
    batch = library.start_batch(BatchSettings(model="m", prefix="Neural"))
    ids = library.add_candidates(
        batch,
        [
            Candidate(text="Neural Alpha", perplexity=9.0, novelty=Novelty(kind="new")),
            Candidate(
                text="Neural Beta", perplexity=4.0, novelty=Novelty(kind="copy", similarity=1)
            ),
        ],
    )
    alpha = library.star("Neural Alpha", candidate=ids[0])
    library.star("Neural Beta", candidate=ids[1])
    library.star("Gamma")
    library.set_tags(alpha.id, ["asr"])
    library.set_note(alpha.id, "For Icassp?")
    assert texts(library.favourites("icassp neural")) == ["Neural Alpha"]
    assert texts(library.favourites("#asr")) == ["Neural Alpha"]
    assert library.favourites("#as") == []
    assert texts(library.favourites(sort="perplexity")) == ["Neural Beta", "Neural Alpha", "Gamma"]
    assert texts(library.favourites(sort="novelty")) == ["Neural Alpha", "Neural Beta", "Gamma"]
    assert texts(library.favourites(sort="title"))[0] == "Gamma"
    assert texts(library.favourites(sort="model"))[-1] == "Gamma"
    assert texts(library.favourites()) == ["Gamma", "Neural Beta", "Neural Alpha"]


def test_every_batch_is_kept_and_can_be_walked_back_to(library: Library) -> None:
    for number in range(3):
        batch = library.start_batch(BatchSettings(model="m", count=number))
        library.add_candidates(
            batch, [Candidate(text=f"Title {number}.{i}", index=i) for i in range(number)]
        )
    newest, *older = library.batches()
    assert [one.candidates for one in (newest, *older)] == [2, 1, 0]
    assert library.batches(before=newest.id) == older
    library.star("title 2 1")
    assert [(one.text, one.starred) for one in library.candidates(newest.id)] == [
        ("Title 2.0", False),
        ("Title 2.1", True),
    ]


def test_titles_of_earlier_batches_and_of_the_shortlist_count_as_seen(library: Library) -> None:
    first = library.start_batch(BatchSettings())
    library.add_candidates(first, [Candidate(text="Seen Before")])
    second = library.start_batch(BatchSettings())
    library.add_candidates(second, [Candidate(text="Just Now")])
    library.edit(library.star("Starred").id, "Changed")
    asked = ["seen before!", "Just now", "starred", "CHANGED", "Never"]
    assert library.seen(asked) == set(asked[:4])
    assert library.seen(asked, excluding=second) == {"seen before!", "starred", "CHANGED"}
    assert library.starred(asked) == {"starred", "CHANGED"}
    many = [f"Title {i}" for i in range(1200)]
    library.add_candidates(first, [Candidate(text=one) for one in many[::2]])
    assert library.seen(many) == set(many[::2])


def test_the_verdicts_of_candidates_can_come_later(library: Library) -> None:
    batch = library.start_batch(BatchSettings())
    (candidate,) = library.add_candidates(batch, [Candidate(text="A")])
    copy = Novelty(kind="copy", similarity=1.0, id="x-1", title="a")
    library.set_novelty([(candidate, copy)])
    assert library.candidates(batch)[0].novelty == copy


def test_two_instances_see_each_others_changes(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with Library(path) as one, Library(path) as two:
        before = two.revision
        assert two.revision == before
        favourite = one.star("Shared")
        assert two.revision != before
        assert texts(two.favourites()) == ["Shared"]
        seen = two.revision
        two.edit(favourite.id, "Shared, edited")
        assert two.revision != seen
        assert texts(one.favourites()) == ["Shared, edited"]
        one.unstar(favourite.id)
        with pytest.raises(TitletuiError, match="not on the shortlist any more"):
            two.set_note(favourite.id, "late")


def test_hostile_text_is_kept_as_it_is(library: Library) -> None:
    for text in ("[/]", "R[0,1] and $\\alpha$", "=1+1", "x'); DROP TABLE favourites;--", "é\ud800"):
        library.star(text)
    assert texts(library.favourites(sort="order")) == [
        "[/]",
        "R[0,1] and $\\alpha$",
        "=1+1",
        "x'); DROP TABLE favourites;--",
        "é\ufffd",
    ]


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 2001])
def test_a_title_that_is_none_is_refused(library: Library, text: str) -> None:
    with pytest.raises(UsageError, match="A title"):
        library.star(text)


@pytest.mark.parametrize("tag", ["", "#", "two words", "a,b", "x" * 51])
def test_a_tag_that_is_none_is_refused(library: Library, tag: str) -> None:
    favourite = library.star("One")
    with pytest.raises(UsageError, match="tag"):
        library.set_tags(favourite.id, [tag])
    assert library.favourites() == [favourite]


def test_the_library_is_readable_by_its_owner_only(library: Library) -> None:
    assert stat.S_IMODE(library.path.stat().st_mode) == 0o600


def test_a_candidate_that_is_gone_cannot_be_starred(home: Home) -> None:
    with Library.open(home) as library:
        with pytest.raises(TitletuiError, match="not in the library any more"):
            library.star("A Title", candidate=999)
        assert library.favourites() == []


def test_a_folder_in_which_nothing_can_be_kept_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    refused = pytest.raises(TitletuiError, match="so nothing can be kept; make it writable")
    with read_only_folder(folder) as closed, refused:
        Library.open(Home(closed, closed, closed, closed))
