"""An owner's consent: what others decide of a source's records waits for its owner, where the source asks."""

from dataclasses import replace

import pytest

from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.source_kind import SourceKind
from mpi.domain.viewer import Action, IdempotentCall, SecondApprover, Viewer
from mpi.service.maintenance.verify import verify
from mpi.service.persons.persons import look_up_lineage
from mpi.service.records.upsert import upsert, withdraw
from mpi.service.review.tasks import list_review_tasks
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.decisions import DecisionRequest, decide, get_decision, list_decisions
from mpi.service.stewardship.freeze_windows import add_freeze_window
from mpi.service.stewardship.merge import StepOptions, merge, move, split
from mpi.service.stewardship.owner_consent import give_consent, refuse_consent, set_consent_required
from mpi.service.stewardship.pending_steps import list_pending_steps
from mpi.service.stewardship.rekey import rekey
from mpi.service.stewardship.undo import undo_decision, undo_step
from tests.index import OPERATOR, a_child, crosswalk, with_settings
from tests.unit.service.stewardship.test_decisions import record_refs, upsert_record, are_same_person

STEWARD = Viewer("steward", None, ACTIONS_BY_ROLE[Role.APPROVER], None)
OTHER = Viewer("other", None, frozenset(Action), None)
OWNER = Viewer("owner", None, ACTIONS_BY_ROLE[Role.SOURCE_OWNER], frozenset({"ccwis"}))
SCHOOL = Viewer("school", None, frozenset(Action) - {Action.CONSENT}, frozenset({"sis"}))
BOTH = Viewer("both", None, frozenset(Action), frozenset({"sis", "ccwis"}))
BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02", "postal_code": "44444"}


@pytest.fixture
def asking(index):
    """An index where the welfare agency asks for consent, and a child of each agency."""
    set_consent_required(index, OPERATOR, "ccwis", asks=True)
    upsert_record(index, "sis:1")
    upsert_record(index, "ccwis:1", **BO)
    return index


def both(index) -> list[str]:
    links = crosswalk(index)
    return [links["sis", "1"], links["ccwis", "1"]]


def merged(index, viewer=STEWARD, **why):
    return merge(index, viewer, both(index), StepOptions("x", **why))


def one(index, viewer):
    [step] = list_pending_steps(index, viewer)
    return step


def test_a_merge_waits_for_the_owner_of_a_record_and_its_preview_says_whom(asking):
    eids = both(asking)
    seen, made = merged(asking, preview=True), merged(asking)
    assert (seen.awaiting, seen.approval, seen.consent_of) == (True, False, ("ccwis",))
    assert (made.awaiting, made.consent_of, made.moved) == (True, ("ccwis",), ())
    assert both(asking) == eids
    assert get_decision(asking, STEWARD, made.decisions[0]).status == "awaiting"
    assert list_review_tasks(asking, OPERATOR) == []
    shown = one(asking, STEWARD)
    assert (shown.step, shown.kind, shown.by, shown.approval) == (made.step, "merge", "steward", False)
    assert [(c.source, c.status) for c in shown.consents] == [("ccwis", "asked")]
    told = give_consent(asking, OWNER, made.step)
    assert not told.awaiting
    assert len(set(both(asking))) == 1
    assert list_pending_steps(asking, STEWARD) == list_pending_steps(asking, OWNER) == []
    [given] = get_decision(asking, STEWARD, made.decisions[0]).consents
    assert (given.status, given.by) == ("given", "owner")
    assert verify(asking, OPERATOR) == []


def test_the_owner_is_shown_its_own_records_and_nothing_of_whom_they_would_join(asking):
    merged(asking, note="their school says so")
    shown = one(asking, OWNER)
    assert shown.records == record_refs("ccwis:1")
    assert (shown.kind, shown.by, shown.reason) == ("change", None, None)
    assert (shown.decisions, shown.approval) == ((), False)
    assert shown.may_consent == ("ccwis",)
    seen = give_consent(asking, OWNER, shown.step, preview=True)
    assert (seen.kind, seen.decisions) == ("consent", ())
    assert "sis" not in str(seen) + str(shown)
    assert len(set(both(asking))) == 2
    eids = both(asking)
    give_consent(asking, OWNER, shown.step)
    [line] = seen.moved
    assert (line.local_id, line.before, line.after) == ("1", eids[1], None)


