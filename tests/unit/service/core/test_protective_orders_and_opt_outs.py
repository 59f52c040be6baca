"""A protective order withholds whereabouts, and an opt-out hides a record from searches and research."""

from datetime import UTC, datetime

import pytest

from mpi.domain.clock import fixed_clock
from mpi.domain.viewer import Viewer
from mpi.service.core.confidential_addresses import WITHHELD_FIELDS
from mpi.service.persons.crosswalk_export import export_crosswalk
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.persons.persons import look_up_person
from mpi.service.persons.search import search_persons
from mpi.service.recluster.research_partition import export_research_crosswalk
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.review.record_cards import build_cards
from tests.index import OPERATOR, crosswalk, make_child, open_test_index

NAMES = {"first_name": "Zuleika", "last_name": "Abernathy"}
WHEREABOUTS = {
    "address_line1": "12 Elm St", "phone": "614-555-0137", "email": "z@example.org", "school_id": "S-77",
    "guardian_first_name": "Ottoline", "guardian_last_name": "Abernathy", "household_ids": ["HOME-OF-1"],
    "placements": [{"type": "kinship", "county": "Franklin", "begin": "2025-01-01"}],
}  # fmt: skip
CHILD = make_child("1", **NAMES, **WHEREABOUTS)
SECRETS = ("12 Elm", "614-555-0137", "z@example.org", "S-77", "Ottoline", "HOME-OF-1", "kinship")
QUERY = {"first_name": "Zuleika", "last_name": "Abernathy", "birth_date": CHILD["birth_date"]}
KINDS = ("address_confidential", "protective_order")


def named_for(*sources: str) -> Viewer:
    return Viewer("agency", None, OPERATOR.actions, frozenset(sources))


def restrict(kind: str, **dates: str):
    return {"restrictions": [{"kind": kind, **dates}]}


@pytest.fixture
def index(tmp_path, database_url):
    with open_test_index(tmp_path, "sis", "ccwis", database_url=database_url) as index:
        upsert(index, OPERATOR, "sis", CHILD)
        yield index


def restrict_welfare_record(index, kind: str, **dates: str) -> str:
    """Send the child's record of child welfare with a restriction; return the child's ID."""
    upsert(index, OPERATOR, "ccwis", {**CHILD, **restrict(kind, **dates)})
    [eid] = set(crosswalk(index).values())
    return eid


def is_silent(answer: object) -> bool:
    """Check that an answer tells nothing of where the child is."""
    return not any(secret in repr(answer) for secret in SECRETS)


@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_to_others_tells_where_the_child_is(index, kind):
    eid = restrict_welfare_record(index, kind)
    for source in ("sis", "ccwis"):
        assert is_silent(read(index, OPERATOR, source, "1"))
    assert is_silent(look_up_golden_record(index, OPERATOR, eid))
    assert is_silent(look_up_person(index, OPERATOR, eid))
    with index.database.read(OPERATOR) as unit:
        sources = [unit.sources.get_by_code(code) for code in ("sis", "ccwis")]
        numbers = [unit.records.find_by_local_ids(source.id, ["1"])["1"].id for source in sources]
        cards = build_cards(unit, index, numbers)
    assert len(cards) == 2
    assert is_silent(cards)
    assert is_silent(search_persons(index, OPERATOR, QUERY))


@pytest.mark.parametrize("source", ["sis", "ccwis"])
def test_a_client_named_for_the_source_reads_its_own_record_whole(index, source):
    restrict_welfare_record(index, "protective_order")
    answer = read(index, named_for(source), source, "1")
    assert answer["withheld"] == []
    assert all(secret in repr(answer["record"]) for secret in SECRETS)
    assert ("restrictions" in answer["record"]) == (source == "ccwis")


def test_the_golden_record_shows_school_and_caregivers_to_clients_named_for_the_sources(index):
    eid = restrict_welfare_record(index, "protective_order")
    shown = {value.attribute for value in look_up_golden_record(index, named_for("sis", "ccwis"), eid).values}
    assert {"enrollments", "guardians"} <= shown
    assert not {"addresses", "phone", "email"} & shown


def test_an_answer_does_not_tell_a_protective_order_from_a_confidential_address(tmp_path):
    answers = []
    for kind in KINDS:
        with open_test_index(tmp_path / kind, "ccwis") as index:
            upsert(index, OPERATOR, "ccwis", {**CHILD, **restrict(kind), "as_of": "2026-03-01T00:00:00Z"})
            answers.append(read(index, OPERATOR, "ccwis", "1") | {"enterprise_id": None})
    assert answers[0] == answers[1]
    assert set(answers[0]["withheld"]) == WITHHELD_FIELDS


