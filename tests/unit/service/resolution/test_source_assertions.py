"""Test source assertions: same-as, not, merges and re-keys, and their undo."""

from datetime import UTC, datetime

import pytest

from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Action, Viewer
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.verify import verify
from mpi.service.persons.persons import look_up_crosswalk as look_up
from mpi.service.persons.persons import look_up_person
from mpi.service.records.source_pause import pause, resume
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.review.answers.responses import ResponseOptions, respond_to_question
from mpi.service.review.task_list import list_review_tasks
from mpi.service.stewardship.decisions import get_decision, list_decisions
from mpi.service.stewardship.merge_split_move import StepOptions, merge, split
from mpi.service.stewardship.overlays import refuse_overlay, release_overlay
from mpi.service.stewardship.owner_consent import give_consent, set_consent_required
from mpi.service.stewardship.rekey import rekey
from mpi.service.stewardship.undo import undo_decision, undo_step
from tests.index import OPERATOR, crosswalk, load_rows, make_child, partition_of
from tests.unit.service.stewardship.test_decisions import (
    are_same_person,
    make_decision,
    record_refs,
    upsert_record,
)

ZOE = {"first_name": "Zoe", "last_name": "Quist", "birth_date": "2001-05-06", "postal_code": "41111"}
MISTYPED = "T7K3-M92Q-X0HA"
NEVER_GIVEN = "T7K3-M92Q-X0HN"


def send_record(index, name: str, viewer=OPERATOR, **changes):
    source, local_id = name.split(":")
    assertions = {name: changes.pop(name) for name in ("same_as", "not") if name in changes}
    return upsert(index, viewer, source, make_child(local_id, **changes) | assertions)


def task_kinds(index) -> list[str]:
    return [task.kind for task in list_review_tasks(index, OPERATOR)]


def eid_of(index, name: str) -> str:
    return crosswalk(index)[tuple(name.split(":"))]


@pytest.fixture
def amara(index) -> str:
    """The EID of a child of ccwis."""
    return upsert_record(index, "ccwis:1")


def test_same_as_joins_until_its_source_retracts_it(index, amara):
    answer = send_record(index, "sis:9", **ZOE, same_as=amara)
    assert (answer.outcome, answer.enterprise_id) == ("linked", amara)
    send_record(index, "sis:9", **ZOE, grade="05")
    assert are_same_person(index, "sis:9", "ccwis:1")
    [view] = list_decisions(index, OPERATOR)
    assert (view.authority, view.origin, view.status) == ("source", "same_as", "in_force")
    assert len(view.evidence["pairs"]) == 1
    send_record(index, "sis:9", **ZOE, grade="05", same_as=None)
    assert not are_same_person(index, "sis:9", "ccwis:1")
    assert verify(index, OPERATOR) == []


def test_not_separates_what_the_model_would_link(index, amara):
    answer = upsert(index, OPERATOR, "sis", {**make_child("1"), "not": [amara]})
    assert answer.enterprise_id != amara
    upsert(index, OPERATOR, "sis", {**make_child("1"), "not": []})
    assert are_same_person(index, "sis:1", "ccwis:1")
    assert verify(index, OPERATOR) == []


def test_stewards_decision_outranks_a_source_and_opens_a_conflict_task(index, amara):
    send_record(index, "sis:9", **ZOE, same_as=amara)
    make_decision(index, "DIFFERENT", ["sis:9"], ["ccwis:1"])
    assert not are_same_person(index, "sis:9", "ccwis:1")
    assert task_kinds(index) == ["conflict"]


def test_assertion_that_contradicts_a_decision_changes_nothing_and_opens_a_task(index, amara):
    send_record(index, "sis:9", **ZOE)
    make_decision(index, "DIFFERENT", ["sis:9"], ["ccwis:1"])
    before = crosswalk(index)
    send_record(index, "sis:9", **ZOE, same_as=amara)
    assert crosswalk(index) == before
    assert task_kinds(index) == ["conflict"]
    assert verify(index, OPERATOR) == []


