"""Test that no search, explanation or page tells a guessed contact detail from the true one."""

import re
from contextlib import contextmanager

import pytest

from mpi.api.app import create_app
from mpi.bootstrap import init_index
from mpi.config import Settings
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Viewer
from mpi.service.explanations.pair_explanation import CONTACTS_WITHHELD, explain_pair
from mpi.service.explanations.person_explanation import explain_person
from mpi.service.explanations.person_links import list_links
from mpi.service.persons.search import search_persons
from mpi.service.records.upsert import upsert
from mpi.service.statements.sources import NewSource, add_source
from tests.index import OPERATOR, crosswalk
from tests.unit.api.live import add_key, calling

NAME = {"first_name": "Zuleika", "last_name": "Abernathy", "birth_date": "2013-05-17"}
CHILD = {**NAME, "sex": "F", "ssn": "412-55-9182"}
TRUE_PHONE = "614-555-0137"
CONTACTS = {
    "address_line1": "12 Elm St", "city": "Dayton", "state": "OH", "postal_code": "45402",
    "phone": TRUE_PHONE, "email": "abernathy@example.org",
}  # fmt: skip
CONFIDENTIAL = {"restrictions": [{"kind": "address_confidential"}]}
GUESSES = [f"614-555-{number:04}" for number in range(100, 300)]
"""Guesses of the telephone number, one of them true."""
COUSINS_NAME = {"first_name": "Zulema", "last_name": "Abernathy", "birth_date": "2011-02-03"}
COUSINS_PHONE = "614-555-0900"
TYPED_RECORDS = [
    NAME,
    {**NAME, "phone": TRUE_PHONE},
    {**NAME, "phone": "614-555-0199"},
    {**NAME, **CONTACTS},
    {"first_name": "Zuleika", "phone": TRUE_PHONE},
    {"first_name": "Zuleika", "address_line1": "12 Elm St", "postal_code": "45402"},
    {"first_name": "Zuleika", "last_name": "Abernathy", "postal_code": "45402"},
    {"email": CONTACTS["email"]},
    # Only the telephone makes a candidate of the child, whose names alone would be enough for a match.
    {"first_name": "Zuleika", "last_name": "Abernethy", "phone": TRUE_PHONE},
]
PAGE_HEADERS = {"Sec-Fetch-Site": "same-origin"}


def named_viewer(source: str) -> Viewer:
    """Return a viewer who is named for one source."""
    return Viewer(f"agency of {source}", None, OPERATOR.actions, frozenset({source}))


@contextmanager
def open_shipped_index(folder, database_url, contacts):
    """Open an index of the shipped model with a child, whose home child welfare keeps confidential.

    A cousin of a similar name has the same home, which is no secret of the cousin's.
    """
    settings = Settings(
        home=folder, model=None, database_url=database_url, secret_file=None, searches_per_minute=1_000_000,
        searches_per_child=1_000_000,
    )  # fmt: skip
    index, _ = init_index(settings, is_test=True)
    try:
        for code in ("sis", "ccwis"):
            add_source(index, OPERATOR, NewSource(code))
        upsert(index, OPERATOR, "ccwis", {**CHILD, **contacts, **CONFIDENTIAL, "local_id": "1"})
        upsert(index, OPERATOR, "sis", {**CHILD, **contacts, "local_id": "1"})
        cousin = {**CONTACTS, **COUSINS_NAME, "sex": "F", "ssn": "417-55-2034", "phone": COUSINS_PHONE}
        upsert(index, OPERATOR, "sis", {**cousin, "local_id": "2"})
        assert len(set(crosswalk(index).values())) == 2
        yield index
    finally:
        index.database.dispose()


@pytest.fixture
def index(tmp_path, database_url):
    with open_shipped_index(tmp_path / "home", database_url, CONTACTS) as index:
        yield index


def name_results(index, results):
    """Return search results with a record of each person instead of its random ID."""
    record_by_eid = {eid: record for record, eid in sorted(crosswalk(index).items(), reverse=True)}
    return [
        (record_by_eid[result.enterprise_id], result.match_weight, result.band, result.explanation)
        for result in results
    ]


def send_probe(index, phone: str) -> None:
    """Send the child's name and a guessed telephone as a record of another source."""
    upsert(index, OPERATOR, "sis", {**CHILD, "local_id": "probe", "phone": phone})


