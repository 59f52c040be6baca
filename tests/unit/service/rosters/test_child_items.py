"""Items of children in care: who may see them, what is missing, and by when it is due."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mpi.domain import clock
from mpi.domain.children.items import ItemKind, ItemOwner
from mpi.domain.errors import AccessDenied, InputError
from mpi.domain.viewer import Action
from mpi.policy.agreement import Clock
from mpi.service.agreements.register import approve_version, propose_version
from mpi.service.responsibilities.declarations import FILE_NAME, ObligationKind
from mpi.service.responsibilities.obligations import read_obligations
from mpi.service.rosters.children import read_children
from mpi.service.rosters.item_file import read_item_file
from mpi.service.rosters.item_intake import store_items
from mpi.service.rosters.students import read_students
from mpi.storage.tables import ChildItemRow, table_of
from tests.index import OPERATOR, expunge, make_child, open_test_index
from tests.rosters import (
    MARISOL,
    TO_DISTRICT,
    add_sources,
    assign,
    caseworker,
    contact,
    days_ago,
    make_terms,
    put_child,
    put_student,
)

CLOCKS = (Clock("best_interest_decision", 10), Clock("records_requested", 2), Clock("transport", 5))
ODALYS = {**MARISOL, "first_name": "Odalys", "last_name": "Trueblood", "birth_date": "2011-02-03"}
ZADIE = {**MARISOL, "first_name": "Zadie", "last_name": "Farrow", "birth_date": "2012-05-06"}


def terms(*more, **changes):
    """Return terms with clocks of items, and more fields to the district."""
    return replace(make_terms(to_district=TO_DISTRICT | set(more), **changes), clocks=CLOCKS)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Marisol stays in her school, Odalys has moved, and Zadie has come into care twice."""
    with clock.fixed_clock(clock.now() - timedelta(60)):
        opened = open_test_index(tmp_path_factory.mktemp("items"))
        new_index = opened.__enter__()
    add_sources(new_index)
    put_student(new_index)
    put_child(new_index)
    put_student(new_index, "s2", child=ODALYS, entry_date=days_ago(4))
    put_child(new_index, "c2", child=ODALYS)
    put_student(new_index, "s3", child=ZADIE)
    put_child(new_index, "c3", child=ZADIE, since=days_ago(6))
    assign(new_index, "c1", "c2", "c3")
    store(
        new_index,
        f"local_id,as_of,best_interest_decision,best_interest_date,contact_restriction,"
        f"education_decision_maker,decision_maker_role\n"
        f"c1,{days_ago(20)},stay,{days_ago(21)},YES,Sam Surrogate,surrogate\n"
        f"c3,{days_ago(40)},change,{days_ago(41)},no,Pa Farrow,parent\n",
    )
    yield new_index
    opened.__exit__(None, None, None)


def store(index, text, source="CCWIS"):
    return store_items(index, OPERATOR, source, read_item_file(text))


def items_of(index, local_id, viewer=None):
    """Return the items of a child on the caseworker's list, by kind."""
    roster = read_children(index, viewer or caseworker(terms()))
    [child] = [one for one in roster.children if one.record.local_id == local_id]
    return {item.kind: item for item in child.items}


def student_items(index, local_id, agreement):
    roster = read_students(index, contact(agreement))
    [student] = [one for one in roster.students if one.record.local_id == local_id]
    return {item.kind: item for item in student.items}


def test_a_stated_item_has_its_source_and_day_and_a_missing_one_an_owner_and_a_due_day(index):
    items = items_of(index, "c1")
    decision = items[ItemKind.BEST_INTEREST]
    assert decision.value == {"best_interest_decision": "stay", "best_interest_date": days_ago(21)}
    assert (decision.as_of, decision.stated_by, decision.is_missing) == (days_ago(20), "CCWIS", False)
    assert items[ItemKind.CONTACT_RESTRICTION].value == {"contact_restriction": "yes"}
    origin = items[ItemKind.SCHOOL_OF_ORIGIN]
    assert (origin.is_missing, origin.owner, origin.party) == (True, ItemOwner.CASEWORKER, "CCWIS")
    assert (origin.due, origin.is_late) == (None, False), "the agreement has no clock for it"
    ride = items[ItemKind.TRANSPORT]
    assert (ride.owner, ride.party, ride.due) == (ItemOwner.POINT_OF_CONTACT, "D01", days_ago(16))
    assert ride.is_late
    assert ItemKind.RECORDS_REQUESTED not in items, "the child has not changed school"


def test_a_child_who_changed_school_needs_records_and_no_ride(index):
    items = items_of(index, "c2")
    asked = items[ItemKind.RECORDS_REQUESTED]
    assert (asked.owner, asked.party, asked.due) == (ItemOwner.REGISTRAR, "D01", days_ago(2))
    assert items[ItemKind.RECORDS_RECEIVED].due is None
    assert items[ItemKind.BEST_INTEREST].days_left == -20
    assert ItemKind.TRANSPORT not in items


def test_what_was_stated_before_the_present_stay_does_not_count(index):
    items = items_of(index, "c3")
    assert items[ItemKind.BEST_INTEREST].is_missing
    assert items[ItemKind.BEST_INTEREST].days_left == 4
    assert items[ItemKind.DECISION_MAKER].is_missing


def test_a_district_sees_the_items_that_the_agreement_names_and_no_other(index):
    assert student_items(index, "s1", make_terms()).keys() == set()
    named = student_items(index, "s1", terms("best_interest_decision", "contact_restriction"))
    assert named.keys() == {ItemKind.BEST_INTEREST, ItemKind.CONTACT_RESTRICTION}
    own = student_items(index, "s2", terms())
    assert own.keys() == {ItemKind.RECORDS_REQUESTED, ItemKind.RECORDS_RECEIVED}


