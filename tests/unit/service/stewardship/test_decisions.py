"""Decisions hold, contradict, give way, go quiet, and come back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest

from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied, ConflictError, DecisionConflict, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, IdempotentCall, Viewer
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.plan import recluster
from mpi.service.records.upsert import upsert, withdraw
from mpi.service.review.tasks import list_review_tasks
from mpi.service.stewardship.decisions import DecisionRequest, decide, get_decision, list_decisions
from mpi.service.stewardship.undo import undo_decision
from tests.index import OPERATOR, a_child, crosswalk, partition_of

SIS_ONLY = Viewer("district", None, frozenset(Action), frozenset({"sis"}))
STRANGER = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02", "postal_code": "44444"}


def record_refs(*names: str) -> tuple[RecordRef, ...]:
    return tuple(RecordRef(*name.split(":")) for name in names)


def make_decision(index, kind: str, *groups, viewer=OPERATOR, **options) -> int:
    """Decide, and return the decision's number."""
    named = tuple(record_refs(*group) for group in groups)
    effect = decide(index, viewer, DecisionRequest(DecisionKind(kind), named, "test", **options))
    [number] = effect.decisions
    return number


def upsert_record(index, name: str, **changes) -> str | None:
    source, local_id = name.split(":")
    return upsert(index, OPERATOR, source, a_child(local_id, **changes)).enterprise_id


def are_same_person(index, *names: str) -> bool:
    links = crosswalk(index)
    return len({links[tuple(name.split(":"))] for name in names}) == 1


@pytest.fixture
def strangers(index):
    """Three records that the model keeps apart."""
    upsert_record(index, "sis:1")
    upsert_record(index, "ccwis:1", **STRANGER)
    upsert_record(index, "ccwis:2", first_name="Ulf", last_name="Quist", birth_date="2001-05-06", postal_code="41111")
    return index


@pytest.fixture
def one_child(index):
    """Three records that the model links."""
    for name in ("sis:1", "sis:2", "ccwis:1"):
        upsert_record(index, name)
    return index


def test_same_joins_what_the_model_keeps_apart_and_outlives_everything(strangers):
    make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    assert are_same_person(strangers, "sis:1", "ccwis:1")
    upsert_record(strangers, "ccwis:1", **STRANGER | {"postal_code": "45555"})
    withdraw(strangers, OPERATOR, "sis", "1")
    upsert_record(strangers, "sis:1")
    assert recluster(strangers, OPERATOR, strangers.matcher, apply=True).is_empty
    assert are_same_person(strangers, "sis:1", "ccwis:1")
    assert verify(strangers, OPERATOR) == []


def test_different_parts_what_the_model_links_and_asks_no_more(one_child):
    make_decision(one_child, "DIFFERENT", ["sis:1", "sis:2"], ["ccwis:1"])
    assert partition_of(one_child) == {
        frozenset({("sis", "1"), ("sis", "2")}),
        frozenset({("ccwis", "1")}),
    }
    assert list_review_tasks(one_child, OPERATOR) == []
    assert verify(one_child, OPERATOR) == []


def test_a_decision_keeps_who_when_why_and_the_evidence_as_its_maker_saw_it(one_child):
    number = make_decision(
        one_child, "DIFFERENT", ["sis:1"], ["ccwis:1"], note="seen at school", recheck_on="2031-01-01"
    )
    view = get_decision(one_child, OPERATOR, number)
    assert (view.kind, view.status, view.authority) == ("DIFFERENT", "in_force", "steward")
    assert (view.by, view.reason, view.notes) == ("operator", "test", ("seen at school",))
    [pair] = view.evidence["pairs"]
    assert view.evidence["model"] == "tiny/1"
    assert pair["match_weight"] == pytest.approx(21.16, abs=0.1)
    assert pair["levels"]["birth_date"] == "equal"
    assert {each["as_of"] is not None for each in view.seen} == {True}
    upsert_record(one_child, "ccwis:1", first_name="Amarra")
    assert get_decision(one_child, OPERATOR, number).evidence == view.evidence


def test_a_preview_shows_what_deciding_does_and_changes_nothing(strangers):
    asked = DecisionRequest(DecisionKind.SAME, (record_refs("sis:1", "ccwis:1"),), "test")
    before = crosswalk(strangers)
    seen = decide(strangers, OPERATOR, asked, preview=True)
    assert crosswalk(strangers) == before
    assert list_decisions(strangers, OPERATOR) == []
    done = decide(strangers, OPERATOR, asked)
    assert (seen.persons, seen.moved, seen.told) == (done.persons, done.moved, done.told)
    assert (seen.step, seen.decisions) == (None, ())


