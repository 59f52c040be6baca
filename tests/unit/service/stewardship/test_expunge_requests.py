"""A record is expunged only once a second person approves, and is hidden meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, IdempotentCall, Viewer
from mpi.service.loads.load import LoadOptions, load
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.persons.change_feed import read_change_feed
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.persons.lineage import look_up_lineage
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.stewardship.corrections import correct_value
from mpi.service.stewardship.expunge_requests import (
    MAX_RECORDS,
    approve_expunges,
    list_expunge_requests,
    refuse_expunges,
)
from mpi.service.stewardship.merge_split_move import StepOptions
from mpi.service.stewardship.rekey import rekey
from tests.concurrent_calls import at_once
from tests.index import (
    OPERATOR,
    SECOND_PERSON,
    all_stored_bytes,
    crosswalk,
    expunge,
    load_rows,
    make_child,
    many_children,
    rows,
    with_settings,
)

FEED = Viewer("feed", None, frozenset({Action.RECORD_WRITE, Action.RECORD_EXPUNGE}), frozenset({"sis"}))
OFFICER = Viewer("officer", None, frozenset({Action.RECORD_EXPUNGE}), frozenset({"sis"}))
NAMED = make_child("1", first_name="Zebulonia", last_name="Quist")


def ask(index, record=NAMED, source="sis", viewer=FEED, **changes):
    """Ask to expunge a record."""
    return upsert(index, viewer, source, {**record, "restrictions": [{"kind": "expunged"}], **changes})


def waiting(index, viewer=OFFICER):
    """Return the records that wait to be expunged, with who asked."""
    return [
        (request.source, request.local_id, request.requested_by)
        for request in list_expunge_requests(index, viewer)
    ]


def is_stored(index) -> bool:
    content = all_stored_bytes(index)
    return b"Zebulonia" in content or b"ZEBULONIA" in content


def answer_or_none(call, viewer, index):
    try:
        return call(index, viewer, "sis", ["1"])
    except NotFoundError:
        return None


def state_of(index, local_id="1") -> str:
    with index.database.read(OPERATOR) as unit:
        source = unit.sources.get_by_code("sis")
        return unit.records.find_by_local_ids(source.id, [local_id])[local_id].state


def is_sound(index) -> bool:
    """Check that a re-cluster, a rebuild and verify find nothing to change."""
    before = crosswalk(index)
    assert recluster(index, OPERATOR, index.matcher, apply=False).is_empty
    rebuild(index, OPERATOR)
    assert crosswalk(index) == before
    assert verify(index, OPERATOR) == []
    return True


def test_a_request_hides_the_record_at_once_and_destroys_nothing(index):
    upsert(index, FEED, "sis", NAMED)
    answer = ask(index)
    assert (answer.outcome, answer.record, answer.enterprise_id) == ("refused", "refused", None)
    with pytest.raises(NotFoundError):
        read(index, OPERATOR, "sis", "1")
    assert crosswalk(index) == {}
    assert waiting(index) == [("sis", "1", "feed")]
    assert is_stored(index)


def test_a_second_person_approves_and_nothing_of_the_record_remains(index):
    upsert(index, FEED, "sis", NAMED)
    ask(index)
    answer = approve_expunges(index, OFFICER, "sis", ["1"])
    assert (answer.source, answer.answer, answer.records) == ("sis", "approved", 1)
    assert not is_stored(index)
    assert waiting(index) == []
    assert upsert(index, FEED, "sis", NAMED).outcome == "refused"
    assert ask(index).outcome == "refused"
    assert waiting(index) == []
    assert is_sound(index)


def test_nobody_approves_or_refuses_a_request_of_their_own(index):
    ask(index)
    for answer in (approve_expunges, refuse_expunges):
        with pytest.raises(ConflictError, match="somebody else"):
            answer(index, FEED, "sis", ["1"])
    assert is_stored(index)


def test_one_own_request_among_others_stops_the_whole_call(index):
    ask(index)
    ask(index, make_child("2", first_name="Femi"), viewer=OPERATOR)
    with pytest.raises(ConflictError):
        approve_expunges(index, FEED, "sis", ["1", "2"])
    assert len(waiting(index)) == 2


def test_sending_a_request_again_does_not_change_who_asked(index):
    ask(index)
    ask(index, viewer=OPERATOR, first_name="Femi")
    load(index, SECOND_PERSON, "sis", rows({**NAMED, "restrictions": [{"kind": "expunged"}]}), LoadOptions())
    assert waiting(index) == [("sis", "1", "feed")]


@pytest.mark.parametrize("local_ids", [["2"], ["1", "2"], ["3"]])
def test_only_records_that_wait_can_be_approved(index, local_ids):
    ask(index)
    upsert(index, FEED, "sis", make_child("2", first_name="Femi"))
    with pytest.raises(NotFoundError):
        approve_expunges(index, OFFICER, "sis", local_ids)
    assert is_stored(index)


def test_a_request_about_another_source_is_unknown_here(index):
    ask(index, source="ccwis", viewer=OPERATOR)
    assert waiting(index) == []
    with pytest.raises(AccessDenied):
        approve_expunges(index, OFFICER, "ccwis", ["1"])
    with pytest.raises(NotFoundError):
        approve_expunges(index, OFFICER, "sis", ["1"])
    assert waiting(index, SECOND_PERSON) == [("ccwis", "1", "operator")]


def test_answering_needs_the_right_to_expunge(index):
    ask(index)
    reader = replace(OFFICER, actions=frozenset(Action) - {Action.RECORD_EXPUNGE})
    for call in (approve_expunges, refuse_expunges):
        with pytest.raises(AccessDenied):
            call(index, reader, "sis", ["1"])
    with pytest.raises(AccessDenied):
        list_expunge_requests(index, reader)


@pytest.mark.parametrize("count", [0, MAX_RECORDS + 1])
def test_a_call_names_a_few_records(index, count):
    with pytest.raises(InputError, match="local_ids"):
        approve_expunges(index, OFFICER, "sis", [f"c{number}" for number in range(count)])


def test_a_bulk_of_requests_destroys_nothing(index):
    children = many_children(300)
    load_rows(index, "sis", *children)
    ids = crosswalk(index)
    refused = 0
    for _ in range(2):
        for child in children:
            try:
                ask(index, child)
            except ConflictError:
                refused += 1
    most = index.settings.seals_per_day
    assert refused == 2 * (300 - most)
    assert len(crosswalk(index)) == 300 - most
    assert len(waiting(index)) == most
    for request in list_expunge_requests(index, OFFICER):
        refuse_expunges(index, OFFICER, "sis", [request.local_id])
    assert crosswalk(index) == ids


def test_a_confirmed_file_of_requests_destroys_nothing(index):
    children = many_children(300)
    load_rows(index, "sis", *children)
    requests = [child | {"restrictions": [{"kind": "expunged"}]} for child in children]
    assert load_rows(index, "sis", *requests).status == "held"
    assert load_rows(index, "sis", *requests, confirm=True).updated == 300
    assert crosswalk(index) == {}
    assert load_rows(index, "sis", *requests, confirm=True).rejected == 300
    assert len(waiting(index)) == 300
    with index.database.read(OPERATOR) as unit:
        versions = [
            unit.record_versions.versions(row.record_id) for row in unit.record_erasure.pending_expunges()
        ]
    assert all(version.payload != b"{}" for own in versions for version in own)


@pytest.mark.parametrize("withdrawn", [False, True])
def test_a_refused_request_leaves_the_record_as_it_was(index, withdrawn):
    upsert(index, FEED, "sis", NAMED)
    upsert(index, OPERATOR, "ccwis", {**NAMED, "local_id": "c1"})
    ids = crosswalk(index)
    assert len(set(ids.values())) == 1
    if withdrawn:
        withdraw(index, OPERATOR, "sis", "1")
        ids = crosswalk(index)
    ask(index, last_name="Other")
    assert set(crosswalk(index)) == {("ccwis", "c1")}
    answer = refuse_expunges(index, OFFICER, "sis", ["1"])
    assert (answer.answer, answer.records) == ("refused", 1)
    assert crosswalk(index) == ids
    assert state_of(index) == ("withdrawn" if withdrawn else "active")
    assert waiting(index) == []
    assert is_sound(index)
    assert upsert(index, FEED, "sis", {**NAMED, "postal_code": "43002"}).record == "updated"
    assert crosswalk(index)["sis", "1"] == crosswalk(index)["ccwis", "c1"]


def test_lineage_and_feed_do_not_tell_of_a_refused_request(index):
    eid = upsert(index, FEED, "sis", NAMED).enterprise_id
    ask(index)
    refuse_expunges(index, OFFICER, "sis", ["1"])
    causes = {step.cause for step in look_up_lineage(index, OPERATOR, eid)}
    causes |= {event.cause for event in read_change_feed(index, OPERATOR).events}
    assert causes == {"upsert"}


def test_a_refused_request_can_be_made_again(index):
    upsert(index, FEED, "sis", NAMED)
    for _ in range(3):
        ask(index)
        assert waiting(index) == [("sis", "1", "feed")]
        refuse_expunges(index, OFFICER, "sis", ["1"])
        assert set(crosswalk(index)) == {("sis", "1")}
    ask(index)
    approve_expunges(index, OFFICER, "sis", ["1"])
    assert not is_stored(index)


def test_a_record_first_sent_with_a_refused_request_takes_no_part(index):
    ask(index)
    refuse_expunges(index, OFFICER, "sis", ["1"])
    assert crosswalk(index) == {}
    assert is_sound(index)
    assert upsert(index, FEED, "sis", NAMED).outcome == "created"
    assert is_sound(index)


def test_a_sealed_record_can_be_expunged_later(index):
    upsert(index, OPERATOR, "sis", {**NAMED, "restrictions": [{"kind": "sealed"}]})
    assert waiting(index) == []
    assert ask(index).outcome == "refused"
    assert waiting(index) == [("sis", "1", "feed")]
    approve_expunges(index, OFFICER, "sis", ["1"])
    assert not is_stored(index)


def test_a_record_that_was_sealed_before_stays_sealed_after_a_refusal(index):
    upsert(index, FEED, "sis", NAMED)
    upsert(index, OPERATOR, "sis", {**NAMED, "restrictions": [{"kind": "sealed"}]})
    for _ in range(2):
        ask(index)
        assert waiting(index) == [("sis", "1", "feed")]
        refuse_expunges(index, OFFICER, "sis", ["1"])
        assert (state_of(index), crosswalk(index), waiting(index)) == ("sealed", {}, [])
    assert upsert(index, FEED, "sis", NAMED).outcome == "refused"
    assert is_sound(index)


def test_the_undo_of_a_load_leaves_its_requests_to_a_second_person(index):
    load_rows(index, "sis", NAMED)
    batch = load_rows(index, "sis", {**NAMED, "restrictions": [{"kind": "expunged"}]}, confirm=True).batch
    undo_load(index, OPERATOR, batch)
    assert waiting(index) == [("sis", "1", "operator")]
    refuse_expunges(index, OFFICER, "sis", ["1"])
    assert set(crosswalk(index)) == {("sis", "1")}
    assert is_sound(index)


def test_a_record_is_answered_by_its_present_local_id(index):
    upsert(index, FEED, "sis", NAMED)
    rekey(index, OPERATOR, "sis", {"1": "2"})
    ask(index, {**NAMED, "local_id": "2"})
    assert waiting(index) == [("sis", "2", "feed")]
    approve_expunges(index, OFFICER, "sis", ["2"])
    assert not is_stored(index)


@pytest.mark.parametrize("approved", [True, False])
def test_the_correction_of_a_record_follows_it(index, approved):
    eid = upsert(index, FEED, "sis", make_child("1")).enterprise_id
    correct_value(index, OPERATOR, eid, "middle_name", "Zebulonia", StepOptions("found", "seen"))
    ask(index, make_child("1"))
    if approved:
        approve_expunges(index, OFFICER, "sis", ["1"])
        assert not is_stored(index)
        return
    refuse_expunges(index, OFFICER, "sis", ["1"])
    golden = look_up_golden_record(index, OPERATOR, eid)
    assert "Zebulonia" in repr(golden)


def test_of_concurrent_answers_one_takes_effect(index):
    ask(index)
    judge = replace(OFFICER, client="judge")
    calls = ((approve_expunges, OFFICER), (refuse_expunges, judge), (approve_expunges, judge))
    with ThreadPoolExecutor(len(calls)) as pool:
        answers = list(pool.map(lambda call: answer_or_none(*call, index), calls))
    [answer] = [answer for answer in answers if answer is not None]
    assert is_stored(index) == (answer.answer == "refused")
    assert verify(index, OPERATOR) == []


def test_concurrent_requests_are_one_request(index):
    upsert(index, FEED, "sis", NAMED)
    at_once(index, [lambda: ask(index) for _ in range(6)])
    assert waiting(index) == [("sis", "1", "feed")]


def test_a_repeated_approval_with_one_key_gets_the_first_answer(index):
    ask(index)
    officer = replace(OFFICER, idempotent_call=IdempotentCall("k", b"call"))
    first = approve_expunges(index, officer, "sis", ["1"])
    assert approve_expunges(index, officer, "sis", ["1"]) == first


def test_the_list_of_requests_is_on_the_ledger(index):
    ask(index)
    waiting(index)
    with index.database.read(OPERATOR) as unit:
        lines = [line for line in unit.disclosures.all() if line.action == Action.RECORD_EXPUNGE]
    assert [(line.client, len(line.record_ids)) for line in lines] == [("officer", 1)]


def test_an_approval_says_on_the_record_who_approved(index):
    ask(index)
    approve_expunges(index, OFFICER, "sis", ["1"])
    with index.database.read(OPERATOR) as unit:
        [step] = unit.steps.steps_in_force_after("expunge", 0)
        assert unit.commit_info({step.commit_no})[step.commit_no][1:] == ("officer", "expunge approved")
        assert step.reason == "approved"


def test_an_expunged_record_stays_refused_when_others_follow(index):
    expunge(index, "sis", NAMED)
    limited = with_settings(index, seals_per_day=0)
    with pytest.raises(ConflictError):
        ask(limited, make_child("2", first_name="Femi"))
    assert ask(limited).outcome == "refused"
    assert is_sound(index)