def test_searches_equal_those_of_an_index_without_the_confidential_values(index, tmp_path):
    with open_shipped_index(tmp_path / "without", None, {}) as index_without:
        for typed in TYPED_RECORDS:
            expected = name_results(index_without, search_persons(index_without, OPERATOR, typed))
            assert name_results(index, search_persons(index, OPERATOR, typed)) == expected, typed


def test_no_guess_of_the_telephone_changes_a_search(index):
    answers = {repr(search_persons(index, OPERATOR, {**NAME, "phone": guess})) for guess in GUESSES}
    assert len(answers) == 1
    assert TRUE_PHONE in GUESSES


@pytest.mark.parametrize("source", ["ccwis", "sis"])
def test_a_viewer_named_for_a_source_searches_by_its_telephones(index, source):
    viewer = named_viewer(source)
    true_answer, false_answer = (
        search_persons(index, viewer, {**NAME, "phone": phone}) for phone in (TRUE_PHONE, GUESSES[0])
    )
    assert true_answer[0].match_weight > false_answer[0].match_weight
    [found, *_] = search_persons(index, viewer, TYPED_RECORDS[-1])
    assert found.enterprise_id == crosswalk(index)[source, "1"]


def test_a_telephone_that_is_no_secret_is_compared_for_everybody(index):
    true_answer, false_answer = (
        search_persons(index, OPERATOR, {**COUSINS_NAME, "phone": phone})
        for phone in (COUSINS_PHONE, GUESSES[0])
    )
    assert true_answer[0].enterprise_id == crosswalk(index)["sis", "2"]
    assert true_answer[0].match_weight > false_answer[0].match_weight


def test_no_guess_of_the_telephone_changes_a_byte_of_the_search_or_its_page(index):
    key = add_key(index, "state")
    with (
        calling(create_app(index), key) as call,
        calling(create_app(index, open_pages=True), None) as people,
    ):
        people.cookies.set("mpi-acting-as", "steward")
        token = re.search(r'name="csrf" value="(\w+)"', people.get("/find").text)[1]
        answers, pages = set(), set()
        for guess in GUESSES:
            answer = call.post("/v1/persons:search", json={**NAME, "phone": guess})
            page = people.post("/find", data={"csrf": token, **NAME, "phone": guess}, headers=PAGE_HEADERS)
            assert (answer.status_code, page.status_code) == (200, 200)
            answers.add(answer.content)
            # The form repeats what was typed.
            pages.add(page.text.replace(guess, ""))
    assert (len(answers), len(pages)) == (1, 1)
    assert crosswalk(index)["ccwis", "1"].encode() in answers.pop()


def test_no_guess_that_is_sent_as_a_record_changes_an_explanation(index):
    with calling(create_app(index), add_key(index, "state")) as call:
        labels = [{"source": "sis", "local_id": "probe"}, {"source": "ccwis", "local_id": "1"}]
        eid = crosswalk(index)["ccwis", "1"]
        answers = set()
        for guess in GUESSES:
            send_probe(index, guess)
            pair = call.post("/v1/explanations", json={"left": labels[0], "right": labels[1]})
            person = call.get(f"/v1/persons/{eid}/explanation")
            assert {pair.status_code, person.status_code} == {200}
            answers.add((pair.content, person.content, repr(list_links(index, OPERATOR, eid))))
    assert len(answers) == 1
    assert CONTACTS_WITHHELD.encode() in answers.pop()[0]


def test_explanations_of_confidential_records_compare_no_contact_details(index):
    send_probe(index, TRUE_PHONE)
    probe, child = RecordRef("sis", "probe"), RecordRef("ccwis", "1")
    explanation = explain_pair(index, OPERATOR, probe, child)
    assert {part.comparison: part.level for part in explanation.parts}["residence"] == "missing"
    assert "phone-given" not in explanation.found_by
    assert CONTACTS_WITHHELD in explanation.standing
    school_view = explain_pair(index, named_viewer("sis"), probe, RecordRef("sis", "1"))
    operator_view = explain_pair(index, OPERATOR, probe, RecordRef("sis", "1"))
    assert "phone-given" in school_view.found_by
    assert CONTACTS_WITHHELD not in school_view.standing
    assert school_view.match_weight > operator_view.match_weight
    eid = crosswalk(index)["ccwis", "1"]
    [line] = explain_person(index, named_viewer("sis"), eid).lines
    assert line.match_weight == school_view.match_weight
    weights = {
        frozenset((link.left, link.right)): link.match_weight for link in list_links(index, OPERATOR, eid)
    }
    assert weights[frozenset((probe, RecordRef("sis", "1")))] == operator_view.match_weight