@pytest.mark.parametrize("eid", [MISTYPED, NEVER_GIVEN, "nonsense", ""])
def test_mistyped_eid_opens_a_review_and_never_links(index, amara, eid):
    answer = send_record(index, "sis:9", **ZOE, same_as=eid)
    assert (answer.outcome, answer.provisional, len(answer.tasks)) == ("review", True, 1)
    assert len(partition_of(index)) == 2
    [task] = list_review_tasks(index, OPERATOR)
    assert (task.kind, task.records) == ("claim", record_refs("sis:9"))
    [number] = task.decisions
    assert get_decision(index, OPERATOR, number).status == "review"
    undo_decision(index, OPERATOR, number)
    assert list_review_tasks(index, OPERATOR) == []


def test_eid_hidden_from_its_source_is_answered_like_an_unknown_one(index, amara):
    district = Viewer("district", None, frozenset(Action), frozenset({"sis"}))
    answers = [
        send_record(index, name, district, **ZOE | {"birth_date": day}, same_as=eid)
        for name, day, eid in (("sis:8", "2001-05-06", amara), ("sis:9", "2002-05-06", NEVER_GIVEN))
    ]
    assert (
        len({(answer.outcome, answer.record, answer.provisional, len(answer.tasks)) for answer in answers})
        == 1
    )
    assert len(partition_of(index)) == 3


def test_id_of_a_person_split_since_opens_a_review(index, amara):
    send_record(index, "ccwis:2", first_name="Amara", last_name="Okonkwo")
    other_eid = send_record(index, "sis:2", **ZOE).enterprise_id
    merge_effect = merge(index, OPERATOR, [amara, other_eid], StepOptions("x"), survivor=other_eid)
    newcomer = {"first_name": "Ulf", "last_name": "Berg", "birth_date": "1999-09-09"}
    assert send_record(index, "sis:7", **newcomer, same_as=amara).enterprise_id == other_eid
    send_record(index, "sis:7", **newcomer, same_as=None)
    split(
        index,
        OPERATOR,
        other_eid,
        [record_refs("ccwis:1"), record_refs("ccwis:2", "sis:2")],
        StepOptions("x", supersedes=merge_effect.decisions),
        keep=1,
    )
    assert len(look_up_person(index, OPERATOR, amara).now) == 2
    answer = send_record(index, "sis:7", **newcomer, same_as=amara)
    assert answer.enterprise_id not in {amara, other_eid}
    assert task_kinds(index) == ["claim"]


def test_reused_local_id_opens_a_review_and_never_links(index, amara):
    send_record(index, "sis:9", **ZOE, same_as=amara)
    assert are_same_person(index, "sis:9", "ccwis:1")
    send_record(
        index, "sis:9", first_name="Ulf", last_name="Berg", birth_date="2008-08-08", postal_code="45555"
    )
    assert task_kinds(index) == ["overlay"]
    release_overlay(index, OPERATOR, RecordRef("sis", "9"))
    assert not are_same_person(index, "sis:9", "ccwis:1")
    assert task_kinds(index) == ["claim"]
    assert verify(index, OPERATOR) == []


@pytest.fixture
def zoe(index, amara) -> str:
    """The EID of another child; the record sis:9 belongs to Amara."""
    upsert_record(index, "sis:9")
    return send_record(index, "ccwis:7", **ZOE).enterprise_id


def statuses(index) -> list[tuple[str, str]]:
    """Return kind and status of every assertion, oldest first."""
    return [(view.kind, view.status) for view in reversed(list_decisions(index, OPERATOR))]


def statuses_and_partition(index):
    """Return the assertions' statuses and the partition."""
    return statuses(index), partition_of(index)


def test_assertion_sent_with_an_overlay_applies_only_while_it_is_released(index, zoe):
    before = partition_of(index)
    answer = send_record(index, "sis:9", **ZOE, same_as=zoe)
    assert (answer.outcome, len(answer.tasks)) == ("held", 2)
    assert partition_of(index) == before
    assert sorted(task_kinds(index)) == ["claim", "overlay"]
    released = release_overlay(index, OPERATOR, RecordRef("sis", "9"))
    assert statuses(index) == [("SAME", "in_force")]
    assert are_same_person(index, "sis:9", "ccwis:7")
    assert task_kinds(index) == []
    undo_step(index, OPERATOR, released.step)
    assert partition_of(index) == before
    assert statuses(index) == [("SAME", "review")]
    assert verify(index, OPERATOR) == []


