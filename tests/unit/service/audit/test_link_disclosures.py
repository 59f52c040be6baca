"""Who was told of two records while they were linked."""

from datetime import timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Viewer
from mpi.service.access.ledger import LedgerLine
from mpi.service.audit.audit_events import PROFILE, make_bundle, to_audit_events
from mpi.service.audit.link_disclosures import find_disclosures_of_link
from mpi.service.audit.student_records import list_disclosures_of_source
from mpi.service.persons.persons import look_up_crosswalk, look_up_person
from mpi.service.stewardship.merge_split_move import StepOptions, split
from tests.index import OPERATOR, crosswalk, expunge, load_rows, make_child, open_test_index

ONE, OTHER = RecordRef("sis", "1"), RecordRef("ccwis", "2")


@pytest.fixture
def index(tmp_path):
    with open_test_index(tmp_path, "sis", "ccwis") as opened:
        yield opened


def test_answers_before_and_after_a_link_are_not_among_those_because_of_it(index, manual_clock):
    load_rows(index, "sis", make_child("1"))
    manual_clock.advance(hours=1)
    look_up_crosswalk(index, OPERATOR, "sis", "1")
    manual_clock.advance(hours=1)
    load_rows(index, "ccwis", make_child("2"))
    manual_clock.advance(hours=1)
    eid = look_up_crosswalk(index, OPERATOR, "sis", "1").enterprise_id
    assert eid == look_up_crosswalk(index, OPERATOR, "ccwis", "2").enterprise_id
    manual_clock.advance(hours=1)
    split(index, OPERATOR, eid, [[ONE], [OTHER]], StepOptions("test"))
    manual_clock.advance(hours=1)
    look_up_crosswalk(index, OPERATOR, "ccwis", "2")

    report = find_disclosures_of_link(index, OPERATOR, ONE, OTHER)

    assert len(report.intervals) == 1
    assert report.intervals[0].until is not None
    reads = [line for line in report.disclosures if line.action == "crosswalk.read"]
    assert len(reads) == 2
    assert all(report.intervals[0].since <= line.at for line in reads)


def test_records_that_never_were_one_person_have_no_disclosures(index):
    load_rows(index, "sis", make_child("1"))
    load_rows(index, "ccwis", make_child("2", first_name="Bo", last_name="Lind", birth_date="2001-12-01"))
    look_up_crosswalk(index, OPERATOR, "sis", "1")
    report = find_disclosures_of_link(index, OPERATOR, ONE, OTHER)
    assert (report.intervals, report.disclosures) == ((), ())


def test_only_readers_of_the_ledger_may_ask_and_only_about_two_records(index):
    load_rows(index, "sis", make_child("1"))
    with pytest.raises(AccessDenied):
        find_disclosures_of_link(index, Viewer("nobody-special"), ONE, OTHER)
    with pytest.raises(InputError):
        find_disclosures_of_link(index, OPERATOR, ONE, ONE)
    with pytest.raises(NotFoundError):
        find_disclosures_of_link(index, OPERATOR, ONE, OTHER)


def test_a_line_about_two_children_becomes_two_audit_events_of_the_profile():
    line = LedgerLine(
        at="2026-01-01T00:00:00.000000Z",
        client="district-7",
        purpose="transport",
        agreement="a-1",
        action="person.read",
        enterprise_ids=("E1", "E2"),
        is_about_all=False,
        fields=("first_name",),
    )
    bundle = make_bundle(to_audit_events(line, "mpi-shared"))
    events = [entry["resource"] for entry in bundle["entry"]]
    assert [event["entity"][0]["what"]["identifier"]["value"] for event in events] == ["E1", "E2"]
    for event in events:
        assert event["meta"]["profile"] == [PROFILE]
        assert (event["recorded"], event["action"], event["outcome"]) == (line.at, "R", "0")
        # Required by R4, and by the profile: client and server, patient and data.
        assert {"type", "recorded", "agent", "source"} <= event.keys()
        assert {agent["type"]["coding"][0]["code"] for agent in event["agent"]} == {"110152", "110153"}
        assert [entity["role"]["code"] for entity in event["entity"]] == ["1", "4"]
        assert event["agent"][0]["purposeOfUse"][0]["coding"][0]["code"] == "transport"
    assert to_audit_events(LedgerLine(line.at, "x", None, None, "export", (), True, ()), "mpi") == []


def test_a_district_gets_the_disclosures_of_its_own_records_alone(index):
    load_rows(index, "sis", make_child("1"))
    load_rows(index, "ccwis", make_child("2"))
    look_up_crosswalk(index, OPERATOR, "sis", "1")
    look_up_crosswalk(index, OPERATOR, "ccwis", "2")
    rows = list(list_disclosures_of_source(index, OPERATOR, "sis"))
    assert [(row.local_id, row.client, row.action) for row in rows] == [("1", "operator", "crosswalk.read")]
    yesterday = clock.now().date() - timedelta(days=1)
    assert list(list_disclosures_of_source(index, OPERATOR, "sis", last_day=yesterday)) == []
    with pytest.raises(NotFoundError):
        list_disclosures_of_source(index, OPERATOR, "nowhere")
    with pytest.raises(AccessDenied):
        list_disclosures_of_source(index, Viewer("nobody-special"), "sis")


def test_a_district_reads_of_no_answer_that_told_of_another_agencys_record_too(index):
    load_rows(index, "sis", make_child("1"))
    load_rows(index, "ccwis", make_child("2"))
    eid = crosswalk(index)["sis", "1"]
    assert crosswalk(index)["ccwis", "2"] == eid
    look_up_person(index, OPERATOR, eid)
    assert list(list_disclosures_of_source(index, OPERATOR, "sis")) == []
    expunge(index, "ccwis", make_child("2"))
    assert list(list_disclosures_of_source(index, OPERATOR, "sis")) == []
