"""Categories: found by code, by name, and by what people call them."""

import pytest

from titletui.arxiv.categories import categories, find_category, search_categories
from titletui.errors import UsageError


@pytest.mark.parametrize(
    ("written", "code", "set_spec"),
    [
        ("eess.AS", "eess.AS", "eess:eess:AS"),
        ("cs.cl", "cs.CL", "cs:cs:CL"),
        ("cs:CL", "cs.CL", "cs:cs:CL"),
        ("cs", "cs", "cs:cs"),
        ("CoRR", "cs", "cs:cs"),
        ("hep-th", "hep-th", "physics:hep-th"),
        ("physics:hep-th", "hep-th", "physics:hep-th"),
        ("cond-mat.soft", "cond-mat.soft", "physics:cond-mat:soft"),
        ("physics.optics", "physics.optics", "physics:physics:optics"),
        ("physics", "physics", "physics:physics"),
        ("grp_physics", "grp_physics", "physics"),
        (" math.NA ", "math.NA", "math:math:NA"),
    ],
)
def test_a_category_is_found_as_people_write_it(written: str, code: str, set_spec: str) -> None:
    category = find_category(written)
    assert (category.code, category.set_spec) == (code, set_spec)


@pytest.mark.parametrize("written", ["cs.XX", "", "speech", "../cs", "[/b]", "x" * 1_000, "\x00"])
def test_an_unknown_category_is_refused_with_some_that_are_near(written: str) -> None:
    with pytest.raises(UsageError, match="arXiv has no category"):
        find_category(written)


def test_what_is_near_is_named() -> None:
    with pytest.raises(UsageError, match=r"eess\.AS"):
        find_category("speech")
    with pytest.raises(UsageError, match=r"cs\.AI"):
        find_category("cs.XX")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("speech", "eess.AS"),
        ("audio", "eess.AS"),
        ("cs.cl", "cs.CL"),
        ("language", "cs.CL"),
        ("nlp", "cs.CL"),
        ("galaxies", "astro-ph.GA"),
        ("high energy theory", "hep-th"),
        ("computer vision", "cs.CV"),
    ],
)
def test_a_search_finds_it_first_or_soon(words: str, code: str) -> None:
    assert code in [category.code for category in search_categories(words)][:3]


def test_searching_for_nothing_lists_all() -> None:
    assert len(search_categories("")) == len(categories()) == 174
    assert search_categories("no such thing") == []


def test_a_full_code_comes_before_what_begins_with_it() -> None:
    assert search_categories("cs")[0].code == "cs"
    assert search_categories("physics")[0].code == "physics"
