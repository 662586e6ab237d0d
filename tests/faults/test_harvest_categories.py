"""Every category that can be asked for is one that arXiv serves."""

import pytest
from arxivscraper import Scraper
from arxivscraper.constants import cats, subcats

from tests.support.arxiv_sets import SETS
from titletui.arxiv.categories import categories, find_category
from titletui.arxiv.oai_pmh import oai_set

SCRAPER_NAMES = [*cats, *(name for names in subcats.values() for name in names)]


@pytest.mark.fault("F18")
def test_each_name_that_arxivscraper_takes_maps_to_a_set_that_arxiv_has() -> None:
    assert len(SCRAPER_NAMES) == 167
    for name in SCRAPER_NAMES:
        category = find_category(name)
        assert category.set_spec in SETS, name
        assert oai_set(category) == category.set_spec, name


@pytest.mark.fault("F18")
def test_twenty_one_sets_of_arxivscraper_had_to_be_mended() -> None:
    wrong = [
        name
        for name in SCRAPER_NAMES
        if Scraper(name, "2024-01-01", "2024-01-02").url.rpartition("=")[2] not in SETS
    ]
    assert len(wrong) == 21
    assert {name.partition(".")[0] for name in wrong} == {"astro-ph", "cond-mat", "nlin", "CoRR"}


@pytest.mark.fault("F18")
def test_all_sets_that_arxiv_has_can_be_asked_for_by_a_name_of_their_own() -> None:
    assert {category.set_spec for category in categories()} == SETS
    codes = [category.code for category in categories()]
    assert len(codes) == len(set(codes))
    for category in categories():
        assert oai_set(category) == category.set_spec