def test_a_step_between_two_of_the_readers_records_that_waits_for_a_third_is_not_there_for_him(asking):
    upsert_record(asking, "sis:2", **BO)
    made = decide(asking, STEWARD, DecisionRequest(DecisionKind.SAME, (record_refs("sis:1", "sis:2"),), "x"))
    assert made.consent_of == ("ccwis",)
    assert list_pending_steps(asking, SCHOOL) == []
    assert list_decisions(asking, SCHOOL) == []
    with pytest.raises(NotFoundError):
        get_decision(asking, SCHOOL, made.decisions[0])
    for number in (made.step, 99):
        with pytest.raises(NotFoundError, match="there is no step"):
            approve(asking, SCHOOL, number)
    refuse_consent(asking, OWNER, made.step)
    assert list_decisions(asking, SCHOOL) == []
    assert "owner" not in str(look_up_lineage(asking, SCHOOL, both(asking)[0]))
    assert len(list_decisions(asking, STEWARD)) == 1


def test_a_maker_is_asked_to_wait_only_for_owners_whose_records_it_may_see(asking):
    upsert_record(asking, "sis:2", **BO)
    assert are_same_person(asking, "sis:2", "ccwis:1")
    said = DecisionRequest(DecisionKind.DIFFERENT, (record_refs("sis:1"), record_refs("sis:2")), "x")
    assert not decide(asking, SCHOOL, said, preview=True).awaiting
    assert decide(asking, STEWARD, said, preview=True).consent_of == ("ccwis",)


def test_a_refusal_ends_the_step_and_says_who_and_why(asking):
    eids = both(asking)
    made = merged(asking)
    assert refuse_consent(asking, OWNER, made.step, "not-our-child", preview=True).preview
    ended = refuse_consent(asking, OWNER, made.step, "not-our-child")
    assert (ended.kind, ended.moved) == ("refusal", ())
    shown = get_decision(asking, STEWARD, made.decisions[0])
    assert (shown.status, shown.ended_by) == ("revoked", "owner")
    assert [(c.status, c.reason) for c in shown.consents] == [("refused", "not-our-child")]
    assert both(asking) == eids
    for again in (give_consent, refuse_consent):
        with pytest.raises(ConflictError, match="does not wait"):
            again(asking, OWNER, made.step)
    with pytest.raises(ConflictError):
        approve(asking, OTHER, made.step)
    with pytest.raises(ConflictError):
        undo_step(asking, STEWARD, made.step)
    assert list_pending_steps(asking, STEWARD) == []
    assert verify(asking, OPERATOR) == []


def test_consent_is_the_owners_alone(asking):
    made = merged(asking)
    strangers = [
        replace(OWNER, sources=frozenset({"sis"})),
        replace(OWNER, sources=None),
        OPERATOR,
        OTHER,
    ]
    for stranger in strangers:
        for number in (made.step, 99, 2**70):
            with pytest.raises(NotFoundError):
                give_consent(asking, stranger, number)
    for denied in (SCHOOL, replace(OWNER, actions=ACTIONS_BY_ROLE[Role.STEWARD])):
        with pytest.raises(AccessDenied):
            give_consent(asking, denied, made.step)
    assert list_pending_steps(asking, replace(OWNER, sources=frozenset({"sis"}))) == []
    with pytest.raises(InputError):
        give_consent(asking, OWNER, made.step, "")
    give_consent(asking, OWNER, made.step)
    with pytest.raises(ConflictError):
        give_consent(asking, OWNER, made.step)


def test_what_an_owner_decides_of_its_own_records_waits_for_nobody(asking):
    made = merged(asking, BOTH)
    assert not made.awaiting
    assert len(set(both(asking))) == 1


def test_who_became_an_owner_after_he_made_a_step_does_not_consent_to_it(asking):
    maker = replace(BOTH, actions=frozenset(Action) - {Action.CONSENT})
    made = merged(asking, maker)
    assert made.consent_of == ("ccwis",)
    assert one(asking, BOTH).may_consent == ()
    with pytest.raises(ConflictError, match="your own"):
        give_consent(asking, BOTH, made.step)
    with pytest.raises(ConflictError, match="your own"):
        refuse_consent(asking, BOTH, made.step)
    give_consent(asking, OWNER, made.step)


