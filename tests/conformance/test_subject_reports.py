"""Requests to inspect a record on both stores: who may be told what, and what no report tells."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, ConflictError, InputError, MpiError, NotFoundError, StaleError
from mpi.domain.source import SourceKind
from mpi.domain.viewer import Action, Viewer, make_operator
from mpi.policy.agreement import Clock
from mpi.policy.cases.subject_rights import (
    CaseKind,
    Check,
    Identification,
    Inspection,
    RefusalReason,
    Relation,
    RightsState,
)
from mpi.service.access.clients import add_client
from mpi.service.agreements.register import approve_version, propose_version
from mpi.service.maintenance.verify import verify
from mpi.service.persons.persons import look_up_crosswalk, look_up_person
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.rights.cases import list_cases, show_case, to_plain_values
from mpi.service.rights.requests import RightsRequest, open_case, refuse_case
from mpi.service.rights.source_rules import list_rules, make_rule_version, set_rule
from mpi.service.rights.subject_report import RELEASE, release_report
from mpi.service.rosters.item_file import read_item_file
from mpi.service.rosters.item_intake import store_items
from mpi.service.statements.sources import NewSource, add_source
from tests.agreements import make_dsa
from tests.index import OPERATOR, SECOND_PERSON, expunge, make_child

TODAY = date(2026, 11, 29)
CLERK = Viewer("clerk", None, frozenset({Action.RIGHTS_MANAGE}), frozenset({"sis"}))
OFFICER = Viewer("officer", None, frozenset({Action.RIGHTS_DECIDE}), frozenset({"sis"}))
AGENCY = Viewer("agency", None, frozenset({Action.RIGHTS_MANAGE, Action.RIGHTS_DECIDE}), frozenset({"ccwis"}))
ALL_CHECKS = (Check.IDENTITY, Check.RIGHTS, Check.PROTECTION)
REQUEST = RightsRequest(
    kind=CaseKind.INSPECT,
    source="sis",
    local_id="1",
    relation=Relation.PARENT,
    identification=Identification.PHOTO_ID,
    identified_by="R. Registrar",
    reference="SR-2026-17",
    received=date(2026, 11, 20),
    owner="Records office",
)
CHILD = make_child(
    "1", grade="05", school_id="S1", phone="614 555 0100", guardian_first_name="Ngozi",
    placements=[{"type": "kinship", "begin": "2026-01-01"}],
)  # fmt: skip


@pytest.fixture(autouse=True)
def today():
    """Let a test happen on one day."""
    with clock.set_clock(lambda: datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)):
        yield


@pytest.fixture(autouse=True)
def law(index):
    """Let FERPA hold for the school's records, as it does for a source of kind sis."""
    set_rule(index, OPERATOR, "sis", inspection=Inspection.LINKED, citation="FERPA, 34 CFR 99.10")


@pytest.fixture
def child(index):
    """A pupil whom the agency holds too."""
    upsert(index, OPERATOR, "sis", CHILD)
    upsert(index, OPERATOR, "ccwis", make_child("C-1", phone="614 555 0199"))


def opened(index, viewer=CLERK, **changes):
    return open_case(index, viewer, replace(REQUEST, **changes))


def released(index, code, viewer=OFFICER, checks=ALL_CHECKS):
    return release_report(index, viewer, code, checks, "P. Officer")


def count_told(index):
    """Return how many disclosures a report tells, beyond releases of reports."""
    disclosures = released(index, opened(index)).disclosures
    return sum(1 for line in disclosures if line.purpose is None or not line.purpose.startswith("rights:"))


def ledger(index, action=RELEASE):
    with index.database.read(OPERATOR) as unit:
        return [line for line in unit.disclosures.all() if line.action == action]