def test_what_is_told_is_on_the_ledger(index):
    read_students(index, contact(terms("contact_restriction")))
    with index.database.ledger.read(OPERATOR) as ledger:
        lines = ledger.disclosures.lines_of_client("pat", [Action.ROSTER_READ], "2000-01-01")
    last = max(lines, key=lambda line: line.at)
    assert {"contact_restriction", "records_requested"} <= set(last.fields)
    assert "education_decision_maker" not in last.fields


def test_a_file_sent_twice_late_or_by_a_school_changes_what_it_may(index):
    assert store(index, f"local_id,as_of,records_requested\ns2,{days_ago(1)},{days_ago(2)}\n", "D01").changed
    asked = items_of(index, "c2")[ItemKind.RECORDS_REQUESTED]
    assert (asked.value, asked.stated_by) == ({"records_requested": days_ago(2)}, "D01")
    head = "local_id,as_of,school_of_origin\n"
    first = store(index, f"{head}c1,{days_ago(9)},1042\nc99,,1042\n")
    assert (first.rows, first.changed, first.unknown, first.unknown_lines) == (2, 1, 1, (3,))
    again = store(index, f"{head}c1,{days_ago(9)},1042\n")
    assert (again.changed, again.unchanged) == (0, 1)
    assert store(index, f"{head}c1,{days_ago(8)},1042\n").unchanged == 1
    assert items_of(index, "c1")[ItemKind.SCHOOL_OF_ORIGIN].as_of == days_ago(8)
    late = store(index, f"{head}c1,{days_ago(12)},9999\n")
    assert (late.changed, late.older) == (0, 1)
    assert store(index, f"{head}c1,{days_ago(5)},\n").changed == 1
    assert store(index, f"{head}c1,{days_ago(6)},9999\n").older == 1, "an older file does not bring it back"
    assert items_of(index, "c1")[ItemKind.SCHOOL_OF_ORIGIN].is_missing


@pytest.mark.parametrize(("text", "fault"), [
    ("", "line 1"),
    ("local_id\nc1\n", "names no item"),
    ("local_id,boat\nc1,1\n", "not known"),
    ("local_id,transport_begins\nc1,2026-01-01\n", "lacks the column transport_owner"),
    ("local_id,contact_restriction\n,yes\n", "line 2 of the items, local_id"),
    ("local_id,contact_restriction\nc1,he drinks\n", "items, contact_restriction: give no, yes"),
    ("local_id,records_received\nc1,2999-01-01\n", "the day has not come"),
    ("local_id,records_received,as_of\nc1,2026-01-01,2999-01-01\n", "as_of: the day has not come"),
    ("local_id,records_received\nc1,1/2/2026\n", "give a date"),
    ("local_id,education_decision_maker\nc1,Sam\n", "decision_maker_role: a value is required"),
    ("local_id,transport_owner,transport_begins\nc1,,2026-01-01\n", "transport_owner: a value is required"),
    ("local_id,transport_owner\nc1,a\tb\n", "characters that can be seen"),
    ("local_id,transport_owner\nc1,a\nc2,b\nc1,b\n", "line 4 of the items names the child of line 2"),
    ("local_id,transport_owner\nc1,a,b\n", "more cells"),
    ('local_id,transport_owner\nc1,"a\n', "line"),
])  # fmt: skip
def test_a_fault_of_the_file_names_line_and_column_and_nothing_of_a_child(text, fault):
    with pytest.raises(InputError, match=fault) as caught:
        read_item_file(text)
    assert "drinks" not in str(caught.value)


def test_who_may_not_load_the_source_states_nothing(index):
    with pytest.raises(AccessDenied):
        store_items(index, caseworker(), "CCWIS", [])


def test_missing_items_stand_among_what_is_owed_by_office_and_week(index):
    late_days = terms()
    propose_version(index, OPERATOR, replace(late_days, is_approved=False))
    approve_version(index, OPERATOR, "dsa-1", alone=True)
    (index.home / FILE_NAME).write_text(
        "kind,of,owner,escalates_to,days\nitem,CCWIS,Placement unit,Director,14\n"
    )
    owed = {
        (each.subject, each.what): each
        for each in read_obligations(index, OPERATOR).obligations
        if each.kind is ObligationKind.ITEM
    }
    decision = owed["CCWIS", "best_interest_decision"]
    assert (decision.owner, decision.escalates_to, decision.detail) == ("agency", "Director", "caseworker")
    due = clock.now().date() - timedelta(20)
    assert decision.due == (due + timedelta(6 - due.weekday())).isoformat(), "the last day of its week"
    assert owed["CCWIS", "education_decision_maker"].owner == "Placement unit"
    assert owed["D01", "transport"].owner == "district"
    assert ("D01", "records_received") not in owed, "no clock runs for it"


def test_an_expunge_destroys_the_items_of_the_child(index):
    child = {**MARISOL, "first_name": "Ingmar"}
    put_child(index, "c8", child=child)
    store(index, "local_id,transport_owner\nc8,Van of North\n")
    with index.database.read(OPERATOR) as unit:
        count = unit.connection.execute(table_of(ChildItemRow).select()).all()
    expunge(index, "CCWIS", make_child("c8", **child))
    with index.database.read(OPERATOR) as unit:
        assert len(unit.connection.execute(table_of(ChildItemRow).select()).all()) == len(count) - 1