def test_a_contradiction_is_refused_with_the_shortest_chain_of_decisions(strangers):
    one = make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    two = make_decision(strangers, "SAME", ["ccwis:1", "ccwis:2"])
    with pytest.raises(DecisionConflict) as refused:
        make_decision(strangers, "DIFFERENT", ["sis:1"], ["ccwis:2"])
    assert set(refused.value.chain) == {one, two}
    undo_decision(strangers, OPERATOR, two)
    apart = make_decision(strangers, "DIFFERENT", ["sis:1"], ["ccwis:2"])
    with pytest.raises(DecisionConflict) as refused:
        make_decision(strangers, "SAME", ["ccwis:1", "ccwis:2"])
    assert refused.value.chain == (one, apart)


def test_one_that_supersedes_takes_the_other_s_place_and_gives_it_back_when_it_is_undone(strangers):
    same = make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    apart = make_decision(strangers, "DIFFERENT", ["sis:1"], ["ccwis:1"], supersedes=(same,))
    assert get_decision(strangers, OPERATOR, same).status == "superseded"
    assert not are_same_person(strangers, "sis:1", "ccwis:1")
    undo_decision(strangers, OPERATOR, apart)
    assert get_decision(strangers, OPERATOR, same).status == "in_force"
    assert are_same_person(strangers, "sis:1", "ccwis:1")


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_a_row_of_superseding_decisions_undoes_in_any_order(strangers, order):
    first = make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    second = make_decision(strangers, "DIFFERENT", ["sis:1"], ["ccwis:1"], supersedes=(first,))
    third = make_decision(strangers, "SAME", ["sis:1", "ccwis:1"], supersedes=(second,))
    row, left = (first, second, third), {0, 1, 2}
    for place in order:
        undo_decision(strangers, OPERATOR, row[place])
        left.discard(place)
        holding = max(left, default=None)
        assert are_same_person(strangers, "sis:1", "ccwis:1") == (holding in (0, 2))
    assert verify(strangers, OPERATOR) == []


def test_where_decisions_meet_otherwise_different_holds_and_a_task_shows_the_chain(strangers):
    """An undone supersede brings back a SAME that a later DIFFERENT was not checked against."""
    one = make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    apart = make_decision(strangers, "DIFFERENT", ["sis:1"], ["ccwis:1"], supersedes=(one,))
    two = make_decision(strangers, "SAME", ["ccwis:1", "ccwis:2"])
    far = make_decision(strangers, "DIFFERENT", ["sis:1"], ["ccwis:2"])
    undo_decision(strangers, OPERATOR, apart)
    assert not are_same_person(strangers, "sis:1", "ccwis:2")
    [task] = list_review_tasks(strangers, OPERATOR)
    assert (task.kind, task.reason) == ("conflict", "suspended")
    assert set(task.decisions) == {one, two, far}
    [suspended] = [d for d in (one, two) if get_decision(strangers, OPERATOR, d).suspended]
    undo_decision(strangers, OPERATOR, far)
    assert are_same_person(strangers, "sis:1", "ccwis:1", "ccwis:2")
    assert not get_decision(strangers, OPERATOR, suspended).suspended
    assert list_review_tasks(strangers, OPERATOR) == []


@pytest.fixture
def doubtful(index):
    """Two records that the model is unsure about: one task."""
    upsert_record(index, "sis:1", first_name="Amara", postal_code=None)
    upsert_record(index, "ccwis:1", first_name="Amira", last_name="Okonkwa", postal_code=None)
    [task] = list_review_tasks(index, OPERATOR)
    assert task.kind == "pair"
    return index


def test_unsure_silences_the_task_until_the_evidence_changes(doubtful):
    number = make_decision(doubtful, "UNSURE", ["sis:1", "ccwis:1"])
    assert list_review_tasks(doubtful, OPERATOR) == []
    upsert_record(doubtful, "sis:1", first_name="Amara", postal_code=None, grade="05")
    assert list_review_tasks(doubtful, OPERATOR) == []
    upsert_record(doubtful, "sis:1", first_name="Amara", postal_code="43001")
    upsert_record(doubtful, "ccwis:1", first_name="Amira", last_name="Okonkwa", postal_code="43001")
    assert [task.kind for task in list_review_tasks(doubtful, OPERATOR)] == ["pair"]
    undo_decision(doubtful, OPERATOR, number)
    assert [task.kind for task in list_review_tasks(doubtful, OPERATOR)] == ["pair"]