def test_a_report_holds_the_childs_own_values_and_no_whereabouts_or_other_persons(index, child):
    code = opened(index)
    report = released(index, code)
    [record] = report.records
    assert (record.source, record.local_id, record.law) == ("sis", "1", "FERPA, 34 CFR 99.10")
    assert (record.values["first_name"], record.values["grade"]) == ("Amara", "05")
    forbidden = {
        "phone",
        "guardians",
        "guardian_first_name",
        "placements",
        "postal_code",
        "addresses",
        "local_id",
    }
    assert not forbidden & record.values.keys()
    [line] = ledger(index)
    assert (line.client, line.purpose, len(line.record_ids)) == ("officer", f"rights:{code}", 1)
    assert {"first_name", "disclosures"} <= set(line.fields)
    assert show_case(index, CLERK, code).state is RightsState.RELEASED
    released(index, code)
    assert len(ledger(index)) == 2
    assert verify(index, OPERATOR) == []


def test_who_opened_a_case_releases_nothing(index, child):
    both = Viewer("clerk", None, frozenset({Action.RIGHTS_MANAGE, Action.RIGHTS_DECIDE}), frozenset({"sis"}))
    code = opened(index)
    with pytest.raises(ConflictError, match="somebody else"):
        released(index, code, both)
    with pytest.raises(AccessDenied):
        released(index, code, CLERK)
    with pytest.raises(AccessDenied):
        opened(index, OFFICER)
    assert ledger(index) == []


def test_each_check_is_attested_before_a_release(index, child):
    code = opened(index)
    for check in ALL_CHECKS:
        with pytest.raises(ConflictError, match=check.value):
            released(index, code, checks=[each for each in ALL_CHECKS if each is not check])
    assert ledger(index) == []


@pytest.mark.parametrize(
    ("birth_date", "relation", "may"),
    [
        ("2014-03-09", Relation.PARENT, True),
        ("2014-03-09", Relation.ACTING_PARENT, True),
        ("2014-03-09", Relation.STUDENT, False),
        ("2008-11-30", Relation.STUDENT, False),
        ("2008-11-30", Relation.PARENT, True),
        ("2008-11-29", Relation.STUDENT, True),
        ("2008-11-29", Relation.PARENT, False),
        ("2008-11-29", Relation.AGENCY, True),
    ],
)
def test_the_rights_pass_to_the_student_at_eighteen(index, birth_date, relation, may):
    upsert(index, OPERATOR, "sis", make_child("1", birth_date=birth_date))
    code = opened(index, relation=relation)
    if may:
        assert released(index, code).records
        return
    with pytest.raises(ConflictError, match="rights are"):
        released(index, code)
    assert ledger(index) == []


def test_an_unknown_age_is_attested(index):
    upsert(index, OPERATOR, "sis", make_child("1", birth_date=None, sex="F"))
    code = opened(index)
    with pytest.raises(ConflictError, match="age"):
        released(index, code)
    assert released(index, code, checks=(*ALL_CHECKS, Check.AGE)).records


def test_a_child_welfare_record_stands_in_a_report_only_where_its_law_is_configured(index, child):
    with pytest.raises(ConflictError, match="no law is configured"):
        opened(index, AGENCY, source="ccwis", local_id="C-1")
    code = opened(index, make_operator("front"))
    assert [record.source for record in released(index, code, SECOND_PERSON).records] == ["sis"]
    set_rule(index, OPERATOR, "ccwis", inspection=Inspection.LINKED, citation="State code 5153.17")
    records = released(index, code, SECOND_PERSON).records
    assert [(record.source, record.law) for record in records] == [
        ("sis", "FERPA, 34 CFR 99.10"), ("ccwis", "State code 5153.17"),
    ]  # fmt: skip
    assert "grade" in records[0].values
    # Who sees the school's records alone learns nothing, whatever the law of the agency says.
    assert [record.source for record in released(index, opened(index)).records] == ["sis"]


def test_a_report_is_that_of_an_index_without_the_hidden_record(index):
    """With and without the agency's record and its accesses, the same request gets the same report."""

    def report_of(*, with_agency):
        upsert(index, OPERATOR, "sis", CHILD)
        if with_agency:
            upsert(index, OPERATOR, "ccwis", make_child("C-1", restrictions=[{"kind": "protective_order"}]))
            read(index, replace(OPERATOR, client="agency-desk"), "ccwis", "C-1")
            look_up_crosswalk(index, OPERATOR, "ccwis", "C-1")
        code = opened(index)
        report = released(index, code)
        return replace(report, code="")

    without = report_of(with_agency=False)
    add_client(index, OPERATOR, "agency-desk", [Action.RECORD_READ.value], ["ccwis"])
    with_agency = report_of(with_agency=True)
    assert with_agency.records == without.records
    assert with_agency.notices == without.notices
    agency_lines = [line for line in with_agency.disclosures if "ccwis" in line.receiver.lower()]
    assert agency_lines == []


