"""What an arXiv id says, and how texts are cleaned for the store."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titletui.corpus.paper import arxiv_key, key_month, plain_id, title_id
from titletui.text import clean


@pytest.mark.parametrize(
    ("written", "plain", "month"),
    [
        ("2409.04057", "2409.04057", "2024-09"),
        ("arXiv:2409.04057v3", "2409.04057", "2024-09"),
        ("http://arxiv.org/abs/0704.0001", "0704.0001", "2007-04"),
        ("math.GT/0309136", "math/0309136", "2003-09"),
        ("oai:arXiv.org:hep-th/9108001", "hep-th/9108001", "1991-08"),
        ("cond-mat/9912345v2", "cond-mat/9912345", "1999-12"),
    ],
)
def test_arxiv_ids_are_understood_as_people_write_them(
    written: str, plain: str, month: str
) -> None:
    assert plain_id(written) == plain
    key = arxiv_key(plain)
    assert key is not None
    assert key_month(key) == month


@pytest.mark.parametrize("id_", ["", "x-1", "2413.00001", "1401.12345", "1501.1234", "foo/9901001"])
def test_what_is_no_arxiv_id_has_no_key(id_: str) -> None:
    assert arxiv_key(id_) is None


def test_different_ids_have_different_keys() -> None:
    ids = [f"{y:02}{m:02}.{n:04}" for y in (8, 13) for m in (1, 12) for n in (1, 9_999)]
    ids += [f"{y:02}{m:02}.{n:05}" for y in (15, 24) for m in (1, 12) for n in (0, 1, 99_999)]
    ids += [f"{a}/{y}{m:02}{n:03}" for a in ("cs", "math", "supr-con", "acc-phys")
            for y in ("91", "99", "06") for m in (1, 12) for n in (1, 999)]  # fmt: skip
    keys = [arxiv_key(id_) for id_ in ids]
    assert None not in keys
    assert len(set(keys)) == len(ids)


def test_titles_without_an_id_get_one_that_is_theirs() -> None:
    assert title_id("A title") == title_id("A title") != title_id("Another")
    assert title_id("\ud800").startswith("x-")


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=400))
def test_long_ascii_is_cleaned_like_any_text(text: str) -> None:
    long = (text + " a\n") * 60
    assert clean(long) == clean(clean(long)) == " ".join(long.replace("\x00", "").split())