def test_approval_and_consent_are_both_needed_in_either_order(asking):
    careful = with_settings(asking, second_approver=SecondApprover.ALWAYS)
    eids = both(asking)
    for first, second in ((approve, give_consent), (give_consent, approve)):
        viewer = {approve: OTHER, give_consent: OWNER}
        made = merged(careful)
        assert (made.approval, made.consent_of) == (True, ("ccwis",))
        seen = first(careful, viewer[first], made.step, preview=True)
        half = first(careful, viewer[first], made.step)
        assert half.moved == ()
        if first is approve:
            assert (half.awaiting, half.approval, half.consent_of) == (True, False, ("ccwis",))
            assert seen.moved
        assert both(careful) == eids
        done = second(careful, viewer[second], made.step)
        assert not done.awaiting
        assert len(set(both(careful))) == 1
        undoing = undo_step(careful, STEWARD, made.step)
        assert (undoing.approval, undoing.consent_of) == (True, ("ccwis",))
        approve(careful, OTHER, undoing.step)
        assert len(set(both(careful))) == 1
        give_consent(careful, OWNER, undoing.step)
        assert both(careful) == eids
    assert verify(careful, OPERATOR) == []


def test_the_undo_of_what_needed_consent_needs_it_again_whatever_the_setting_is_now(asking):
    made = merged(asking)
    give_consent(asking, OWNER, made.step)
    set_consent_required(asking, OPERATOR, "ccwis", asks=False)
    seen, undoing = undo_step(asking, STEWARD, made.step, preview=True), undo_step(asking, STEWARD, made.step)
    assert (seen.consent_of, undoing.consent_of, undoing.moved) == (("ccwis",), ("ccwis",), ())
    assert len(set(both(asking))) == 1
    with pytest.raises(ConflictError, match="which waits"):
        undo_decision(asking, OTHER, made.decisions[0])
    assert [c.kind.value for c in one(asking, STEWARD).decisions] == ["SAME"]
    refuse_consent(asking, OWNER, undoing.step)
    assert (list_pending_steps(asking, STEWARD), len(set(both(asking)))) == ([], 1)
    again = undo_step(asking, STEWARD, made.step)
    give_consent(asking, OWNER, again.step)
    assert len(set(both(asking))) == 2


def test_a_waiting_undo_is_taken_back_by_its_maker(asking):
    made = merged(asking)
    give_consent(asking, OWNER, made.step)
    undoing = undo_step(asking, STEWARD, made.step)
    undo_step(asking, STEWARD, undoing.step)
    assert list_pending_steps(asking, OWNER) == []
    with pytest.raises(ConflictError):
        give_consent(asking, OWNER, undoing.step)
    assert len(set(both(asking))) == 1
    assert verify(asking, OPERATOR) == []


def test_an_owner_takes_back_what_it_consented_to_without_asking_itself(asking):
    made = merged(asking)
    give_consent(asking, OWNER, made.step)
    assert not undo_step(asking, replace(BOTH, client="steward"), made.step).awaiting


def test_a_setting_approves_nothing_and_its_asking_reaches_what_waits(asking):
    made = merged(asking)
    set_consent_required(asking, OPERATOR, "ccwis", asks=False)
    assert one(asking, OWNER).step == made.step
    give_consent(asking, OWNER, made.step)
    assert len(set(both(asking))) == 1
    undoing = undo_step(asking, STEWARD, made.step)
    give_consent(asking, OWNER, undoing.step)
    careful = with_settings(asking, second_approver=SecondApprover.ALWAYS)
    waits = merged(careful)
    assert waits.consent_of == ()
    set_consent_required(asking, OPERATOR, "ccwis", asks=True)
    assert approve(careful, OTHER, waits.step).consent_of == ("ccwis",)
    assert len(set(both(careful))) == 2
    give_consent(careful, OWNER, waits.step)
    assert len(set(both(careful))) == 1


def test_an_owner_whose_record_joins_while_it_waits_is_asked_before_it_takes_effect(asking):
    add_source(asking, OPERATOR, NewSource("health"))
    set_consent_required(asking, OPERATOR, "health", asks=True)
    health = replace(OWNER, client="nurse", sources=frozenset({"health"}))
    made = merged(asking)
    upsert_record(asking, "health:1", **BO)
    assert are_same_person(asking, "health:1", "ccwis:1")
    give_consent(asking, OWNER, made.step)
    assert len(set(both(asking))) == 2
    assert one(asking, health).records == record_refs("health:1")
    give_consent(asking, health, made.step)
    assert len(set(both(asking))) == 1