def test_a_line_of_the_ledger_that_names_a_hidden_record_is_left_out(index, child):
    eid = look_up_crosswalk(index, OPERATOR, "sis", "1").enterprise_id
    assert eid == look_up_crosswalk(index, OPERATOR, "ccwis", "C-1").enterprise_id
    told = count_told(index)
    look_up_person(index, OPERATOR, eid)
    assert count_told(index) == told
    # A line about the school's record alone is told.
    read(index, OPERATOR, "sis", "1")
    assert count_told(index) == told + 1


def test_a_line_does_not_appear_when_the_hidden_record_is_destroyed(index, child):
    look_up_person(index, OPERATOR, look_up_crosswalk(index, OPERATOR, "sis", "1").enterprise_id)
    told = count_told(index)
    expunge(index, "ccwis", make_child("C-1", phone="614 555 0199"))
    with index.database.read(OPERATOR) as unit:
        assert any(line.lost_records for line in unit.disclosures.all())
    assert count_told(index) == told


def test_who_received_the_record_is_told_by_agency_and_not_by_name(index, child):
    add_client(index, OPERATOR, "sis-desk", [Action.RECORD_READ.value], ["sis"])
    read(
        index,
        Viewer("sis-desk", "data_quality", frozenset({Action.RECORD_READ}), frozenset({"sis"})),
        "sis",
        "1",
    )
    disclosures = released(index, opened(index)).disclosures
    told = [line for line in disclosures if line.purpose == "data_quality"]
    assert [(line.receiver, line.day) for line in told] == [("sis", "2026-11-29")]
    assert "grade" in told[0].fields
    assert "phone" not in told[0].fields
    assert "sis-desk" not in str(disclosures)


def test_a_restriction_of_the_record_withholds_the_school(index):
    upsert(index, OPERATOR, "sis", {**CHILD, "restrictions": [{"kind": "address_confidential"}]})
    [record] = released(index, opened(index)).records
    assert record.values["first_name"] == "Amara"
    assert not {"grade", "school_id", "enrollments", "restrictions"} & record.values.keys()


def test_a_sealed_or_destroyed_record_is_as_unknown_as_one_that_never_was(index, child):
    code = opened(index)
    upsert(index, OPERATOR, "sis", {**CHILD, "restrictions": [{"kind": "sealed"}]})
    with pytest.raises(ConflictError, match="no longer there"):
        released(index, code)
    messages = []
    for local_id in ("1", "never"):
        with pytest.raises(NotFoundError) as error:
            opened(index, local_id=local_id)
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    assert show_case(index, CLERK, code).local_id is None
    assert ledger(index) == []


def test_a_case_is_known_to_those_of_its_source_alone(index, child):
    code = opened(index)
    for attempt in (
        lambda: show_case(index, AGENCY, code),
        lambda: released(index, code, AGENCY),
        lambda: show_case(index, AGENCY, "0123456789ab"),
    ):
        with pytest.raises(NotFoundError, match="no such case"):
            attempt()
    assert list_cases(index, AGENCY) == []
    assert [case.code for case in list_cases(index, CLERK)] == [code]


def test_the_letter_about_a_refusal_tells_nothing(index, child):
    letters = set()
    for reason in RefusalReason:
        code = opened(index)
        refuse_case(index, OFFICER, code, CaseKind.INSPECT, reason, "P. Officer")
        view = to_plain_values(show_case(index, CLERK, code))
        assert (view["state"], view["steps"][0]["reason"]) == ("refused", reason.value)
        letters.add(view["letter"])
        with pytest.raises(ConflictError, match="refused"):
            released(index, code)
    [letter] = letters
    assert "does not say whether there is any record" in letter
    assert "review" in letter


