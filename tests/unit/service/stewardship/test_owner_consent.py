"""Test owner consent: steps on a source's records wait for its owner's consent."""

from dataclasses import replace

import pytest

from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.source import SourceKind
from mpi.domain.viewer import Action, IdempotentCall, SecondApprover, Viewer
from mpi.service.maintenance.verify import verify
from mpi.service.persons.lineage import look_up_lineage
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.review.task_list import list_review_tasks
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.decisions import DecisionRequest, decide, get_decision, list_decisions
from mpi.service.stewardship.freeze_windows import add_freeze_window
from mpi.service.stewardship.merge_split_move import StepOptions, merge, move, split
from mpi.service.stewardship.owner_consent import give_consent, refuse_consent, set_consent_required
from mpi.service.stewardship.pending_steps import list_pending_steps
from mpi.service.stewardship.rekey import rekey
from mpi.service.stewardship.undo import undo_decision, undo_step
from tests.index import OPERATOR, crosswalk, make_child, with_settings
from tests.unit.service.stewardship.test_decisions import are_same_person, record_refs, upsert_record

STEWARD = Viewer("steward", None, ACTIONS_BY_ROLE[Role.APPROVER], None)
OTHER = Viewer("other", None, frozenset(Action), None)
OWNER = Viewer("owner", None, ACTIONS_BY_ROLE[Role.SOURCE_OWNER], frozenset({"ccwis"}))
SCHOOL = Viewer("school", None, frozenset(Action) - {Action.CONSENT}, frozenset({"sis"}))
BOTH = Viewer("both", None, frozenset(Action), frozenset({"sis", "ccwis"}))
BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02", "postal_code": "44444"}


@pytest.fixture
def consent_index(index):
    """An index in which child welfare requires consent, with a child of each agency."""
    set_consent_required(index, OPERATOR, "ccwis", asks=True)
    upsert_record(index, "sis:1")
    upsert_record(index, "ccwis:1", **BO)
    return index


def both_eids(index) -> list[str]:
    links = crosswalk(index)
    return [links["sis", "1"], links["ccwis", "1"]]


def merge_both(index, viewer=STEWARD, **why):
    return merge(index, viewer, both_eids(index), StepOptions("x", **why))


def the_pending_step(index, viewer):
    [step] = list_pending_steps(index, viewer)
    return step


def test_merge_waits_for_the_owner_and_its_preview_names_the_source(consent_index):
    eids = both_eids(consent_index)
    previewed, effect = merge_both(consent_index, preview=True), merge_both(consent_index)
    assert (previewed.awaiting, previewed.approval, previewed.consent_of) == (True, False, ("ccwis",))
    assert (effect.awaiting, effect.consent_of, effect.moved) == (True, ("ccwis",), ())
    assert both_eids(consent_index) == eids
    assert get_decision(consent_index, STEWARD, effect.decisions[0]).status == "awaiting"
    assert list_review_tasks(consent_index, OPERATOR) == []
    pending = the_pending_step(consent_index, STEWARD)
    assert (pending.step, pending.kind, pending.by, pending.approval) == (
        effect.step,
        "merge",
        "steward",
        False,
    )
    assert [(consent.source, consent.status) for consent in pending.consents] == [("ccwis", "asked")]
    consent = give_consent(consent_index, OWNER, effect.step)
    assert not consent.awaiting
    assert len(set(both_eids(consent_index))) == 1
    assert list_pending_steps(consent_index, STEWARD) == list_pending_steps(consent_index, OWNER) == []
    [given_consent] = get_decision(consent_index, STEWARD, effect.decisions[0]).consents
    assert (given_consent.status, given_consent.by) == ("given", "owner")
    assert verify(consent_index, OPERATOR) == []


def test_owner_sees_its_own_records_and_nothing_of_the_other_ones(consent_index):
    merge_both(consent_index, note="their school says so")
    pending = the_pending_step(consent_index, OWNER)
    assert pending.records == record_refs("ccwis:1")
    assert (pending.kind, pending.by, pending.reason) == ("change", None, None)
    assert (pending.decisions, pending.approval) == ((), False)
    assert pending.may_consent == ("ccwis",)
    previewed = give_consent(consent_index, OWNER, pending.step, preview=True)
    assert (previewed.kind, previewed.decisions) == ("consent", ())
    assert "sis" not in str(previewed) + str(pending)
    assert len(set(both_eids(consent_index))) == 2
    eids = both_eids(consent_index)
    give_consent(consent_index, OWNER, pending.step)
    [move] = previewed.moved
    assert (move.local_id, move.before, move.after) == ("1", eids[1], None)