def test_unsure_silences_the_task_until_its_recheck_date(doubtful):
    day = (datetime.now(UTC) + timedelta(days=30)).date()
    make_decision(doubtful, "UNSURE", ["sis:1", "ccwis:1"], recheck_on=day.isoformat())
    assert list_review_tasks(doubtful, OPERATOR) == []
    later = datetime.combine(day, datetime.min.time(), UTC)
    with patch.object(clock, "now", lambda: later):
        assert [task.kind for task in list_review_tasks(doubtful, OPERATOR)] == ["pair"]


def test_a_decision_whose_record_has_changed_its_birth_date_holds_and_is_asked_about(strangers):
    number = make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    upsert_record(strangers, "ccwis:1", **STRANGER | {"postal_code": "45555"})
    assert list_review_tasks(strangers, OPERATOR) == []
    upsert_record(strangers, "ccwis:1", **STRANGER | {"birth_date": "2010-01-02"})
    assert are_same_person(strangers, "sis:1", "ccwis:1")
    [task] = list_review_tasks(strangers, OPERATOR)
    assert (task.kind, task.reason, task.decisions) == ("recheck", "changed", (number,))
    make_decision(strangers, "SAME", ["sis:1", "ccwis:1"], supersedes=(number,))
    assert list_review_tasks(strangers, OPERATOR) == []


def test_a_decision_is_asked_about_from_its_recheck_date_on(strangers):
    number = make_decision(strangers, "SAME", ["sis:1", "ccwis:1"], recheck_on="2999-01-01")
    assert list_review_tasks(strangers, OPERATOR) == []
    with patch.object(clock, "now", lambda: datetime(2999, 1, 1, tzinfo=UTC)):
        [task] = list_review_tasks(strangers, OPERATOR)
    assert (task.kind, task.reason, task.decisions) == ("recheck", "due", (number,))


def test_a_decision_on_a_record_just_withdrawn_holds_when_it_returns(strangers):
    withdraw(strangers, OPERATOR, "sis", "1")
    make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    upsert_record(strangers, "sis:1")
    assert are_same_person(strangers, "sis:1", "ccwis:1")


@pytest.mark.parametrize("enrolled", ["sis:1", "ccwis:1"])
@pytest.mark.parametrize("first", [("sis:1", "ccwis:1"), ("ccwis:1", "sis:1")])
def test_a_different_that_is_undone_at_once_leaves_every_id_as_it_was(index, enrolled, first):
    for name in first:
        upsert_record(index, name)
    upsert_record(index, enrolled, enrollments=[{"school_id": "1", "entry_date": "2020-08-01"}])
    before = crosswalk(index)
    number = make_decision(index, "DIFFERENT", ("sis:1",), ("ccwis:1",))
    assert not are_same_person(index, "sis:1", "ccwis:1")
    undo_decision(index, OPERATOR, number)
    assert crosswalk(index) == before


def test_undo_says_what_the_model_still_joins_and_offers_the_opposite(one_child):
    number = make_decision(one_child, "SAME", ["sis:1", "ccwis:1"])
    seen = undo_decision(one_child, OPERATOR, number, preview=True)
    assert get_decision(one_child, OPERATOR, number).status == "in_force"
    done = undo_decision(one_child, OPERATOR, number)
    assert seen.stays == done.stays
    [stays] = done.stays
    assert (stays.together, stays.because, stays.offer["kind"]) == (True, "model", "DIFFERENT")
    assert stays.offer["groups"] == [
        [{"source": "sis", "local_id": "1"}],
        [{"source": "ccwis", "local_id": "1"}],
    ]
    with pytest.raises(ConflictError, match="undone before"):
        undo_decision(one_child, OPERATOR, number)


def test_undo_says_what_another_decision_still_joins_or_parts(strangers):
    one = make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    [stays] = undo_decision(strangers, OPERATOR, one).stays
    assert (stays.together, stays.because) == (True, "decision")
    two = make_decision(strangers, "DIFFERENT", ["sis:1"], ["ccwis:2"])
    [stays] = undo_decision(strangers, OPERATOR, two).stays
    assert (stays.together, stays.because, stays.offer["kind"]) == (False, "model", "SAME")


@pytest.mark.parametrize(
    ("kind", "groups"),
    [
        ("SAME", [["sis:1"]]),
        ("SAME", [["sis:1"], ["ccwis:1"]]),
        ("SAME", [["sis:1", "sis:1"]]),
        ("UNSURE", [["sis:1"]]),
        ("DIFFERENT", [["sis:1", "ccwis:1"]]),
        ("DIFFERENT", [["sis:1"], []]),
        ("DIFFERENT", [["sis:1"], ["ccwis:1", "sis:1"]]),
    ],
)
def test_a_decision_that_is_not_well_formed_is_refused(strangers, kind, groups):
    with pytest.raises(InputError):
        make_decision(strangers, kind, *groups)


