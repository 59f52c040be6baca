"""A seal is lifted by a court order and two people, and the time in which it held stays sealed."""

from datetime import datetime, timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, IdempotentCall, Viewer
from mpi.service.access.clients import add_client
from mpi.service.explanations.pair_explanation import explain_pair
from mpi.service.explanations.person_explanation import explain_person
from mpi.service.explanations.person_history import describe_history
from mpi.service.explanations.person_links import list_links
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.persons.change_feed import read_change_feed
from mpi.service.persons.fast_look_up import look_up_person_fast
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.persons.lineage import look_up_lineage
from mpi.service.persons.look_up import LookUpQuery, look_up
from mpi.service.persons.persons import look_up_crosswalk, look_up_person, look_up_records, read_person
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.stewardship.expunge_requests import refuse_expunges
from mpi.service.stewardship.unseal_requests import (
    approve_unseals,
    list_unseal_requests,
    refuse_unseals,
    request_unseals,
)
from tests.index import OPERATOR, SECOND_PERSON, crosswalk, expunge, make_child, many_children

COUNSEL, JUDGE = (
    Viewer(name, None, frozenset({Action.RECORD_SEAL}), frozenset({"sis"})) for name in ("counsel", "judge")
)
READER = Viewer("reader", None, OPERATOR.actions, frozenset({"sis", "ccwis"}))
ORDER = "26-JV-0412"
CHILD = make_child("1", first_name="Zebulonia", last_name="Quist")
START = datetime.fromisoformat("2031-01-01T00:00:00+00:00")


@pytest.fixture(autouse=True)
def clock_by_hand():
    """A clock that goes on an hour at each ``tick``."""
    hours = [0]
    with clock.set_clock(lambda: START + timedelta(hours=hours[0])):

        def tick() -> str:
            """Return the present moment, and let an hour pass before and after it."""
            hours[0] += 2
            return clock.format_timestamp(START + timedelta(hours=hours[0] - 1))

        yield tick


tick = clock_by_hand


def seal(index, record=CHILD, **restriction):
    upsert(index, OPERATOR, "sis", {**record, "restrictions": [{"kind": "sealed", **restriction}]})


def unseal(index, *local_ids, ask=COUNSEL, approve=JUDGE):
    named = local_ids or ("1",)
    request_unseals(index, ask, "sis", named, ORDER)
    return approve_unseals(index, approve, "sis", named)


def is_sound(index) -> bool:
    """Check that a re-cluster, a rebuild and verify find nothing to change."""
    before = crosswalk(index)
    assert recluster(index, OPERATOR, index.matcher, apply=False).is_empty
    rebuild(index, OPERATOR)
    assert crosswalk(index) == before
    assert verify(index, OPERATOR) == []
    return True


def is_unknown(call, *arguments) -> bool:
    try:
        call(*arguments)
    except NotFoundError:
        return True
    return False


def test_two_people_lift_a_seal_and_the_record_has_its_enterprise_id(index):
    upsert(index, OPERATOR, "sis", CHILD)
    upsert(index, OPERATOR, "ccwis", CHILD)
    before = crosswalk(index)
    assert len(set(before.values())) == 1
    seal(index)
    asked = request_unseals(index, COUNSEL, "sis", ["1"], ORDER)
    assert (asked.answer, asked.records) == ("asked", 1)
    assert set(crosswalk(index)) == {("ccwis", "1")}
    [waiting] = list_unseal_requests(index, JUDGE)
    assert (waiting.local_id, waiting.reference, waiting.requested_by) == ("1", ORDER, "counsel")
    assert approve_unseals(index, JUDGE, "sis", ["1"]).answer == "approved"
    assert crosswalk(index) == before
    assert read(index, OPERATOR, "sis", "1")["record"]["first_name"] == "Zebulonia"
    assert list_unseal_requests(index, JUDGE) == []
    assert is_sound(index)


def test_a_record_that_was_alone_has_its_enterprise_id_again(index):
    upsert(index, OPERATOR, "sis", CHILD)
    before = crosswalk(index)
    seal(index)
    assert crosswalk(index) == {}
    for child in many_children(3):
        upsert(index, OPERATOR, "ccwis", child)
    unseal(index)
    assert crosswalk(index)["sis", "1"] == before["sis", "1"]
    assert is_sound(index)


def test_both_people_and_the_court_order_are_on_record(index):
    seal(index, reference="25-AD-1")
    unseal(index)
    with index.database.read(OPERATOR) as unit:
        sealed, unsealed = unit.boundary_orders.orders_after(0)
        commits = unit.commit_info(set(range(1, unit.last_commit() + 1)))
    assert [(order.kind, order.reference) for order in (sealed, unsealed)] == [
        ("seal", "25-AD-1"), ("unseal", ORDER),
    ]  # fmt: skip
    assert sealed.token == unsealed.token
    assert {("counsel", "unseal requested"), ("judge", "unseal approved")} <= {
        (client, kind) for _, client, kind in commits.values()
    }