def test_step_waiting_for_a_hidden_source_is_hidden_from_the_reader(consent_index):
    upsert_record(consent_index, "sis:2", **BO)
    effect = decide(
        consent_index, STEWARD, DecisionRequest(DecisionKind.SAME, (record_refs("sis:1", "sis:2"),), "x")
    )
    assert effect.consent_of == ("ccwis",)
    assert list_pending_steps(consent_index, SCHOOL) == []
    assert list_decisions(consent_index, SCHOOL) == []
    with pytest.raises(NotFoundError):
        get_decision(consent_index, SCHOOL, effect.decisions[0])
    for number in (effect.step, 99):
        with pytest.raises(NotFoundError, match="there is no step"):
            approve(consent_index, SCHOOL, number)
    refuse_consent(consent_index, OWNER, effect.step)
    assert list_decisions(consent_index, SCHOOL) == []
    assert "owner" not in str(look_up_lineage(consent_index, SCHOOL, both_eids(consent_index)[0]))
    assert len(list_decisions(consent_index, STEWARD)) == 1


def test_author_waits_only_for_owners_whose_records_it_may_see(consent_index):
    upsert_record(consent_index, "sis:2", **BO)
    assert are_same_person(consent_index, "sis:2", "ccwis:1")
    request = DecisionRequest(DecisionKind.DIFFERENT, (record_refs("sis:1"), record_refs("sis:2")), "x")
    assert not decide(consent_index, SCHOOL, request, preview=True).awaiting
    assert decide(consent_index, STEWARD, request, preview=True).consent_of == ("ccwis",)


def test_refusal_ends_the_step_and_states_author_and_reason(consent_index):
    eids = both_eids(consent_index)
    effect = merge_both(consent_index)
    assert refuse_consent(consent_index, OWNER, effect.step, "not-our-child", preview=True).preview
    refusal = refuse_consent(consent_index, OWNER, effect.step, "not-our-child")
    assert (refusal.kind, refusal.moved) == ("refusal", ())
    decision = get_decision(consent_index, STEWARD, effect.decisions[0])
    assert (decision.status, decision.ended_by) == ("revoked", "owner")
    assert [(consent.status, consent.reason) for consent in decision.consents] == [
        ("refused", "not-our-child")
    ]
    assert both_eids(consent_index) == eids
    for call in (give_consent, refuse_consent):
        with pytest.raises(ConflictError, match="does not wait"):
            call(consent_index, OWNER, effect.step)
    with pytest.raises(ConflictError):
        approve(consent_index, OTHER, effect.step)
    with pytest.raises(ConflictError):
        undo_step(consent_index, STEWARD, effect.step)
    assert list_pending_steps(consent_index, STEWARD) == []
    assert verify(consent_index, OPERATOR) == []


def test_only_the_owner_gives_consent(consent_index):
    effect = merge_both(consent_index)
    strangers = [
        replace(OWNER, sources=frozenset({"sis"})),
        replace(OWNER, sources=None),
        OPERATOR,
        OTHER,
    ]
    for stranger in strangers:
        for number in (effect.step, 99, 2**70):
            with pytest.raises(NotFoundError):
                give_consent(consent_index, stranger, number)
    for denied in (SCHOOL, replace(OWNER, actions=ACTIONS_BY_ROLE[Role.STEWARD])):
        with pytest.raises(AccessDenied):
            give_consent(consent_index, denied, effect.step)
    assert list_pending_steps(consent_index, replace(OWNER, sources=frozenset({"sis"}))) == []
    with pytest.raises(InputError):
        give_consent(consent_index, OWNER, effect.step, "")
    give_consent(consent_index, OWNER, effect.step)
    with pytest.raises(ConflictError):
        give_consent(consent_index, OWNER, effect.step)


def test_owners_own_decision_needs_no_consent(consent_index):
    effect = merge_both(consent_index, BOTH)
    assert not effect.awaiting
    assert len(set(both_eids(consent_index))) == 1


def test_author_who_later_becomes_owner_cannot_consent_to_the_own_step(consent_index):
    maker = replace(BOTH, actions=frozenset(Action) - {Action.CONSENT})
    effect = merge_both(consent_index, maker)
    assert effect.consent_of == ("ccwis",)
    assert the_pending_step(consent_index, BOTH).may_consent == ()
    with pytest.raises(ConflictError, match="your own"):
        give_consent(consent_index, BOTH, effect.step)
    with pytest.raises(ConflictError, match="your own"):
        refuse_consent(consent_index, BOTH, effect.step)
    give_consent(consent_index, OWNER, effect.step)