def test_assertion_about_the_earlier_child_is_reviewed_while_an_overlay_is_released(index, zoe, amara):
    send_record(index, "sis:9", same_as=amara)
    send_record(index, "sis:9", **ZOE, **{"same_as": zoe, "not": [amara]})
    assert statuses(index) == [("SAME", "in_force"), ("SAME", "review"), ("DIFFERENT", "review")]
    released = release_overlay(index, OPERATOR, RecordRef("sis", "9"))
    assert statuses(index) == [("SAME", "review"), ("SAME", "in_force"), ("DIFFERENT", "in_force")]
    assert are_same_person(index, "sis:9", "ccwis:7")
    undo_step(index, OPERATOR, released.step)
    assert statuses(index) == [("SAME", "in_force"), ("SAME", "review"), ("DIFFERENT", "review")]
    assert are_same_person(index, "sis:9", "ccwis:1")
    assert verify(index, OPERATOR) == []


@pytest.mark.parametrize("order", [(2, 3), (3, 2)], ids=["in-order", "older-one-late"])
def test_assertion_sent_with_an_overlay_waits_despite_a_late_older_statement(index, zoe, amara, order):
    statements = {2: {"grade": "05", "same_as": amara}, 3: {**ZOE, "same_as": zoe}}
    send_record(index, "sis:8", as_of="2026-01-01T00:00:00Z")
    for month in order:
        send_record(index, "sis:8", **statements[month], as_of=f"2026-0{month}-01T00:00:00Z")
    before = statuses_and_partition(index)
    assert are_same_person(index, "sis:8", "ccwis:1")
    released = release_overlay(index, OPERATOR, RecordRef("sis", "8"))
    assert are_same_person(index, "sis:8", "ccwis:7")
    assert sorted(statuses(index)) == [("SAME", "in_force"), ("SAME", "review")]
    undo_step(index, OPERATOR, released.step)
    assert statuses_and_partition(index) == before
    assert verify(index, OPERATOR) == []


def test_assertion_sent_with_a_refused_version_has_no_effect(index, zoe):
    before = partition_of(index)
    send_record(index, "sis:9", **ZOE)
    refuse_overlay(index, OPERATOR, RecordRef("sis", "9"))
    for _ in range(2):
        assert send_record(index, "sis:9", **ZOE, same_as=zoe).outcome == "held"
    assert partition_of(index) == before
    assert task_kinds(index) == ["claim"]
    assert verify(index, OPERATOR) == []


@pytest.mark.parametrize("changes", [{}, {"grade": "05"}], ids=["unchanged", "changed"])
def test_assertion_of_a_paused_source_applies_on_resume(index, zoe, amara, changes):
    send_record(index, "sis:9", same_as=amara)
    before = partition_of(index)
    pause(index, OPERATOR, "sis")
    for _ in range(2):
        assert send_record(index, "sis:9", **changes, same_as=zoe).tasks
    assert partition_of(index) == before
    assert statuses(index)[0] == ("SAME", "in_force")
    resume(index, OPERATOR, "sis")
    assert [status for _, status in statuses(index)] == ["review", "revoked", "in_force"]
    assert are_same_person(index, "sis:9", "ccwis:7")
    assert verify(index, OPERATOR) == []


def test_repeated_assertion_of_a_paused_source_opens_no_task(index, amara):
    send_record(index, "sis:9", **ZOE, same_as=amara)
    pause(index, OPERATOR, "sis")
    send_record(index, "sis:9", **ZOE, grade="05", same_as=amara)
    assert task_kinds(index) == []
    resume(index, OPERATOR, "sis")
    assert statuses(index) == [("SAME", "in_force")]


@pytest.mark.parametrize("grade", ["01", "02"], ids=["history", "unchanged"])
def test_late_statement_asserts_nothing_about_the_present(index, zoe, amara, grade):
    send_record(index, "sis:8", grade="02", as_of="2026-02-01T00:00:00Z", same_as=zoe)
    before = partition_of(index)
    send_record(index, "sis:8", grade=grade, as_of="2026-01-01T00:00:00Z", same_as=amara)
    send_record(index, "sis:8", grade=grade, as_of="2026-01-01T00:00:00Z", same_as=None)
    assert partition_of(index) == before
    assert statuses(index) == [("SAME", "in_force")]


def test_invalid_assertion_is_refused_and_nothing_is_stored(index):
    for invalid in ({"same_as": 7}, {"not": "x"}, {"not": [7]}, {"not": ["x"] * 21}):
        with pytest.raises(InputError):
            upsert(index, OPERATOR, "sis", {**make_child("1"), **invalid})
    assert crosswalk(index) == {}