def test_an_answer_does_not_tell_whether_a_withheld_field_has_a_value(index):
    order = restrict("protective_order")
    faulty = {"phone": "12", "email": "none", "postal_code": "4"}
    upsert(index, OPERATOR, "ccwis", {**make_child("2", first_name="Femi", last_name="Oduya"), **order})
    sent = make_child("3", first_name="Femi", last_name="Oduya", **{**WHEREABOUTS, **faulty})
    upsert(index, OPERATOR, "ccwis", {**sent, **order})
    assert read(index, named_for("ccwis"), "ccwis", "3")["issues"]
    with_nothing, with_all = (read(index, OPERATOR, "ccwis", local_id) for local_id in ("2", "3"))
    for answer in (with_nothing, with_all):
        answer["record"].pop("as_of")
        answer["record"].pop("local_id")
        answer.pop("local_id")
    assert with_nothing == with_all


def test_restrictions_are_shown_to_clients_named_for_the_source_alone(index):
    for kind in ("protective_order", "opt_out"):
        upsert(index, OPERATOR, "sis", {**CHILD, **restrict(kind, reference="23-JV-1")})
        assert "23-JV-1" in repr(read(index, named_for("sis"), "sis", "1"))
        assert "restrictions" not in read(index, OPERATOR, "sis", "1")["record"]


@pytest.mark.parametrize("end", ["2027-03-01", "3/1/2027"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_restriction_holds_until_its_end_comes_by_the_clock_alone(index, kind, end):
    restrict_welfare_record(index, kind, begin="12/24/2026", end=end)
    for moment, is_withheld in (("2026-12-01", True), ("2027-02-28", True), ("2027-03-01", False)):
        with fixed_clock(datetime.fromisoformat(f"{moment}T12:00:00+00:00")):
            assert bool(read(index, OPERATOR, "sis", "1")["withheld"]) == is_withheld, moment


def test_a_protective_order_without_a_readable_end_never_ends(index):
    restrict_welfare_record(index, "protective_order", end="when the court says")
    with fixed_clock(datetime(2099, 1, 1, tzinfo=UTC)):
        assert read(index, OPERATOR, "sis", "1")["withheld"]


def found(index, viewer=OPERATOR) -> bool:
    return bool(search_persons(index, viewer, QUERY))


def test_a_record_that_is_opted_out_is_found_by_its_own_source_alone(index):
    assert found(index)
    upsert(index, OPERATOR, "sis", {**CHILD, **restrict("opt_out")})
    assert not found(index)
    assert found(index, named_for("sis"))
    assert not found(index, named_for("ccwis"))


def test_a_search_equals_that_of_an_index_without_the_record_that_is_opted_out(index):
    other = make_child("2", first_name="Zuleika", last_name="Abernathy", birth_date="2014-03-08")
    upsert(index, OPERATOR, "ccwis", other)
    expected = [
        result for result in search_persons(index, OPERATOR, QUERY)
        if result.enterprise_id == crosswalk(index)["ccwis", "2"]
    ]  # fmt: skip
    if len(set(crosswalk(index).values())) == 1:
        pytest.fail("the two children should be two persons")
    upsert(index, OPERATOR, "sis", {**CHILD, **restrict("opt_out")})
    assert search_persons(index, OPERATOR, QUERY) == expected


def test_an_opt_out_changes_no_link_and_no_operational_export(index):
    upsert(index, OPERATOR, "ccwis", CHILD)
    before = crosswalk(index)
    assert len(set(before.values())) == 1
    upsert(index, OPERATOR, "sis", {**CHILD, **restrict("opt_out")})
    assert crosswalk(index) == before
    assert {(row.source, row.local_id) for row in export_crosswalk(index, OPERATOR)} == before.keys()
    # The child is still found by the other agency's record.
    assert found(index)


def test_a_statistical_export_leaves_out_what_is_opted_out_that_day(index):
    upsert(index, OPERATOR, "ccwis", CHILD)
    upsert(index, OPERATOR, "sis", {**CHILD, **restrict("opt_out", begin="2027-01-01", end="2027-06-01")})
    days = {"2026-12-31": True, "2027-01-01": False, "2027-05-31": False, "2027-06-01": True}
    for day, is_exported in days.items():
        with fixed_clock(datetime.fromisoformat(f"{day}T12:00:00+00:00")):
            rows = export_research_crosswalk(index, OPERATOR)
            exported = {(row.source, row.local_id) for row in rows}
            assert (("sis", "1") in exported, ("ccwis", "1") in exported) == (is_exported, True), day
            assert found(index)


def test_an_opt_out_that_a_later_record_leaves_out_stays_in_force(index):
    upsert(index, OPERATOR, "sis", {**CHILD, **restrict("opt_out")})
    upsert(index, OPERATOR, "sis", {**CHILD, "middle_name": "Jo"})
    assert not found(index)
    assert ("sis", "1") not in {
        (row.source, row.local_id) for row in export_research_crosswalk(index, OPERATOR)
    }
