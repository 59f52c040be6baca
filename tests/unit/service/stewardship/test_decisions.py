"""Test decisions: effect, contradiction, supersession, undo, visibility and recheck."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied, ConflictError, DecisionConflict, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, IdempotentCall, Viewer
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.review.task_list import list_review_tasks
from mpi.service.stewardship.decisions import DecisionRequest, decide, get_decision, list_decisions
from mpi.service.stewardship.undo import undo_decision
from tests.index import OPERATOR, crosswalk, expunge, make_child, partition_of

SIS_ONLY = Viewer("district", None, frozenset(Action), frozenset({"sis"}))
STRANGER = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02", "postal_code": "44444"}


def record_refs(*names: str) -> tuple[RecordRef, ...]:
    return tuple(RecordRef(*name.split(":")) for name in names)


def make_decision(index, kind: str, *groups, viewer=OPERATOR, **options) -> int:
    """Make a decision and return its number."""
    record_groups = tuple(record_refs(*group) for group in groups)
    effect = decide(index, viewer, DecisionRequest(DecisionKind(kind), record_groups, "test", **options))
    [number] = effect.decisions
    return number


def upsert_record(index, name: str, **changes) -> str | None:
    source, local_id = name.split(":")
    return upsert(index, OPERATOR, source, make_child(local_id, **changes)).enterprise_id


def are_same_person(index, *names: str) -> bool:
    links = crosswalk(index)
    return len({links[tuple(name.split(":"))] for name in names}) == 1


@pytest.fixture
def strangers(index):
    """An index with three records that the model keeps apart."""
    upsert_record(index, "sis:1")
    upsert_record(index, "ccwis:1", **STRANGER)
    upsert_record(
        index, "ccwis:2", first_name="Ulf", last_name="Quist", birth_date="2001-05-06", postal_code="41111"
    )
    return index


@pytest.fixture
def one_child(index):
    """An index with three records that the model links."""
    for name in ("sis:1", "sis:2", "ccwis:1"):
        upsert_record(index, name)
    return index


def test_same_joins_what_the_model_keeps_apart_through_every_change(strangers):
    make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    assert are_same_person(strangers, "sis:1", "ccwis:1")
    upsert_record(strangers, "ccwis:1", **STRANGER | {"postal_code": "45555"})
    withdraw(strangers, OPERATOR, "sis", "1")
    upsert_record(strangers, "sis:1")
    assert recluster(strangers, OPERATOR, strangers.matcher, apply=True).is_empty
    assert are_same_person(strangers, "sis:1", "ccwis:1")
    assert verify(strangers, OPERATOR) == []


def test_different_separates_linked_records_and_closes_the_question(one_child):
    make_decision(one_child, "DIFFERENT", ["sis:1", "sis:2"], ["ccwis:1"])
    assert partition_of(one_child) == {
        frozenset({("sis", "1"), ("sis", "2")}),
        frozenset({("ccwis", "1")}),
    }
    assert list_review_tasks(one_child, OPERATOR) == []
    assert verify(one_child, OPERATOR) == []


def test_decision_keeps_author_reason_and_the_evidence_its_author_saw(one_child):
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
    assert {record["as_of"] is not None for record in view.seen} == {True}
    upsert_record(one_child, "ccwis:1", first_name="Amarra")
    assert get_decision(one_child, OPERATOR, number).evidence == view.evidence


def test_preview_names_populations_only_where_a_flag_says_yes(strangers):
    flags = [
        {"population": name, "value": value} for name, value in (("homeless", "N"), ("foster_care", "Y"))
    ]
    upsert_record(strangers, "sis:1", flags=flags)
    request = DecisionRequest(DecisionKind.SAME, (record_refs("sis:1", "ccwis:1"),), "test")
    previewed = decide(strangers, OPERATOR, request, preview=True)
    assert {population for person in previewed.persons for population in person.flags} == {"foster_care"}


def test_preview_shows_the_effect_and_changes_nothing(strangers):
    request = DecisionRequest(DecisionKind.SAME, (record_refs("sis:1", "ccwis:1"),), "test")
    before = crosswalk(strangers)
    previewed = decide(strangers, OPERATOR, request, preview=True)
    assert crosswalk(strangers) == before
    assert list_decisions(strangers, OPERATOR) == []
    applied = decide(strangers, OPERATOR, request)
    assert (previewed.persons, previewed.moved, previewed.told) == (
        applied.persons,
        applied.moved,
        applied.told,
    )
    assert (previewed.step, previewed.decisions) == (None, ())


def test_contradiction_is_refused_with_the_shortest_chain_of_decisions(strangers):
    first = make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    second = make_decision(strangers, "SAME", ["ccwis:1", "ccwis:2"])
    with pytest.raises(DecisionConflict) as error:
        make_decision(strangers, "DIFFERENT", ["sis:1"], ["ccwis:2"])
    assert set(error.value.chain) == {first, second}
    undo_decision(strangers, OPERATOR, second)
    different = make_decision(strangers, "DIFFERENT", ["sis:1"], ["ccwis:2"])
    with pytest.raises(DecisionConflict) as error:
        make_decision(strangers, "SAME", ["ccwis:1", "ccwis:2"])
    assert error.value.chain == (first, different)


def test_undo_of_a_superseding_decision_restores_the_superseded_one(strangers):
    same = make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    different = make_decision(strangers, "DIFFERENT", ["sis:1"], ["ccwis:1"], supersedes=(same,))
    assert get_decision(strangers, OPERATOR, same).status == "superseded"
    assert not are_same_person(strangers, "sis:1", "ccwis:1")
    undo_decision(strangers, OPERATOR, different)
    assert get_decision(strangers, OPERATOR, same).status == "in_force"
    assert are_same_person(strangers, "sis:1", "ccwis:1")


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_chain_of_superseding_decisions_is_undone_in_any_order(strangers, order):
    first = make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    second = make_decision(strangers, "DIFFERENT", ["sis:1"], ["ccwis:1"], supersedes=(first,))
    third = make_decision(strangers, "SAME", ["sis:1", "ccwis:1"], supersedes=(second,))
    decisions, remaining = (first, second, third), {0, 1, 2}
    for position in order:
        undo_decision(strangers, OPERATOR, decisions[position])
        remaining.discard(position)
        latest = max(remaining, default=None)
        assert are_same_person(strangers, "sis:1", "ccwis:1") == (latest in (0, 2))
    assert verify(strangers, OPERATOR) == []


def test_unresolved_contradiction_keeps_different_and_opens_a_conflict_task(strangers):
    """Undo of a superseding decision restores a SAME that a later DIFFERENT contradicts."""
    first = make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    superseding = make_decision(strangers, "DIFFERENT", ["sis:1"], ["ccwis:1"], supersedes=(first,))
    second = make_decision(strangers, "SAME", ["ccwis:1", "ccwis:2"])
    later_different = make_decision(strangers, "DIFFERENT", ["sis:1"], ["ccwis:2"])
    undo_decision(strangers, OPERATOR, superseding)
    assert not are_same_person(strangers, "sis:1", "ccwis:2")
    [task] = list_review_tasks(strangers, OPERATOR)
    assert (task.kind, task.reason) == ("conflict", "suspended")
    assert set(task.decisions) == {first, second, later_different}
    [suspended] = [
        number for number in (first, second) if get_decision(strangers, OPERATOR, number).suspended
    ]
    undo_decision(strangers, OPERATOR, later_different)
    assert are_same_person(strangers, "sis:1", "ccwis:1", "ccwis:2")
    assert not get_decision(strangers, OPERATOR, suspended).suspended
    assert list_review_tasks(strangers, OPERATOR) == []


@pytest.fixture
def unsure_pair(index):
    """An index with two records that the model is unsure about, and their task."""
    upsert_record(index, "sis:1", first_name="Amara", postal_code=None)
    upsert_record(index, "ccwis:1", first_name="Amira", last_name="Okonkwa", postal_code=None)
    [task] = list_review_tasks(index, OPERATOR)
    assert task.kind == "pair"
    return index


def test_unsure_closes_the_task_until_the_evidence_changes(unsure_pair):
    number = make_decision(unsure_pair, "UNSURE", ["sis:1", "ccwis:1"])
    assert list_review_tasks(unsure_pair, OPERATOR) == []
    upsert_record(unsure_pair, "sis:1", first_name="Amara", postal_code=None, grade="05")
    assert list_review_tasks(unsure_pair, OPERATOR) == []
    upsert_record(unsure_pair, "sis:1", first_name="Amara", postal_code="43001")
    upsert_record(unsure_pair, "ccwis:1", first_name="Amira", last_name="Okonkwa", postal_code="43001")
    assert [task.kind for task in list_review_tasks(unsure_pair, OPERATOR)] == ["pair"]
    undo_decision(unsure_pair, OPERATOR, number)
    assert [task.kind for task in list_review_tasks(unsure_pair, OPERATOR)] == ["pair"]


def test_unsure_closes_the_task_until_its_recheck_date(unsure_pair):
    day = (datetime.now(UTC) + timedelta(days=30)).date()
    make_decision(unsure_pair, "UNSURE", ["sis:1", "ccwis:1"], recheck_on=day.isoformat())
    assert list_review_tasks(unsure_pair, OPERATOR) == []
    later = datetime.combine(day, datetime.min.time(), UTC)
    with clock.fixed_clock(later):
        assert [task.kind for task in list_review_tasks(unsure_pair, OPERATOR)] == ["pair"]


def test_decision_stays_and_is_rechecked_when_a_birth_date_changes(strangers):
    number = make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    upsert_record(strangers, "ccwis:1", **STRANGER | {"postal_code": "45555"})
    assert list_review_tasks(strangers, OPERATOR) == []
    upsert_record(strangers, "ccwis:1", **STRANGER | {"birth_date": "2010-01-02"})
    assert are_same_person(strangers, "sis:1", "ccwis:1")
    [task] = list_review_tasks(strangers, OPERATOR)
    assert (task.kind, task.reason, task.decisions) == ("recheck", "changed", (number,))
    make_decision(strangers, "SAME", ["sis:1", "ccwis:1"], supersedes=(number,))
    assert list_review_tasks(strangers, OPERATOR) == []


def test_decision_is_rechecked_from_its_recheck_date(strangers):
    number = make_decision(strangers, "SAME", ["sis:1", "ccwis:1"], recheck_on="2999-01-01")
    assert list_review_tasks(strangers, OPERATOR) == []
    with clock.fixed_clock(datetime(2999, 1, 1, tzinfo=UTC)):
        [task] = list_review_tasks(strangers, OPERATOR)
    assert (task.kind, task.reason, task.decisions) == ("recheck", "due", (number,))


def test_decision_on_a_withdrawn_record_applies_when_it_returns(strangers):
    withdraw(strangers, OPERATOR, "sis", "1")
    make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    upsert_record(strangers, "sis:1")
    assert are_same_person(strangers, "sis:1", "ccwis:1")


@pytest.mark.parametrize("enrolled", ["sis:1", "ccwis:1"])
@pytest.mark.parametrize("first", [("sis:1", "ccwis:1"), ("ccwis:1", "sis:1")])
def test_immediate_undo_of_different_restores_every_id(index, enrolled, first):
    for name in first:
        upsert_record(index, name)
    upsert_record(index, enrolled, enrollments=[{"school_id": "1", "entry_date": "2020-08-01"}])
    before = crosswalk(index)
    number = make_decision(index, "DIFFERENT", ("sis:1",), ("ccwis:1",))
    assert not are_same_person(index, "sis:1", "ccwis:1")
    undo_decision(index, OPERATOR, number)
    assert crosswalk(index) == before


def test_undo_states_what_the_model_still_joins_and_offers_the_opposite(one_child):
    number = make_decision(one_child, "SAME", ["sis:1", "ccwis:1"])
    previewed = undo_decision(one_child, OPERATOR, number, preview=True)
    assert get_decision(one_child, OPERATOR, number).status == "in_force"
    undone = undo_decision(one_child, OPERATOR, number)
    assert previewed.stays == undone.stays
    [unchanged] = undone.stays
    assert (unchanged.together, unchanged.because, unchanged.offer["kind"]) == (True, "model", "DIFFERENT")
    assert unchanged.offer["groups"] == [
        [{"source": "sis", "local_id": "1"}],
        [{"source": "ccwis", "local_id": "1"}],
    ]
    with pytest.raises(ConflictError, match="undone before"):
        undo_decision(one_child, OPERATOR, number)


def test_undo_states_what_another_decision_still_joins_or_separates(strangers):
    same = make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    [unchanged] = undo_decision(strangers, OPERATOR, same).stays
    assert (unchanged.together, unchanged.because) == (True, "decision")
    different = make_decision(strangers, "DIFFERENT", ["sis:1"], ["ccwis:2"])
    [unchanged] = undo_decision(strangers, OPERATOR, different).stays
    assert (unchanged.together, unchanged.because, unchanged.offer["kind"]) == (False, "model", "SAME")


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
def test_malformed_decision_is_refused(strangers, kind, groups):
    with pytest.raises(InputError):
        make_decision(strangers, kind, *groups)


@pytest.mark.parametrize("days", [{"recheck_on": "soon"}, {"effective_from": "2031-02-30"}])
def test_invalid_date_is_refused(strangers, days):
    with pytest.raises(InputError, match="YYYY-MM-DD"):
        make_decision(strangers, "SAME", ["sis:1", "ccwis:1"], **days)


def test_viewer_decides_and_reads_only_what_it_may_see(strangers):
    welfare_only = make_decision(strangers, "SAME", ["ccwis:1", "ccwis:2"])
    mixed = make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    for hidden in (welfare_only, mixed):
        with pytest.raises(NotFoundError):
            get_decision(strangers, SIS_ONLY, hidden)
        with pytest.raises(NotFoundError):
            undo_decision(strangers, SIS_ONLY, hidden)
    assert list_decisions(strangers, SIS_ONLY) == []
    for name in ("ccwis:1", "ccwis:999", "nowhere:1"):
        with pytest.raises(NotFoundError) as error:
            make_decision(strangers, "SAME", ["sis:1", name], viewer=SIS_ONLY)
        assert str(error.value) == "group 1, record 2: there is no such record"
    with pytest.raises(AccessDenied):
        make_decision(strangers, "SAME", ["sis:1", "ccwis:1"], viewer=Viewer("nobody", sources=None))


def test_hidden_decision_does_not_refuse_a_viewers_decision(strangers):
    upsert_record(
        strangers, "sis:2", first_name="Pia", last_name="Berg", birth_date="2003-03-03", postal_code=None
    )
    make_decision(strangers, "SAME", ["sis:1", "ccwis:1"])
    make_decision(strangers, "SAME", ["sis:2", "ccwis:1"])
    number = make_decision(strangers, "DIFFERENT", ["sis:1"], ["sis:2"], viewer=SIS_ONLY)
    assert not are_same_person(strangers, "sis:1", "sis:2")
    assert list_review_tasks(strangers, SIS_ONLY) == []
    assert [task.kind for task in list_review_tasks(strangers, OPERATOR)] == ["conflict"]
    assert get_decision(strangers, SIS_ONLY, number).by == "district"


def test_client_of_some_sources_takes_back_only_its_own_decision(strangers):
    upsert_record(
        strangers, "sis:2", first_name="Pia", last_name="Berg", birth_date="2003-03-03", postal_code=None
    )
    number = make_decision(strangers, "SAME", ["sis:1", "sis:2"], note="from the caseworker")
    assert get_decision(strangers, SIS_ONLY, number).notes == ()
    with pytest.raises(ConflictError, match="another client"):
        undo_decision(strangers, SIS_ONLY, number)
    with pytest.raises(ConflictError, match="another's"):
        make_decision(strangers, "DIFFERENT", ["sis:1"], ["sis:2"], viewer=SIS_ONLY, supersedes=(number,))
    undo_decision(strangers, OPERATOR, number)
    own_decision = make_decision(strangers, "SAME", ["sis:1", "sis:2"], viewer=SIS_ONLY)
    undo_decision(strangers, SIS_ONLY, own_decision)


def test_sealed_record_appears_in_no_decision(strangers):
    number = make_decision(strangers, "SAME", ["sis:1", "ccwis:1", "ccwis:2"], note="about all three")
    upsert(strangers, OPERATOR, "ccwis", make_child("1", restrictions=[{"kind": "sealed"}]))
    view = get_decision(strangers, OPERATOR, number)
    assert view.groups == (record_refs("sis:1", "ccwis:2"),)
    assert {record["local_id"] + record["source"] for record in view.seen} == {"1sis", "2ccwis"}
    assert len(view.evidence["pairs"]) == 1
    upsert(strangers, OPERATOR, "ccwis", make_child("2", restrictions=[{"kind": "sealed"}]))
    with pytest.raises(NotFoundError):
        get_decision(strangers, OPERATOR, number)
    assert list_decisions(strangers, OPERATOR) == []


def test_notes_and_answers_about_an_expunged_record_are_destroyed(strangers):
    """Notes describe a person, and stored answers name local IDs."""
    caller = replace(OPERATOR, idempotent_call=IdempotentCall("k", b"call"))
    make_decision(strangers, "SAME", ["sis:1", "ccwis:1"], viewer=caller, note="Xanthippe's cousin")
    remaining = make_decision(strangers, "DIFFERENT", ["sis:1"], ["ccwis:2"], note="about another")
    expunge(strangers, "ccwis", make_child("1"))
    with strangers.database.read(OPERATOR) as unit:
        assert unit.steps.notes([1, remaining]) == {remaining: ["about another"]}
        assert unit.idempotent_answers.get(OPERATOR.client, "k") is None
