"""The page for the public shows published figures if the state permits, and needs no other file."""

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from mpi.api.pages.oversight.papers import write_public_page
from mpi.api.pages.rendering.page_texts import load_words
from mpi.composition.public_page import read_public_page_settings
from mpi.config import Settings
from mpi.domain import clock
from mpi.domain.errors import AccessDenied, InputError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import PublicPageSettings
from mpi.service.quality.publication import QUALITY, SUMMARY
from mpi.service.transparency.public_page import read_page_to_publish, read_public_page
from mpi.storage.repositories.review.published_reports import StoredReport
from tests.index import OPERATOR, open_test_index, with_settings
from tests.unit.api.pages.rendering.test_plain_words import compute_readability_grade, every_text
from tests.unit.service.agreements.test_papers import dsa, put_in_force

COUNTS = {
    QUALITY: {"in_care": 9_120, "found": 7_980},
    SUMMARY: {"records.active": 2_004_510, "persons.active": 250},
}
MONTH = {
    "month": "2026-10",
    "precision": {"value": 0.99, "low": 0.98, "high": 1.0},
    "recall": {"value": 0.94, "low": 0.91, "high": 0.97},
}
SHOWN = PublicPageSettings(shows_figures=True, office="Office <b>of</b> Records", contact="614 555 0100")


def publish(index, day):
    """Store reports as measured on a day."""
    details = {QUALITY: {"months": [MONTH], "sample_month": None, "minutes": None}, SUMMARY: {}}
    now = clock.format_timestamp(clock.now())
    with index.database.write(OPERATOR, "publish") as unit:
        unit.published_reports.add(
            [
                StoredReport(day, name, json.dumps({"counts": counts, "details": details[name]}), now)
                for name, counts in COUNTS.items()
            ]
        )


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """An index whose figures were measured yesterday."""
    with open_test_index(tmp_path_factory.mktemp("public"), "sis", "ccwis") as opened:
        put_in_force(opened, dsa())
        publish(opened, (clock.now().date() - timedelta(days=1)).isoformat())
        yield opened


def write_page(index, **settings):
    return write_public_page(read_public_page(with_settings(index, **settings)))


def test_figures_are_shown_only_where_a_setting_permits(index):
    assert "9,120" not in write_page(index)
    page = write_page(index, public_page=SHOWN)
    assert "9,120" in page
    assert "88 % (between 86 and 89 %)" in page
    assert "99 % (between 98 and 100 %)" in page
    assert "94 % (between 91 and 97 %)" in page


def test_small_counts_stay_hidden_and_agreements_may_hide_more(index):
    assert "250" in write_page(index, public_page=SHOWN)
    stricter = dsa(small_cell=300)
    put_in_force(index, replace(stricter, code="strict"))
    page = read_public_page(with_settings(index, public_page=SHOWN))
    assert page.figures.persons is None
    assert page.figures.records == 2_004_510
    assert "not shown below 300" in write_public_page(page)


def test_before_the_first_publication_the_page_says_when_it_is(tmp_path):
    with open_test_index(tmp_path) as new:
        figures = read_public_page(with_settings(new, public_page=SHOWN)).figures
        assert (figures.publication, figures.records) == (None, None)
        assert "The first figures will be shown on" in write_page(new, public_page=SHOWN)


def test_page_names_the_office_that_answers_as_text(index):
    page = write_page(index, public_page=SHOWN)
    assert "Office &lt;b&gt;of&lt;/b&gt; Records" in page
    assert "614 555 0100" in page
    assert "caseworker" in write_page(index)


def test_file_needs_no_other_file_and_runs_no_script(index):
    page = write_page(index, public_page=SHOWN)
    assert re.findall(r"<(?:script|link|img|iframe|a|form)\b|url\(|@import|https?://", page) == []
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_file_has_figures_for_who_may_read_them_alone(index):
    assert read_page_to_publish(index, OPERATOR).figures.match_rate.found == 7_980
    with pytest.raises(AccessDenied):
        read_page_to_publish(index, Viewer("nobody", "system_admin", frozenset(), None))


def test_texts_can_be_read_by_an_eighth_grader():
    texts = every_text(load_words().transparency._held)
    sentences = [each for text in texts for each in re.split(r"(?<=[.:])\s", text) if len(each.split()) > 3]
    assert compute_readability_grade(sentences) <= 8


def test_office_needs_a_contact():
    settings = Settings(public_figures=True, public_office=" Records ", public_contact="614 555 0100")
    assert read_public_page_settings(settings) == PublicPageSettings(True, "Records", "614 555 0100")
    for wrong in ({"public_office": "Records"}, {"public_office": "Records", "public_contact": " "}):
        with pytest.raises(InputError, match=r"^MPI_PUBLIC_"):
            read_public_page_settings(Settings(**wrong))
