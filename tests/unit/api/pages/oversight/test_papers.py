"""The papers are for who reads agreements; what the public is told needs no sign-in and names nobody."""

import re

import httpx
import pytest

from mpi.api.app import create_app
from mpi.api.pages.rendering.page_texts import load_words
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Action
from mpi.service.agreements.counsel_questions import QUESTIONS
from tests.agreements import AGENCY, SCHOOL
from tests.index import open_test_index
from tests.unit.api.live import serving
from tests.unit.service.agreements.test_papers import dsa, put_in_force


@pytest.fixture(scope="module")
def urls(tmp_path_factory):
    """Addresses of the pages with and without sign-in, of an index with an agreement in force."""
    with open_test_index(tmp_path_factory.mktemp("papers"), "sis", "ccwis") as index:
        put_in_force(index, dsa())
        with serving(create_app(index)) as url, serving(create_app(index, open_pages=True)) as open_url:
            yield url, open_url


def read(url, path, role=None):
    cookies = {} if role is None else {"mpi-acting-as": str(role)}
    return httpx.get(url + path, cookies=cookies, headers={"Accept": "text/html"}, timeout=60)


def test_counsel_reads_each_question_with_an_answer_and_each_law_with_its_mark(urls):
    page = read(urls[1], "/papers", Role.PRIVACY_OFFICER)
    assert page.status_code == 200
    words = load_words().papers
    for code in QUESTIONS:
        assert re.search(rf"<dt>{re.escape(words.ask[code])}</dt><dd>.{{4,}}</dd>", unescape(page.text)), code
    assert "{" not in re.sub(r"<script.*?</script>", "", page.text, flags=re.DOTALL)
    assert SCHOOL.name in page.text
    assert AGENCY.name in page.text
    assert re.search(r'<abbr title="[^"]+">\[(R|F|V|BK|K|INF|\?)\]</abbr>', page.text)


def test_answers_are_sentences_without_codes(urls):
    page = unescape(read(urls[1], "/papers", Role.PRIVACY_OFFICER).text)
    answers = dict(re.findall(r"<dt>(.+?)</dt><dd>(.+?)</dd>", page))
    asked = load_words().papers.ask
    assert all(
        answer[0].isupper() or answer[0].isdigit() for answer in map(answers.get, map(asked.of, QUESTIONS))
    )
    assert "_" not in answers[asked.purposes] + answers[asked.conditions] + answers[asked.never_shown]
    assert answers[asked.emergency] == "None."
    assert answers[asked.second_approver].startswith("No step waits")


@pytest.mark.parametrize("role", Role)
def test_only_who_reads_agreements_opens_the_papers(urls, role):
    is_permitted = Action.AGREEMENT_READ in ACTIONS_BY_ROLE[role]
    assert read(urls[1], "/papers", role).status_code == (200 if is_permitted else 403)


def test_the_public_page_needs_no_sign_in_and_names_no_party(urls):
    page = read(urls[0], "/transparency")
    assert page.status_code == 200
    assert load_words().transparency.never in page.text
    for name in (SCHOOL.name, AGENCY.name, "dsa-1", dsa().title, "Office of Data"):
        assert name not in page.text
    assert "Keep a child in the same school" in page.text


def test_the_public_page_names_each_field_once_and_as_people_do(urls):
    page = unescape(read(urls[0], "/transparency").text)
    lists = [names.split(", ") for names in re.findall(r"<dt>An answer may hold</dt><dd>([^<]*)</dd>", page)]
    assert lists
    for names in lists:
        assert len(set(names)) == len(names)
        assert not any("_" in name or "guardian" in name.lower() for name in names)


def unescape(text):
    from html import unescape as plain

    return plain(text)