def test_approval_and_consent_are_both_needed_in_either_order(consent_index):
    approval_index = with_settings(consent_index, second_approver=SecondApprover.ALWAYS)
    eids = both_eids(consent_index)
    for first, second in ((approve, give_consent), (give_consent, approve)):
        viewer = {approve: OTHER, give_consent: OWNER}
        effect = merge_both(approval_index)
        assert (effect.approval, effect.consent_of) == (True, ("ccwis",))
        previewed = first(approval_index, viewer[first], effect.step, preview=True)
        first_effect = first(approval_index, viewer[first], effect.step)
        assert first_effect.moved == ()
        if first is approve:
            assert (first_effect.awaiting, first_effect.approval, first_effect.consent_of) == (
                True,
                False,
                ("ccwis",),
            )
            assert previewed.moved
        assert both_eids(approval_index) == eids
        second_effect = second(approval_index, viewer[second], effect.step)
        assert not second_effect.awaiting
        assert len(set(both_eids(approval_index))) == 1
        undo = undo_step(approval_index, STEWARD, effect.step)
        assert (undo.approval, undo.consent_of) == (True, ("ccwis",))
        approve(approval_index, OTHER, undo.step)
        assert len(set(both_eids(approval_index))) == 1
        give_consent(approval_index, OWNER, undo.step)
        assert both_eids(approval_index) == eids
    assert verify(approval_index, OPERATOR) == []


def test_undo_of_a_consented_step_needs_consent_even_if_no_longer_required(consent_index):
    effect = merge_both(consent_index)
    give_consent(consent_index, OWNER, effect.step)
    set_consent_required(consent_index, OPERATOR, "ccwis", asks=False)
    previewed, undo = (
        undo_step(consent_index, STEWARD, effect.step, preview=True),
        undo_step(consent_index, STEWARD, effect.step),
    )
    assert (previewed.consent_of, undo.consent_of, undo.moved) == (("ccwis",), ("ccwis",), ())
    assert len(set(both_eids(consent_index))) == 1
    with pytest.raises(ConflictError, match="which waits"):
        undo_decision(consent_index, OTHER, effect.decisions[0])
    assert [decision.kind.value for decision in the_pending_step(consent_index, STEWARD).decisions] == [
        "SAME"
    ]
    refuse_consent(consent_index, OWNER, undo.step)
    assert (list_pending_steps(consent_index, STEWARD), len(set(both_eids(consent_index)))) == ([], 1)
    second_undo = undo_step(consent_index, STEWARD, effect.step)
    give_consent(consent_index, OWNER, second_undo.step)
    assert len(set(both_eids(consent_index))) == 2


def test_author_takes_back_a_waiting_undo(consent_index):
    effect = merge_both(consent_index)
    give_consent(consent_index, OWNER, effect.step)
    undo = undo_step(consent_index, STEWARD, effect.step)
    undo_step(consent_index, STEWARD, undo.step)
    assert list_pending_steps(consent_index, OWNER) == []
    with pytest.raises(ConflictError):
        give_consent(consent_index, OWNER, undo.step)
    assert len(set(both_eids(consent_index))) == 1
    assert verify(consent_index, OPERATOR) == []


def test_owner_undoes_a_consented_step_without_asking_itself(consent_index):
    effect = merge_both(consent_index)
    give_consent(consent_index, OWNER, effect.step)
    assert not undo_step(consent_index, replace(BOTH, client="steward"), effect.step).awaiting


def test_disabling_consent_approves_nothing_and_enabling_it_affects_waiting_steps(consent_index):
    effect = merge_both(consent_index)
    set_consent_required(consent_index, OPERATOR, "ccwis", asks=False)
    assert the_pending_step(consent_index, OWNER).step == effect.step
    give_consent(consent_index, OWNER, effect.step)
    assert len(set(both_eids(consent_index))) == 1
    undo = undo_step(consent_index, STEWARD, effect.step)
    give_consent(consent_index, OWNER, undo.step)
    approval_index = with_settings(consent_index, second_approver=SecondApprover.ALWAYS)
    waiting = merge_both(approval_index)
    assert waiting.consent_of == ()
    set_consent_required(consent_index, OPERATOR, "ccwis", asks=True)
    assert approve(approval_index, OTHER, waiting.step).consent_of == ("ccwis",)
    assert len(set(both_eids(approval_index))) == 2
    give_consent(approval_index, OWNER, waiting.step)
    assert len(set(both_eids(approval_index))) == 1


def test_owner_of_a_record_that_joins_while_a_step_waits_is_asked_too(consent_index):
    add_source(consent_index, OPERATOR, NewSource("health"))
    set_consent_required(consent_index, OPERATOR, "health", asks=True)
    health = replace(OWNER, client="nurse", sources=frozenset({"health"}))
    effect = merge_both(consent_index)
    upsert_record(consent_index, "health:1", **BO)
    assert are_same_person(consent_index, "health:1", "ccwis:1")
    give_consent(consent_index, OWNER, effect.step)
    assert len(set(both_eids(consent_index))) == 2
    assert the_pending_step(consent_index, health).records == record_refs("health:1")
    give_consent(consent_index, health, effect.step)
    assert len(set(both_eids(consent_index))) == 1