def test_ccwis_merge_and_its_retraction(index):
    first = upsert_record(index, "ccwis:1")
    second = send_record(index, "ccwis:2", **ZOE).enterprise_id
    send_record(index, "ccwis:2", **ZOE, merged_into="1")
    assert are_same_person(index, "ccwis:1", "ccwis:2")
    withdraw(index, OPERATOR, "ccwis", "2")
    send_record(index, "ccwis:2", **ZOE, merged_into="1")
    assert are_same_person(index, "ccwis:1", "ccwis:2")
    send_record(index, "ccwis:2", **ZOE)
    assert (eid_of(index, "ccwis:1"), eid_of(index, "ccwis:2")) == (first, second)
    assert verify(index, OPERATOR) == []


def test_unmerged_id_stays_with_the_person_a_steward_chose(index):
    first = upsert_record(index, "ccwis:1")
    send_record(index, "ccwis:2", **ZOE, merged_into="1")
    other_eid = upsert_record(index, "sis:9", first_name="Ulf", last_name="Berg", birth_date="2008-08-08")
    merge(index, OPERATOR, [first, other_eid], StepOptions("seen"), survivor=first)
    load_rows(index, "ccwis", make_child("2", **ZOE), snapshot=Snapshot.FULL, confirm=True)
    assert crosswalk(index) == {("ccwis", "2"): first, ("sis", "9"): first}
    assert verify(index, OPERATOR) == []


def test_merge_by_a_source_holds_in_any_order_of_its_records(index):
    load_rows(index, "ccwis", make_child("2", **ZOE, merged_into="1"))
    assert len(crosswalk(index)) == 1
    load_rows(index, "ccwis", make_child("1"))
    assert are_same_person(index, "ccwis:1", "ccwis:2")
    assert verify(index, OPERATOR) == []


def undo_latest(index):
    undo_decision(index, OPERATOR, list_decisions(index, OPERATOR)[0].id)


def undo_with_owner_consent(index):
    set_consent_required(index, OPERATOR, "ccwis", asks=True)
    steward = Viewer("steward", None, ACTIONS_BY_ROLE[Role.STEWARD], None)
    owner = Viewer("owner", None, ACTIONS_BY_ROLE[Role.SOURCE_OWNER], frozenset({"ccwis"}))
    give_consent(index, owner, undo_decision(index, steward, list_decisions(index, steward)[0].id).step)


def revoke_on_recheck(index):
    load_rows(index, "ccwis", make_child("2", **ZOE | {"last_name": "Quister"}, merged_into="1"))
    revoke_on_desk(index, "recheck")


def revoke_on_conflict(index):
    different = make_decision(index, "DIFFERENT", ["ccwis:1"], ["ccwis:2"])
    revoke_on_desk(index, "conflict")
    undo_decision(index, OPERATOR, different)


def revoke_on_desk(index, kind: str):
    with index.database.read(OPERATOR) as unit:
        [task] = [task for task in unit.tasks.all() if task.kind == kind]
    respond_to_question(index, OPERATOR, task.question or task.key, "revoke", ResponseOptions("wrong-link"))


@pytest.mark.parametrize(
    "undo",
    [
        undo_latest,
        undo_with_owner_consent,
        revoke_on_recheck,
        revoke_on_conflict,
    ],
)
def test_merge_undone_by_a_steward_is_not_repeated_by_the_next_file(index, undo):
    load_rows(index, "ccwis", make_child("1"), make_child("2", **ZOE, merged_into="1"))
    undo(index)
    assert not are_same_person(index, "ccwis:1", "ccwis:2")
    load_rows(index, "ccwis", make_child("1"), make_child("2", **ZOE, merged_into="1", grade="05"))
    assert not are_same_person(index, "ccwis:1", "ccwis:2")
    load_rows(index, "ccwis", make_child("2", **ZOE))
    load_rows(index, "ccwis", make_child("2", **ZOE, merged_into="1"))
    assert not are_same_person(index, "ccwis:1", "ccwis:2")