def test_an_owner_who_speaks_for_several_sources_answers_for_all_and_others_for_themselves(asking):
    set_consent_required(asking, OPERATOR, "sis", asks=True)
    school = replace(OWNER, client="principal", sources=frozenset({"sis"}))
    made = merged(asking)
    assert made.consent_of == ("ccwis", "sis")
    told = give_consent(asking, OWNER, made.step)
    assert (told.consent_of, told.awaiting) == ((), False)
    assert len(set(both(asking))) == 2
    assert list_pending_steps(asking, OWNER)[0].may_consent == ()
    give_consent(asking, school, made.step)
    assert len(set(both(asking))) == 1
    undoing = undo_step(asking, STEWARD, made.step)
    give_consent(asking, BOTH, undoing.step)
    assert len(set(both(asking))) == 2


def test_consent_holds_through_a_new_local_id_a_withdrawal_and_a_move(asking):
    made = merged(asking)
    rekey(asking, OPERATOR, "ccwis", {"1": "9"})
    assert one(asking, OWNER).records == record_refs("ccwis:9")
    withdraw(asking, OPERATOR, "ccwis", "9")
    give_consent(asking, OWNER, made.step)
    upsert(asking, OPERATOR, "ccwis", a_child("9", **BO, as_of=clock.format_timestamp(clock.now())))
    assert are_same_person(asking, "sis:1", "ccwis:9")
    assert verify(asking, OPERATOR) == []


def test_what_waits_about_a_record_that_is_sealed_meanwhile_is_there_for_nobody(asking):
    made = merged(asking)
    upsert(asking, OPERATOR, "ccwis", a_child("1", **BO, restrictions=[{"kind": "sealed"}]))
    assert list_pending_steps(asking, STEWARD) == []
    shown = list_pending_steps(asking, OWNER)
    assert [s.records for s in shown] in ([], [()])
    links = crosswalk(asking)
    if shown:
        give_consent(asking, OWNER, made.step)
    assert crosswalk(asking) == links
    assert verify(asking, OPERATOR) == []


def test_a_split_a_move_a_decision_and_a_correction_wait_as_a_merge_does(asking):
    upsert_record(asking, "sis:2", **BO)
    eid = both(asking)[1]
    parts = [record_refs("sis:2"), record_refs("ccwis:1")]
    assert split(asking, STEWARD, eid, parts, StepOptions("x", preview=True)).consent_of == ("ccwis",)
    assert move(
        asking, STEWARD, eid, record_refs("sis:2"), both(asking)[0], StepOptions("x", preview=True)
    ).consent_of
    unsure = DecisionRequest(DecisionKind.UNSURE, (record_refs("sis:1", "ccwis:1"),), "x")
    assert decide(asking, STEWARD, unsure, preview=True).consent_of == ("ccwis",)
    apart = DecisionRequest(DecisionKind.DIFFERENT, (record_refs("sis:1"), record_refs("sis:2")), "x")
    made = decide(asking, STEWARD, apart)
    assert made.consent_of == ("ccwis",)
    give_consent(asking, OWNER, made.step)
    assert get_decision(asking, STEWARD, made.decisions[0]).status == "in_force"


def test_a_freeze_window_holds_what_an_owner_consented_to(asking):
    made = merged(asking)
    today = clock.today()
    add_freeze_window(
        asking, OPERATOR, "ccwis", today, str(int(today[:4]) + 1) + today[4:7] + "-01", "count-day"
    )
    give_consent(asking, OWNER, made.step)
    assert get_decision(asking, STEWARD, made.decisions[0]).status == "pending"
    assert len(set(both(asking))) == 2


def test_consent_under_one_key_is_given_once_and_answered_alike(asking):
    made = merged(asking)
    once = replace(OWNER, idempotent_call=IdempotentCall("k", b"call"))
    given = [give_consent(asking, once, made.step) for _ in range(2)]
    assert [len(told.moved) for told in given] == [1, 1]
    assert len(set(both(asking))) == 1


def test_nobody_owns_the_stewards_own_source(asking):
    add_source(asking, OPERATOR, NewSource("STEWARD", kind=SourceKind.STEWARD))
    with pytest.raises(ConflictError):
        set_consent_required(asking, OPERATOR, "STEWARD", asks=True)
    with pytest.raises(NotFoundError):
        set_consent_required(asking, OPERATOR, "nowhere", asks=True)
    with pytest.raises(AccessDenied):
        set_consent_required(asking, OWNER, "ccwis", asks=False)
