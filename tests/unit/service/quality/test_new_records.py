"""New records of clients are counted with and without a search, and duplicates among them."""

from datetime import UTC, datetime, timedelta

import pytest

from mpi.api.app import create_app
from mpi.domain.decision import DecisionKind
from mpi.domain.quality_rules import PublicationRules
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Action, Viewer
from mpi.service.persons.search import search_persons
from mpi.service.quality.dashboard import measure_quality, read_quality
from mpi.service.quality.new_records import NewRecordsRow, list_rows
from mpi.service.quality.publication import publish_figures
from mpi.service.quality.reports import make_current_report, make_report
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.stewardship.decisions import DecisionRequest, decide
from tests.index import OPERATOR, load_rows, make_child, many_children, open_test_index, with_settings
from tests.unit.api.live import add_key, calling

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
READER = Viewer("ops", "system_admin", ACTIONS_BY_ROLE[Role.OPERATOR], None)
CLERK = Viewer("sis-north", "data_quality", frozenset(Action), None)
OTHER = Viewer("sis-south", "data_quality", frozenset(Action), None)
ADA = make_child(None, first_name="Ada", last_name="Quill")
BEN = make_child(None, first_name="Benedict", last_name="Osei", birth_date="2011-01-30")


@pytest.fixture
def index(tmp_path, manual_clock):
    manual_clock.now = START
    with open_test_index(tmp_path / "home", "north", "south", secret="5" * 64) as opened:
        for name in (CLERK.client, OTHER.client):
            add_key(opened, name)
        yield opened


@pytest.fixture
def wait(manual_clock):
    def move(**span):
        manual_clock.now += timedelta(**span)

    return move


def send(index, viewer, source, local_id, child):
    return upsert(index, viewer, source, {**child, "local_id": local_id})


def rows(index):
    return measure_quality(index, OPERATOR).new_records


def row(sent, searched=0, after=0, without=0, client=CLERK.client, month="2026-11"):
    return NewRecordsRow(month, client, *(count or None for count in (sent, searched, after, without)))


def test_record_after_a_search_that_found_nobody_counts_as_searched(index, wait):
    search_persons(index, CLERK, ADA)
    wait(minutes=29)
    send(index, CLERK, "north", "1", ADA)
    assert rows(index) == (row(1, 1),)


@pytest.mark.parametrize("seeker", [CLERK, OTHER])
def test_search_that_is_too_old_or_of_another_client_does_not_count(index, wait, seeker):
    search_persons(index, seeker, ADA)
    wait(minutes=31 if seeker is CLERK else 1)
    send(index, CLERK, "north", "1", ADA)
    assert rows(index) == (row(1),)


def test_search_that_found_nobody_counts_for_one_record(index, wait):
    search_persons(index, CLERK, ADA)
    wait(minutes=1)
    send(index, CLERK, "north", "1", ADA)
    send(index, CLERK, "north", "2", BEN)
    assert rows(index) == (row(2, 1),)


def test_each_record_has_its_own_half_hour(index, wait):
    search_persons(index, CLERK, ADA)
    search_persons(index, CLERK, BEN)
    wait(minutes=1)
    send(index, CLERK, "north", "2", BEN)
    wait(minutes=40)
    send(index, CLERK, "north", "1", ADA)
    assert rows(index) == (row(2, 1),)


def test_record_that_returns_after_a_withdrawal_is_not_new_again(index, wait):
    send(index, CLERK, "north", "1", ADA)
    wait(minutes=1)
    withdraw(index, CLERK, "north", "1")
    wait(minutes=1)
    send(index, CLERK, "north", "1", ADA)
    assert rows(index) == (row(1),)


def test_search_that_found_another_child_does_not_count(index, wait):
    load_rows(index, "south", {**BEN, "local_id": "S1"})
    assert search_persons(index, CLERK, BEN)
    wait(minutes=1)
    send(index, CLERK, "north", "1", ADA)
    assert rows(index) == (row(1),)


def test_second_record_of_a_child_in_its_source_is_a_duplicate(index, wait):
    load_rows(index, "north", {**ADA, "local_id": "0"})
    send(index, CLERK, "north", "1", ADA)
    send(index, CLERK, "north", "2", ADA)
    assert rows(index) == (row(2, without=1),)