def test_merge_undone_with_an_overlay_release_returns_with_the_next_release(index):
    upsert_record(index, "ccwis:1")
    upsert_record(index, "ccwis:2", first_name="Ulf", last_name="Berg", birth_date="2008-08-08")
    send_record(index, "ccwis:2", **ZOE, merged_into="1")
    released = release_overlay(index, OPERATOR, RecordRef("ccwis", "2"))
    assert are_same_person(index, "ccwis:1", "ccwis:2")
    undo_step(index, OPERATOR, released.step)
    assert not are_same_person(index, "ccwis:1", "ccwis:2")
    release_overlay(index, OPERATOR, RecordRef("ccwis", "2"))
    assert are_same_person(index, "ccwis:1", "ccwis:2")


def test_merge_by_a_source_ends_with_the_undo_of_its_load(index):
    load_rows(index, "ccwis", make_child("1"), make_child("2", **ZOE), as_of=datetime(2026, 3, 1, tzinfo=UTC))
    wrong_load = load_rows(
        index, "ccwis", make_child("2", **ZOE, merged_into="1"), as_of=datetime(2026, 3, 2, tzinfo=UTC)
    )
    assert are_same_person(index, "ccwis:1", "ccwis:2")
    undo_load(index, OPERATOR, wrong_load.batch)
    assert not are_same_person(index, "ccwis:1", "ccwis:2")
    new_load = load_rows(index, "ccwis", make_child("3", **ZOE | {"sex": "M"}, merged_into="1"))
    undo_load(index, OPERATOR, new_load.batch)
    assert [decision.status for decision in list_decisions(index, OPERATOR)] == ["revoked", "revoked"]
    assert verify(index, OPERATOR) == []


@pytest.mark.parametrize("withdrawn", [False, True], ids=["active", "withdrawn"])
def test_assertion_under_review_applies_again_when_the_wrong_load_is_undone(index, amara, withdrawn):
    send_record(index, "sis:9", **ZOE, **{"same_as": amara, "not": ["T7K3-M92Q-X0HN"]})
    if withdrawn:
        withdraw(index, OPERATOR, "sis", "9")
    before = statuses_and_partition(index)
    wrong_load = load_rows(
        index, "sis", make_child("9", **ZOE | {"last_name": "Quirst", "birth_date": "2001-06-05"})
    )
    assert statuses(index) == [("SAME", "review"), ("DIFFERENT", "review")]
    assert not are_same_person(index, "sis:9", "ccwis:1")
    undo_load(index, OPERATOR, wrong_load.batch)
    assert statuses_and_partition(index) == before
    assert verify(index, OPERATOR) == []


def test_assertion_under_review_applies_again_when_the_overlay_release_is_undone(index, amara):
    send_record(index, "sis:9", **ZOE, same_as=amara)
    send_record(
        index, "sis:9", first_name="Ulf", last_name="Berg", birth_date="2008-08-08", postal_code="45555"
    )
    before = statuses_and_partition(index)
    released = release_overlay(index, OPERATOR, RecordRef("sis", "9"))
    assert statuses(index) == [("SAME", "review")]
    undo_step(index, OPERATOR, released.step)
    assert statuses_and_partition(index) == before
    assert verify(index, OPERATOR) == []


def test_merge_by_a_source_ends_with_the_undo_of_the_load_that_returned_its_record(index, amara):
    send_record(index, "ccwis:2", **ZOE)
    upsert_record(index, "sis:5", first_name="Ulf", last_name="Berg", birth_date="2008-08-08")
    make_decision(index, "SAME", ["ccwis:2", "sis:5"])
    withdraw(index, OPERATOR, "ccwis", "2")
    before = partition_of(index)
    returning_load = load_rows(index, "ccwis", make_child("2", **ZOE, merged_into="1"))
    assert are_same_person(index, "ccwis:1", "sis:5")
    undo_load(index, OPERATOR, returning_load.batch)
    assert statuses_and_partition(index) == ([("SAME", "in_force"), ("SAME", "revoked")], before)
    assert verify(index, OPERATOR) == []


def test_merge_by_a_source_ends_with_the_undo_of_its_load_after_a_withdrawal(index, amara):
    send_record(index, "ccwis:2", **ZOE)
    upsert_record(index, "sis:5", first_name="Ulf", last_name="Berg", birth_date="2008-08-08")
    make_decision(index, "SAME", ["ccwis:2", "sis:5"])
    wrong_load = load_rows(index, "ccwis", make_child("2", **ZOE, merged_into="1"))
    withdraw(index, OPERATOR, "ccwis", "2")
    assert are_same_person(index, "ccwis:1", "sis:5")
    undo_load(index, OPERATOR, wrong_load.batch)
    assert not are_same_person(index, "ccwis:1", "sis:5")
    assert verify(index, OPERATOR) == []