def test_one_person_alone_lifts_no_seal(index):
    seal(index)
    with pytest.raises(NotFoundError):
        approve_unseals(index, JUDGE, "sis", ["1"])
    request_unseals(index, COUNSEL, "sis", ["1"], ORDER)
    for answer in (approve_unseals, refuse_unseals):
        with pytest.raises(ConflictError, match="somebody else"):
            answer(index, COUNSEL, "sis", ["1"])
    with pytest.raises(ConflictError, match="another person"):
        request_unseals(index, JUDGE, "sis", ["1"], ORDER)
    assert crosswalk(index) == {}


def test_one_own_request_among_others_stops_the_whole_call(index):
    first, second = many_children(2)
    for child in (first, second):
        seal(index, child)
    request_unseals(index, COUNSEL, "sis", [first["local_id"]], ORDER)
    request_unseals(index, JUDGE, "sis", [second["local_id"]], ORDER)
    with pytest.raises(ConflictError):
        approve_unseals(index, JUDGE, "sis", [first["local_id"], second["local_id"]])
    assert crosswalk(index) == {}


def test_a_refused_request_leaves_the_record_sealed_and_can_be_made_again(index):
    upsert(index, OPERATOR, "sis", CHILD)
    seal(index)
    request_unseals(index, COUNSEL, "sis", ["1"], ORDER)
    assert refuse_unseals(index, JUDGE, "sis", ["1"]).answer == "refused"
    assert crosswalk(index) == {}
    assert list_unseal_requests(index, JUDGE) == []
    unseal(index)
    assert set(crosswalk(index)) == {("sis", "1")}


@pytest.mark.parametrize(
    "reference", ["", "  ", "by order of the court", "26-JV-0412\nDoe", "1" * 101, "26 \u202e1", "o'Neil 26"]
)
def test_a_request_without_a_reference_of_an_order_is_refused(index, reference):
    seal(index)
    with pytest.raises(InputError, match="reference"):
        request_unseals(index, COUNSEL, "sis", ["1"], reference)
    assert list_unseal_requests(index, JUDGE) == []


@pytest.mark.parametrize("local_ids", [["2"], ["1", "2"], ["3"]])
def test_only_sealed_records_can_be_asked_for(index, local_ids):
    seal(index)
    upsert(index, OPERATOR, "sis", make_child("2", first_name="Femi"))
    with pytest.raises(NotFoundError):
        request_unseals(index, COUNSEL, "sis", local_ids, ORDER)
    with pytest.raises(InputError):
        request_unseals(index, COUNSEL, "sis", [str(number) for number in range(21)], ORDER)


def test_an_expunged_record_is_not_unsealed(index):
    expunge(index, "sis", CHILD)
    with pytest.raises(NotFoundError):
        request_unseals(index, COUNSEL, "sis", ["1"], ORDER)


def test_a_record_that_waits_to_be_expunged_is_not_unsealed(index):
    seal(index)
    upsert(index, OPERATOR, "sis", {**CHILD, "restrictions": [{"kind": "expunged"}]})
    with pytest.raises(ConflictError, match="expunged"):
        request_unseals(index, COUNSEL, "sis", ["1"], ORDER)
    refuse_expunges(index, SECOND_PERSON, "sis", ["1"])
    unseal(index)
    assert is_sound(index)


def test_a_seal_needs_its_right_and_its_source_to_be_lifted(index):
    seal(index)
    writer = Viewer("writer", None, frozenset({Action.RECORD_WRITE}), frozenset({"sis"}))
    elsewhere = Viewer("elsewhere", None, frozenset({Action.RECORD_SEAL}), frozenset({"ccwis"}))
    for viewer in (writer, elsewhere):
        with pytest.raises(AccessDenied):
            request_unseals(index, viewer, "sis", ["1"], ORDER)
    request_unseals(index, COUNSEL, "sis", ["1"], ORDER)
    for viewer in (writer, elsewhere):
        with pytest.raises(AccessDenied):
            approve_unseals(index, viewer, "sis", ["1"])
    assert list_unseal_requests(index, elsewhere) == []