def test_duplicate_after_a_search_that_showed_the_child_is_told_apart(index, wait):
    load_rows(index, "north", {**ADA, "local_id": "0"})
    assert search_persons(index, CLERK, ADA)
    wait(minutes=1)
    send(index, CLERK, "north", "1", ADA)
    assert rows(index) == (row(1, 1, after=1),)


def test_search_that_showed_the_child_too_early_does_not_count(index, wait):
    load_rows(index, "north", {**ADA, "local_id": "0"})
    send(index, CLERK, "north", "2", BEN)
    assert search_persons(index, CLERK, ADA)
    wait(minutes=31)
    send(index, CLERK, "north", "1", ADA)
    assert rows(index) == (row(2, without=1),)


def test_search_that_showed_a_record_compared_with_the_new_one_counts(index, wait):
    twin = {**ADA, "first_name": "Zoe"}
    load_rows(index, "south", {**twin, "local_id": "S1"})
    assert search_persons(index, CLERK, ADA)
    wait(minutes=1)
    assert send(index, CLERK, "north", "1", ADA).outcome in {"created", "review"}
    assert rows(index) == (row(1, 1),)


def test_search_that_showed_the_child_counts_though_the_records_were_not_compared(index, wait):
    load_rows(index, "south", {**BEN, "local_id": "S1"})
    assert search_persons(index, CLERK, BEN)
    wait(minutes=1)
    send(index, CLERK, "north", "1", ADA)
    refs = [RecordRef("north", "1"), RecordRef("south", "S1")]
    decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, [refs], "same-child"))
    assert rows(index) == (row(1, 1, after=1),)


def test_record_that_is_linked_at_once_with_another_source_is_no_duplicate(index):
    load_rows(index, "south", {**ADA, "local_id": "S1"})
    assert send(index, CLERK, "north", "1", ADA).outcome == "linked"
    assert rows(index) == (row(1),)


def test_record_that_is_joined_later_with_another_source_is_a_duplicate(index, wait):
    load_rows(index, "south", {**BEN, "local_id": "S1"})
    send(index, CLERK, "north", "1", ADA)
    wait(days=3)
    refs = [RecordRef("north", "1"), RecordRef("south", "S1")]
    decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, [refs], "same-child"))
    assert rows(index) == (row(1, without=1),)


def test_loads_changes_and_withdrawn_records_are_no_new_records(index, wait):
    load_rows(index, "north", {**ADA, "local_id": "0"})
    send(index, CLERK, "north", "0", {**ADA, "middle_name": "Lou"})
    assert rows(index) == ()


def test_months_before_the_last_three_are_left_out(index, wait):
    send(index, CLERK, "north", "1", ADA)
    wait(days=80)  # January
    send(index, CLERK, "north", "2", BEN)
    assert rows(index) == (row(1, month="2027-01"), row(1))
    wait(days=15)  # February
    assert rows(index) == (row(1, month="2027-01"),)


def test_people_who_enter_records_by_hand_are_one_row(index):
    for name, local_id in (("rae", "1"), ("sam", "2")):
        send(index, Viewer(name, "data_quality", frozenset(Action), None), "north", local_id, BEN)
    assert rows(index) == (row(2, without=1, client="(people)"),)


def test_small_counts_and_clients_of_few_records_are_not_shown():
    counts = {
        "2026-11|a|sent": 120,
        "2026-11|a|searched": 90,
        "2026-11|a|duplicates_unsearched": 100,
        "2026-11|b|sent": 90,
    }
    assert list_rows(counts, 100) == (NewRecordsRow("2026-11", "a", 120, None, None, 100),)


def test_readers_get_published_counts_a_day_later(index, wait):
    index = with_settings(index, publication_rules=PublicationRules(base=5))
    for number, child in enumerate(many_children(160)):
        send(index, CLERK, "north", str(number), child)
    publish_figures(index, OPERATOR)
    assert read_quality(index, READER).new_records == ()
    wait(days=1)
    [shown] = read_quality(index, READER).new_records
    assert (shown.month, shown.client, shown.searched) == ("2026-11", CLERK.client, None)
    assert shown.sent == pytest.approx(160, abs=80)
    assert shown.sent % 5 == 0
    assert make_report(index, READER, "creates").rows[0][2] == shown.sent
    with calling(create_app(index, open_pages=True), None) as call:
        page = call.get("/quality").text
    assert f'<td>{CLERK.client}</td><td class="number">{shown.sent}</td>' in page
    assert make_current_report(index, OPERATOR, "creates").rows == (
        ("2026-11", CLERK.client, 160, None, None, None),
    )