def test_merge_of_a_withdrawn_record_holds_after_undo_of_the_load_that_returned_it(index, amara):
    send_record(index, "ccwis:2", **ZOE, merged_into="1")
    upsert_record(index, "sis:5", first_name="Ulf", last_name="Berg", birth_date="2008-08-08")
    make_decision(index, "SAME", ["ccwis:2", "sis:5"])
    withdraw(index, OPERATOR, "ccwis", "2")
    before = partition_of(index)
    assert are_same_person(index, "ccwis:1", "sis:5")
    returning_load = load_rows(index, "ccwis", make_child("2", **ZOE))
    assert not are_same_person(index, "ccwis:1", "sis:5")
    undo_load(index, OPERATOR, returning_load.batch)
    assert partition_of(index) == before
    assert verify(index, OPERATOR) == []


def test_decisions_links_and_ids_follow_a_rekey(index, amara):
    send_record(index, "sis:9", **ZOE)
    number = make_decision(index, "SAME", ["sis:9", "ccwis:1"])
    result = rekey(index, OPERATOR, "sis", {"9": "2027-9"})
    assert (result.rekeyed, result.review, result.unknown) == (1, (), ())
    assert crosswalk(index) == {("sis", "2027-9"): amara, ("ccwis", "1"): amara}
    assert set(get_decision(index, OPERATOR, number).groups[0]) == set(record_refs("sis:2027-9", "ccwis:1"))
    with pytest.raises(NotFoundError):
        look_up(index, OPERATOR, "sis", "9")
    assert verify(index, OPERATOR) == []
    undo_step(index, OPERATOR, result.step)
    assert crosswalk(index) == {("sis", "9"): amara, ("ccwis", "1"): amara}
    with pytest.raises(ConflictError, match="undone before"):
        undo_step(index, OPERATOR, result.step)
    assert verify(index, OPERATOR) == []


def test_rekey_to_the_id_of_another_record_opens_a_review_and_never_links(index):
    upsert_record(index, "sis:1")
    send_record(index, "sis:2", **ZOE)
    before = crosswalk(index)
    result = rekey(index, OPERATOR, "sis", {"1": "2"})
    assert (result.rekeyed, result.review, result.step) == (0, ("2",), None)
    assert crosswalk(index) == before
    [task] = list_review_tasks(index, OPERATOR)
    assert (task.kind, task.records) == ("claim", record_refs("sis:1", "sis:2"))


def test_local_ids_may_be_exchanged_and_chained_in_one_rekey(index):
    upsert_record(index, "sis:1")
    send_record(index, "sis:2", **ZOE)
    first_eid, second_eid = eid_of(index, "sis:1"), eid_of(index, "sis:2")
    assert rekey(index, OPERATOR, "sis", {"1": "2", "2": "1"}).rekeyed == 2
    assert (eid_of(index, "sis:2"), eid_of(index, "sis:1")) == (first_eid, second_eid)
    result = rekey(index, OPERATOR, "sis", {"1": "2", "2": "3", "9": "10"})
    assert (result.rekeyed, result.unknown) == (2, ("9",))
    assert (eid_of(index, "sis:3"), eid_of(index, "sis:2")) == (first_eid, second_eid)
    undo_step(index, OPERATOR, result.step)
    assert (eid_of(index, "sis:2"), eid_of(index, "sis:1")) == (first_eid, second_eid)
    assert verify(index, OPERATOR) == []


def test_invalid_rekey_is_refused_completely(index):
    upsert_record(index, "sis:1")
    with pytest.raises(InputError):
        rekey(index, OPERATOR, "sis", {"1": "3", "2": "3"})
    with pytest.raises(NotFoundError):
        rekey(index, OPERATOR, "sis", {"7": "8"})
    with pytest.raises(AccessDenied):
        rekey(index, Viewer("x", None, frozenset(Action), frozenset({"ccwis"})), "sis", {"1": "2"})
    upsert(index, OPERATOR, "sis", make_child("5", restrictions=[{"kind": "sealed"}]))
    with pytest.raises(NotFoundError):
        rekey(index, OPERATOR, "sis", {"5": "6"})
    assert rekey(index, OPERATOR, "sis", {"1": "5"}).rekeyed == 0
    assert list_review_tasks(index, OPERATOR) == []