def test_the_clock_runs_for_45_days_or_fewer_with_warnings_before(index, child):
    view = to_plain_values(show_case(index, CLERK, opened(index)))
    assert (view["clock"], view["due"], view["days_left"], view["notice"]) == (
        "inspection",
        "2027-01-04",
        36,
        None,
    )
    set_rule(index, OPERATOR, "sis", inspection_days=15)
    view = to_plain_values(show_case(index, CLERK, opened(index)))
    assert (view["due"], view["notice"]) == ("2026-12-05", 7)
    late = to_plain_values(show_case(index, CLERK, opened(index, received=date(2026, 10, 1))))
    assert (late["days_left"], late["notice"]) == (-44, 0)
    with pytest.raises(InputError, match="inspection_days"):
        set_rule(index, OPERATOR, "sis", inspection_days=46)
    assert list_rules(index, OPERATOR)["sis"].inspection_days == 15


def test_of_changes_to_a_rule_that_were_read_together_one_is_stored(index):
    read_version = make_rule_version(list_rules(index, OPERATOR)["sis"])

    def change(days):
        try:
            return set_rule(index, OPERATOR, "sis", expected=read_version, hearing_days=days).hearing_days
        except StaleError:
            return None

    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(change, (11, 12, 13)))
    [stored] = [days for days in outcomes if days is not None]
    assert list_rules(index, OPERATOR)["sis"].hearing_days == stored
    # A rule that goes back to what was read is what was read.
    set_rule(index, OPERATOR, "sis", hearing_days=list_rules(index, OPERATOR)["ccwis"].hearing_days)
    assert make_rule_version(list_rules(index, OPERATOR)["sis"]) == read_version


def test_an_agreements_clock_shortens_the_time(index, child):
    propose_version(index, OPERATOR, make_dsa(clocks=(Clock("inspection", 10), Clock("hearing", 400))))
    assert to_plain_values(show_case(index, CLERK, opened(index)))["due"] == "2027-01-04"
    approve_version(index, SECOND_PERSON, "dsa-1", 1)
    assert to_plain_values(show_case(index, CLERK, opened(index)))["due"] == "2026-11-30"


def test_no_error_tells_a_value(index, child):
    for change in ({"reference": "Amara Okonkwo"}, {"identified_by": ""}, {"received": date(2026, 12, 1)}):
        with pytest.raises(MpiError) as error:
            opened(index, **change)
        assert "Amara" not in str(error.value)


def test_a_report_lists_the_items_of_its_records_without_other_persons_and_contact_limits(index):
    add_source(index, OPERATOR, NewSource("D9", kind=SourceKind.SIS))
    add_source(index, OPERATOR, NewSource("CW", kind=SourceKind.CCWIS))
    for source in ("D9", "CW"):
        set_rule(index, OPERATOR, source, inspection=Inspection.LINKED, citation="Law 1")
    upsert(index, OPERATOR, "D9", CHILD)
    upsert(index, OPERATOR, "CW", CHILD | {"local_id": "C-1"})
    text = (
        "local_id,as_of,education_decision_maker,decision_maker_role,contact_restriction,"
        "best_interest_decision,best_interest_date,school_of_origin\n"
        "{},2026-11-28,Sam Rivers,surrogate,yes,stay,2026-11-20,S9\n"
    )
    for source, local_id in (("CW", "C-1"), ("D9", "1")):
        store_items(index, OPERATOR, source, read_item_file(text.format(local_id)))
    clerk = replace(CLERK, sources=frozenset({"D9"}))
    report = released(index, opened(index, clerk, source="D9"), SECOND_PERSON)
    by_source = {each.source: {item.kind: item.values for item in each.items} for each in report.records}
    linked = {
        "best_interest_decision": {"best_interest_decision": "stay", "best_interest_date": "2026-11-20"},
        "education_decision_maker": {"decision_maker_role": "surrogate"},
    }
    assert by_source == {"CW": linked, "D9": linked | {"school_of_origin": {"school_of_origin": "S9"}}}
    assert "school_of_origin" in ledger(index)[-1].fields
    upsert(index, OPERATOR, "D9", CHILD | {"restrictions": [{"kind": "address_confidential"}]})
    withheld = released(index, opened(index, clerk, source="D9"), SECOND_PERSON)
    assert all(item.kind != "school_of_origin" for each in withheld.records for item in each.items)
