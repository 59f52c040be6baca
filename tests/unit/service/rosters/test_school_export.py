"""What goes back to child welfare: the nightly file of schools, and a child's case plan."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from mpi.domain import clock
from mpi.domain.children.items import ItemKind
from mpi.domain.errors import AccessDenied, InputError, NotFoundError
from mpi.domain.viewer import Action
from mpi.service.access.clients import add_client
from mpi.service.agreements.register import approve_version, propose_version
from mpi.service.records.upsert import upsert
from mpi.service.rosters.case_plan import read_case_plan
from mpi.service.rosters.item_file import read_item_file
from mpi.service.rosters.item_intake import store_items
from mpi.service.rosters.school_export import SchoolRequest, classify_grade, export_schools
from mpi.service.statements.sources import NewSource, add_source
from tests.index import OPERATOR, make_child, open_test_index
from tests.rosters import (
    MARISOL,
    add_sources,
    assign,
    caseworker,
    contact,
    days_ago,
    make_terms,
    put_child,
    put_student,
)

ODALYS = {**MARISOL, "first_name": "Odalys", "last_name": "Trueblood", "birth_date": "2011-02-03"}
ZADIE = {**MARISOL, "first_name": "Zadie", "last_name": "Farrow", "birth_date": "2012-05-06"}
WREN = {**MARISOL, "first_name": "Wren", "last_name": "Ashgrove", "birth_date": "2010-09-10"}
SABLE = {**MARISOL, "first_name": "Sable", "last_name": "Kestrel", "birth_date": "2009-11-12"}
BABY = {**MARISOL, "first_name": "Ingmar", "last_name": "Solo", "birth_date": days_ago(400)}
RIGHTS = ("school.export", "caseload.read", "person.read", "record.read")


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Marisol is found in D01, and Zadie goes to a district without an agreement.

    Ingmar and Odalys have no school; Wren left one, and of Sable the state-ID registry alone knows.
    """
    with clock.fixed_clock(clock.now() - timedelta(60)):
        opened = open_test_index(tmp_path_factory.mktemp("schools"))
        new_index = opened.__enter__()
    add_sources(new_index)
    put_student(new_index)
    put_student(new_index, "x1", "D02", child=ZADIE)
    put_student(new_index, "s5", child=WREN, exit_date=days_ago(2))
    add_source(new_index, OPERATOR, NewSource("SSID", kind="state_id"))
    upsert(new_index, OPERATOR, "SSID", make_child("9", **SABLE))
    children = (MARISOL, ODALYS, BABY, ZADIE, WREN, SABLE)
    for local_id, child in zip(("c1", "c2", "c3", "c4", "c5", "c6"), children, strict=True):
        put_child(new_index, local_id, child=child)
    assign(new_index, "c1", "c2")
    (new_index.home / "schools.csv").write_text(
        "district_id,district,school_id,name,registrar,phone,email\n"
        ",,1042,Jefferson Elementary,Rae Osei,614-555-0100,\n"
    )
    row = f"local_id,as_of,best_interest_decision,best_interest_date\nc1,{days_ago(3)},stay,{days_ago(4)}\n"
    store_items(new_index, OPERATOR, "CCWIS", read_item_file(row))
    terms = make_terms()
    agency, district = terms.parties
    district = replace(district, sources=district.sources | {"SSID"})
    terms = replace(terms, parties=(agency, district), is_approved=False)
    propose_version(new_index, OPERATOR, terms)
    approve_version(new_index, OPERATOR, "dsa-1", alone=True)
    for name, rights in (("nightly", RIGHTS), ("reader", RIGHTS[1:])):
        add_client(new_index, OPERATOR, name, rights, ["CCWIS", "D01", "SSID"], "dsa-1", "agency")
    yield new_index
    opened.__exit__(None, None, None)


def rows_of(index, client="nightly", **changes):
    request = SchoolRequest(client, "CCWIS", **changes)
    return {row.local_id: row for row in export_schools(index, OPERATOR, request)}


def test_enrollment_dates_with_slashes_are_read(index):
    month_day_year = date.fromisoformat(days_ago(90)).strftime("%m/%d/%Y")
    put_student(index, entry_date=month_day_year)
    found = rows_of(index)["c1"]
    put_student(index)
    assert (found.school_id, found.entry_date, found.afcars_e35_school_enrollment) == (
        "1042", days_ago(90), "3",
    )  # fmt: skip