def test_owner_of_several_sources_consents_for_all_of_them(consent_index):
    set_consent_required(consent_index, OPERATOR, "sis", asks=True)
    school = replace(OWNER, client="principal", sources=frozenset({"sis"}))
    effect = merge_both(consent_index)
    assert effect.consent_of == ("ccwis", "sis")
    consent = give_consent(consent_index, OWNER, effect.step)
    assert (consent.consent_of, consent.awaiting) == ((), False)
    assert len(set(both_eids(consent_index))) == 2
    assert list_pending_steps(consent_index, OWNER)[0].may_consent == ()
    give_consent(consent_index, school, effect.step)
    assert len(set(both_eids(consent_index))) == 1
    undo = undo_step(consent_index, STEWARD, effect.step)
    give_consent(consent_index, BOTH, undo.step)
    assert len(set(both_eids(consent_index))) == 2


def test_consent_stays_valid_through_rekey_and_withdrawal(consent_index):
    effect = merge_both(consent_index)
    rekey(consent_index, OPERATOR, "ccwis", {"1": "9"})
    assert the_pending_step(consent_index, OWNER).records == record_refs("ccwis:9")
    withdraw(consent_index, OPERATOR, "ccwis", "9")
    give_consent(consent_index, OWNER, effect.step)
    upsert(consent_index, OPERATOR, "ccwis", make_child("9", **BO, as_of=clock.format_timestamp(clock.now())))
    assert are_same_person(consent_index, "sis:1", "ccwis:9")
    assert verify(consent_index, OPERATOR) == []


def test_waiting_step_on_a_sealed_record_is_hidden_and_has_no_effect(consent_index):
    effect = merge_both(consent_index)
    upsert(consent_index, OPERATOR, "ccwis", make_child("1", **BO, restrictions=[{"kind": "sealed"}]))
    assert list_pending_steps(consent_index, STEWARD) == []
    pending = list_pending_steps(consent_index, OWNER)
    assert [pending_step.records for pending_step in pending] in ([], [()])
    links = crosswalk(consent_index)
    if pending:
        give_consent(consent_index, OWNER, effect.step)
    assert crosswalk(consent_index) == links
    assert verify(consent_index, OPERATOR) == []


def test_split_move_decision_and_correction_wait_for_consent_too(consent_index):
    upsert_record(consent_index, "sis:2", **BO)
    eid = both_eids(consent_index)[1]
    parts = [record_refs("sis:2"), record_refs("ccwis:1")]
    assert split(consent_index, STEWARD, eid, parts, StepOptions("x", preview=True)).consent_of == ("ccwis",)
    assert move(
        consent_index,
        STEWARD,
        eid,
        record_refs("sis:2"),
        both_eids(consent_index)[0],
        StepOptions("x", preview=True),
    ).consent_of
    unsure = DecisionRequest(DecisionKind.UNSURE, (record_refs("sis:1", "ccwis:1"),), "x")
    assert decide(consent_index, STEWARD, unsure, preview=True).consent_of == ()
    different = DecisionRequest(DecisionKind.DIFFERENT, (record_refs("sis:1"), record_refs("sis:2")), "x")
    effect = decide(consent_index, STEWARD, different)
    assert effect.consent_of == ("ccwis",)
    give_consent(consent_index, OWNER, effect.step)
    assert get_decision(consent_index, STEWARD, effect.decisions[0]).status == "in_force"


def test_freeze_window_holds_a_consented_step(consent_index):
    effect = merge_both(consent_index)
    today = clock.today()
    add_freeze_window(
        consent_index, OPERATOR, "ccwis", today, str(int(today[:4]) + 1) + today[4:7] + "-01", "count-day"
    )
    give_consent(consent_index, OWNER, effect.step)
    assert get_decision(consent_index, STEWARD, effect.decisions[0]).status == "pending"
    assert len(set(both_eids(consent_index))) == 2


def test_repeated_consent_with_its_idempotency_key_is_given_once(consent_index):
    effect = merge_both(consent_index)
    caller = replace(OWNER, idempotent_call=IdempotentCall("k", b"call"))
    consents = [give_consent(consent_index, caller, effect.step) for _ in range(2)]
    assert [len(consent.moved) for consent in consents] == [1, 1]
    assert len(set(both_eids(consent_index))) == 1


def test_stewards_source_has_no_owner(consent_index):
    add_source(consent_index, OPERATOR, NewSource("STEWARD", kind=SourceKind.STEWARD))
    with pytest.raises(ConflictError):
        set_consent_required(consent_index, OPERATOR, "STEWARD", asks=True)
    with pytest.raises(NotFoundError):
        set_consent_required(consent_index, OPERATOR, "nowhere", asks=True)
    with pytest.raises(AccessDenied):
        set_consent_required(consent_index, OWNER, "ccwis", asks=False)