@pytest.mark.parametrize("days", [{"recheck_on": "soon"}, {"effective_from": "2031-02-30"}])
def test_a_day_that_is_none_is_refused(strangers, days):
    with pytest.raises(InputError, match="YYYY-MM-DD"):
        make_decision(strangers, "SAME", ["sis:1", "ccwis:1"], **days)


def test_a_viewer_decides_and_reads_only_what_it_may_see(strangers):
    other = make_decision(strangers, "SAME", ["ccwis:1", "ccwis:2"])
    mixed = make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    for hidden in (other, mixed):
        with pytest.raises(NotFoundError):
            get_decision(strangers, SIS_ONLY, hidden)
        with pytest.raises(NotFoundError):
            undo_decision(strangers, SIS_ONLY, hidden)
    assert list_decisions(strangers, SIS_ONLY) == []
    for name in ("ccwis:1", "ccwis:999", "nowhere:1"):
        with pytest.raises(NotFoundError) as refused:
            make_decision(strangers, "SAME", ["sis:1", name], viewer=SIS_ONLY)
        assert str(refused.value) == "group 1, record 2: there is no such record"
    with pytest.raises(AccessDenied):
        make_decision(strangers, "SAME", ["sis:1", "ccwis:1"], viewer=Viewer("nobody", sources=None))


def test_what_a_viewer_may_not_see_does_not_refuse_its_decision(strangers):
    upsert_record(strangers, "sis:2", first_name="Pia", last_name="Berg", birth_date="2003-03-03", postal_code=None)
    make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    make_decision(strangers, "SAME", ["sis:2", "ccwis:1"])
    number = make_decision(strangers, "DIFFERENT", ["sis:1"], ["sis:2"], viewer=SIS_ONLY)
    assert not are_same_person(strangers, "sis:1", "sis:2")
    assert list_review_tasks(strangers, SIS_ONLY) == []
    assert [task.kind for task in list_review_tasks(strangers, OPERATOR)] == ["conflict"]
    assert get_decision(strangers, SIS_ONLY, number).by == "district"


def test_a_client_of_certain_sources_takes_back_its_own_word_only(strangers):
    upsert_record(strangers, "sis:2", first_name="Pia", last_name="Berg", birth_date="2003-03-03", postal_code=None)
    number = make_decision(strangers, "SAME", ["sis:1", "sis:2"], note="from the caseworker")
    assert get_decision(strangers, SIS_ONLY, number).notes == ()
    with pytest.raises(ConflictError, match="another client"):
        undo_decision(strangers, SIS_ONLY, number)
    with pytest.raises(ConflictError, match="another's"):
        make_decision(strangers, "DIFFERENT", ["sis:1"], ["sis:2"], viewer=SIS_ONLY, supersedes=(number,))
    undo_decision(strangers, OPERATOR, number)
    own = make_decision(strangers, "SAME", ["sis:1", "sis:2"], viewer=SIS_ONLY)
    undo_decision(strangers, SIS_ONLY, own)


def test_a_sealed_record_shows_in_no_decision(strangers):
    number = make_decision(strangers, "SAME", ["sis:1", "ccwis:1", "ccwis:2"], note="about all three")
    upsert(strangers, OPERATOR, "ccwis", a_child("1", restrictions=[{"kind": "sealed"}]))
    view = get_decision(strangers, OPERATOR, number)
    assert view.groups == (record_refs("sis:1", "ccwis:2"),)
    assert {each["local_id"] + each["source"] for each in view.seen} == {"1sis", "2ccwis"}
    assert len(view.evidence["pairs"]) == 1
    upsert(strangers, OPERATOR, "ccwis", a_child("2", restrictions=[{"kind": "sealed"}]))
    with pytest.raises(NotFoundError):
        get_decision(strangers, OPERATOR, number)
    assert list_decisions(strangers, OPERATOR) == []


def test_what_was_written_about_an_expunged_record_is_destroyed_with_it(strangers):
    """Notes tell of a person, and kept answers name local IDs."""
    once = replace(OPERATOR, idempotent_call=IdempotentCall("k", b"call"))
    make_decision(strangers, "SAME", ["sis:1", "ccwis:1"], viewer=once, note="Xanthippe's cousin")
    kept = make_decision(strangers, "DIFFERENT", ["sis:1"], ["ccwis:2"], note="about another")
    upsert(strangers, OPERATOR, "ccwis", a_child("1", restrictions=[{"kind": "expunged"}]))
    with strangers.database.read(OPERATOR) as unit:
        assert unit.steps.notes([1, kept]) == {kept: ["about another"]}
        assert unit.idempotent_answers.get(OPERATOR.client, "k") is None