def test_the_file_has_the_agencys_own_ids_with_school_and_afcars_values(index):
    rows = rows_of(index)
    found = rows["c1"]
    assert (found.school_id, found.school, found.grade, found.entry_date) == (
        "1042", "Jefferson Elementary", "07", days_ago(90),
    )  # fmt: skip
    assert (found.afcars_e35_school_enrollment, found.afcars_e36_educational_level) == ("3", "6")
    assert rows_of(index, last_elementary_grade=8)["c1"].afcars_e35_school_enrollment == "2"
    missing = {name: (row.reason, row.afcars_e35_school_enrollment) for name, row in rows.items()}
    assert missing["c2"] == ("no-candidate", "")
    assert missing["c3"] == ("not-of-school-age", "1")
    assert missing["c5"] == ("found-not-enrolled", "0")
    assert missing["c6"] == ("no-candidate", ""), "the state-ID registry does not say who is enrolled"
    assert missing["c4"] == ("no-candidate", ""), "of a district without an agreement nothing is told"


def test_the_file_is_on_the_ledger_under_the_clients_name(index):
    rows_of(index)
    with index.database.ledger.read(OPERATOR) as ledger:
        lines = ledger.disclosures.lines_of_client("nightly", [Action.SCHOOL_EXPORT], "2000-01-01")
    assert lines
    assert {"local_id", "enrollments"} <= set(lines[-1].fields)
    assert lines[-1].record_ids


@pytest.mark.parametrize(("changes", "error"), [
    ({"client": "reader"}, AccessDenied), ({"client": "nobody"}, NotFoundError),
    ({"purpose": "program_evaluation"}, AccessDenied), ({"last_elementary_grade": 12}, InputError),
])  # fmt: skip
def test_no_file_is_made_without_the_right_client_purpose_and_grade(index, changes, error):
    with pytest.raises(error):
        rows_of(index, **changes)


def test_only_the_source_of_the_clients_own_agency_has_such_a_file(index):
    with pytest.raises((AccessDenied, InputError)):
        export_schools(index, OPERATOR, SchoolRequest("nightly", "D01"))
    with pytest.raises(AccessDenied):
        export_schools(index, caseworker(), SchoolRequest("nightly", "CCWIS"))


@pytest.mark.parametrize(("grade", "values"), [
    ("PK", ("1", "16")), ("KG", ("2", "")), ("1", ("2", "0")), ("06", ("2", "5")), ("12", ("3", "11")),
    ("13", ("", "")), ("ungraded", ("", "")), (None, ("", "")),
])  # fmt: skip
def test_the_level_completed_is_the_grade_before(grade, values):
    assert classify_grade(grade, 6) == values


def test_a_case_plan_says_of_each_item_who_states_it_since_when_or_that_it_is_not_known(index):
    eid = eid_of_child(index)
    plan = read_case_plan(index, caseworker(), eid)
    items = {(item.section, item.code): item for item in plan.items}
    school = items["C", "school"]
    assert dict(school.values) == {
        "school": "Jefferson Elementary (1042)", "office": "Rae Osei", "phone": "614-555-0100",
    }  # fmt: skip
    assert (school.source, school.as_of) == ("D01", clock.today())
    decision = items["G", ItemKind.BEST_INTEREST]
    assert (dict(decision.values)["best_interest_decision"], decision.as_of) == ("stay", days_ago(3))
    for code in ("immunizations", "medications", "grade-level-performance"):
        assert (items["C", code].values, items["C", code].source) == ((), None)


def eid_of_child(index):
    """Return the enterprise ID of the child with a school."""
    with index.database.read(OPERATOR) as unit:
        source = unit.sources.get_by_code("CCWIS")
        record = unit.records.find_by_local_ids(source.id, {"c1"})["c1"].id
        person = unit.persons.current_persons([record])[record]
        return unit.persons.by_ids({person})[person].eid


def test_a_case_plan_is_for_the_childs_own_caseworker(index):
    eid = eid_of_child(index)
    with pytest.raises(AccessDenied):
        read_case_plan(index, contact(), eid)
    for unknown in ("T7K3-M92Q-X0HN", "nonsense", ""):
        with pytest.raises(NotFoundError):
            read_case_plan(index, caseworker(), unknown)
    assign(index, "c2")
    try:
        with pytest.raises(NotFoundError):
            read_case_plan(index, caseworker(), eid)
    finally:
        assign(index, "c1", "c2")