def test_a_repeated_call_has_its_first_answer(index):
    from dataclasses import replace

    seal(index)
    once = replace(COUNSEL, idempotent_call=IdempotentCall("k", b"ask"))
    answers = [request_unseals(index, once, "sis", ["1"], ORDER) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(list_unseal_requests(index, JUDGE)) == 1


def test_a_source_that_still_states_the_seal_seals_again(index):
    upsert(index, OPERATOR, "sis", CHILD)
    seal(index)
    unseal(index)
    seal(index)
    assert crosswalk(index) == {}
    unseal(index)
    assert set(crosswalk(index)) == {("sis", "1")}
    assert is_sound(index)


def test_a_record_that_was_only_ever_sent_sealed_waits_for_its_source(index):
    seal(index)
    unseal(index)
    assert crosswalk(index) == {}
    upsert(index, OPERATOR, "sis", CHILD)
    assert set(crosswalk(index)) == {("sis", "1")}
    assert is_sound(index)


def read_all(index, viewer, eid, at):
    """Return what every as-of read tells of a record and its person at a moment."""
    answers = {}
    for name, call in {
        "person": lambda: look_up_person(index, viewer, eid, at).records,
        "records": lambda: look_up_records(index, viewer, eid, at).records,
        "crosswalk": lambda: look_up_crosswalk(index, viewer, "sis", "1", at).enterprise_id,
    }.items():
        try:
            answers[name] = call()
        except NotFoundError:
            answers[name] = None
    return answers


@pytest.mark.parametrize("viewer", [OPERATOR, READER])
def test_no_date_before_the_seal_is_a_way_around_it(index, tick, viewer):
    upsert(index, OPERATOR, "sis", CHILD)
    eid = crosswalk(index)["sis", "1"]
    before_seal = tick()
    seal(index)
    tick()
    nothing = {"person": None, "records": None, "crosswalk": None}
    assert read_all(index, viewer, eid, before_seal) == nothing
    assert read_all(index, viewer, eid, None) == nothing
    for call in (look_up_lineage, look_up_golden_record, describe_history, explain_person, list_links):
        assert is_unknown(call, index, viewer, eid), call
    assert read_change_feed(index, viewer).events == ()


@pytest.mark.parametrize("viewer", [OPERATOR, READER])
def test_a_person_of_other_records_has_none_of_the_sealed_past(index, tick, viewer):
    upsert(index, OPERATOR, "sis", CHILD)
    before_the_other = tick()
    upsert(index, OPERATOR, "ccwis", CHILD)
    eid = crosswalk(index)["ccwis", "1"]
    with_both = tick()
    seal(index)
    own = (RecordRef("ccwis", "1"),)
    assert read_all(index, viewer, eid, before_the_other)["person"] is None
    assert look_up_person(index, viewer, eid).since > before_the_other
    assert read_all(index, viewer, eid, with_both) == {"person": own, "records": own, "crosswalk": None}
    assert is_unknown(explain_pair, index, viewer, RecordRef("sis", "1"), own[0])
    assert [step.record for step in look_up_lineage(index, viewer, eid)] == [*own]
    assert [event.source for event in read_change_feed(index, viewer).events] == ["ccwis"]


def test_the_fast_look_up_tells_nothing_else_of_a_person_with_a_sealed_record(index, tick):
    upsert(index, OPERATOR, "sis", CHILD)
    tick()
    upsert(index, OPERATOR, "ccwis", CHILD)
    eid = crosswalk(index)["ccwis", "1"]
    seal(index)
    key = add_client(index, OPERATOR, "looks", ["person.read"], None)
    query = LookUpQuery(
        lambda unit, key_hash, who: look_up_person_fast(unit, key_hash, who, index, eid),
        lambda unit: read_person(unit, index, eid),
    )
    view, _, _ = look_up(index, key, None, query)
    assert view == look_up_person(index, OPERATOR, eid)
    assert view.records == (RecordRef("ccwis", "1"),)


@pytest.mark.parametrize("viewer", [OPERATOR, READER])
def test_the_time_of_a_lifted_seal_stays_sealed(index, tick, viewer):
    upsert(index, OPERATOR, "sis", CHILD)
    eid = crosswalk(index)["sis", "1"]
    before_seal = tick()
    seal(index)
    while_sealed = tick()
    answers_then = read_all(index, viewer, eid, while_sealed)
    assert set(answers_then.values()) == {None}
    unseal(index)
    after = tick()
    record = (RecordRef("sis", "1"),)
    open_answers = {"person": record, "records": record, "crosswalk": eid}
    assert read_all(index, viewer, eid, before_seal) == open_answers
    assert read_all(index, viewer, eid, after) == open_answers
    assert read_all(index, viewer, eid, while_sealed)["crosswalk"] is None
    assert read_all(index, viewer, eid, while_sealed)["person"] is None
    assert not read_all(index, viewer, eid, while_sealed)["records"]
    steps = look_up_lineage(index, viewer, eid)
    assert [(step.before, step.after) for step in steps] == [(None, eid), (None, eid)]
    events = read_change_feed(index, viewer).events
    assert [(event.before, event.after) for event in events] == [(None, eid), (None, eid)]


def test_a_refused_expunge_leaves_its_time_sealed_too(index, tick):
    upsert(index, OPERATOR, "sis", CHILD)
    upsert(index, OPERATOR, "sis", {**CHILD, "restrictions": [{"kind": "expunged"}]})
    while_sealed = tick()
    refuse_expunges(index, SECOND_PERSON, "sis", ["1"])
    assert is_unknown(look_up_crosswalk, index, OPERATOR, "sis", "1", while_sealed)
