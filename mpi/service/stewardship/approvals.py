"""Second approval of waiting steps, or their return to who made them.

No step is ever approved automatically.
"""

from collections.abc import Sequence
from dataclasses import replace

from mpi.domain import clock
from mpi.domain.decision import CORRECTION
from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.second_person import find_obstacle
from mpi.service.core.undoable_steps import check_note, check_reason, step_transaction
from mpi.service.decisions.decision_log import (
    bring_into_force,
    find_affected_records,
    is_wholly_visible,
    revoke_decisions,
)
from mpi.service.gates.consents import (
    ask_new_owners,
    list_open_consents,
    list_visible_codes,
    maker_from_detail,
    needs_agreement,
)
from mpi.service.gates.freeze_rules import (
    FROZEN_SOURCES,
    WANTED_FROM,
    find_first_free_day,
    find_visible_sources,
    require_not_frozen,
)
from mpi.service.gates.sent_back import return_to_maker
from mpi.service.persons.disclosure_recipients import add_recipients
from mpi.service.persons.step_effects import FIELDS, StepEffect, describe_changes, effect_fields
from mpi.service.resolution.resolve import resettle
from mpi.service.stewardship.apply_step import APPROVED, AWAITING, choice_from_detail
from mpi.service.stewardship.decisions import effect_from_answer
from mpi.service.stewardship.undo import apply_undo, end_pending_undo
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.repositories.steps.steps import Step
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

UNDO = "undo"
"""Step kind of an undo."""
REFUSAL = "refusal"
"""Kind of a refusal, in commits and effects."""


def approve(index: Index, viewer: Viewer, step_id: int, *, preview: bool = False) -> StepEffect:
    """Approve a steward's waiting step as the second approver.

    Args:
        index: the open index.
        viewer: the approver; not the maker of the step.
        step_id: the step.
        preview: change nothing.

    Raises:
        NotFoundError: there is no such step, or the viewer may not see all of it.
        ConflictError: the step does not wait, is the viewer's own, or would revoke what a freeze window
            protects.
        DecisionConflict: the step contradicts a later decision.
        AccessDenied: the viewer may not approve.
    """
    require_permission(viewer, Action.APPROVE)
    with step_transaction(index, viewer, "approve", preview=preview) as unit:
        if (stored_answer := find_stored_answer(unit, index, FIELDS)) is not None:
            return effect_from_answer(stored_answer, viewer)
        effect, shown_records = approve_step(unit, index, step_id, preview=preview)
    disclose(index, viewer, Action.APPROVE, shown_records, effect_fields(effect))
    return effect


def send_back(
    index: Index, viewer: Viewer, step_id: int, reason: str = "sent-back", note: str | None = None
) -> StepEffect:
    """Send a waiting step back to its maker.

    The step ends without effect. The question that the step answered is asked again at once, on the maker's
    desk.

    Args:
        index: the open index.
        viewer: the approver; not the maker of the step.
        step_id: the step.
        reason: reason code.
        note: free text for the maker.

    Raises:
        InputError: the reason or the note is invalid.
        NotFoundError: there is no such step, or the viewer may not see all of it.
        ConflictError: the step does not wait for an approval, or is the viewer's own.
        AccessDenied: the viewer may not approve.
    """
    require_permission(viewer, Action.APPROVE)
    code, clean_note = check_reason(reason), check_note(note)
    with step_transaction(index, viewer, REFUSAL, preview=False) as unit:
        if (stored_answer := find_stored_answer(unit, index, FIELDS)) is not None:
            return effect_from_answer(stored_answer, viewer)
        step, decisions = _require_awaiting_step(unit, step_id)
        effect = end_step(unit, index, step, decisions, preview=False)
        return_to_maker(unit, index, step, decisions, code, clean_note)
        store_answer(unit, index, effect.as_dict(), ())
    disclose(index, viewer, Action.APPROVE, (), effect_fields(effect))
    return effect


def end_step(
    unit: WriteUnit, index: Index, step: Step, decisions: Sequence[StoredDecision], *, preview: bool
) -> StepEffect:
    """End a step that was refused, and revoke its waiting decisions."""
    if step.kind == UNDO:
        end_pending_undo(unit, index, step)
    else:
        waiting_decisions = [decision for decision in decisions if decision.status is DecisionStatus.AWAITING]
        revoke_decisions(unit, waiting_decisions)
        unit.steps.mark_undone(step.id, unit.commit_no)
        resettle(
            unit, index, find_affected_records(unit, [decision.id for decision in waiting_decisions]), REFUSAL
        )
    return StepEffect(
        kind=REFUSAL, preview=preview, step=step.id, decisions=(), persons=(), moved=(), told=()
    )


def _require_awaiting_step(unit: ReadUnit, step_id: int) -> tuple[Step, list[StoredDecision]]:
    """Return a step that waits for the viewer's approval, with its decisions.

    Raises:
        NotFoundError: there is no such step, or the viewer may not see all of it.
        ConflictError: the step does not wait for an approval, or the viewer is no second person for it.
    """
    step = unit.steps.get(step_id)
    decisions = load_step_decisions(unit, step)
    if (
        step is None
        or not decisions
        or not all(is_wholly_visible(unit, decision, step_id) for decision in drop_revoked(decisions))
    ):
        raise NotFoundError(f"there is no step {step_id}")
    if not step.detail.get(AWAITING) or step.undone_commit is not None:
        raise ConflictError(f"step {step_id} does not wait for an approval")
    if obstacle := find_obstacle(unit, step.commit_no):
        raise ConflictError(f"step {step_id} is {obstacle}: somebody else has to approve it")
    return step, decisions


def approve_step(
    unit: WriteUnit, index: Index, step_id: int, *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    """Approve a step; apply it unless an owner's consent is missing.

    Returns:
        The effect and the records that it shows.

    Raises:
        NotFoundError: there is no such step, or the viewer may not see all of it.
        ConflictError: the step does not wait, is the viewer's own, or would revoke what a freeze window
            protects.
        DecisionConflict: the step contradicts a later decision.
    """
    step, decisions = _require_awaiting_step(unit, step_id)
    step = replace(step, detail={**step.detail, AWAITING: False, APPROVED: True})
    unit.steps.set_detail(step_id, step.detail)
    unit.pending_approvals.mark_approved(step_id)
    for decision in decisions:
        unit.steps.add_approval(unit.counters.take("approval"), decision.id, step.kind, unit.commit_no)
    effect, shown_records = apply_if_approved(unit, index, step, decisions, preview=preview)
    store_answer(unit, index, effect.as_dict(), shown_records)
    return effect, shown_records


def apply_if_approved(
    unit: WriteUnit, index: Index, step: Step, decisions: Sequence[StoredDecision], *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    """Apply a steward's step once every approval and consent is given.

    A preview shows the effect that the step will have then.

    Raises:
        DecisionConflict: the step contradicts a later decision.
        ConflictError: the step would revoke what a freeze window protects.
    """
    gated_decisions = [each for each in decisions if needs_agreement(each.kind, each.supersedes)]
    ask_new_owners(unit, step.id, step.detail, gated_decisions)
    unanswered_sources = [consent.source_id for consent in list_open_consents(unit, step.id)]
    needs_second = any(pending.second for pending in unit.pending_approvals.all_of_step(step.id))
    is_waiting = needs_second or bool(unanswered_sources)
    affected_records = find_affected_records(unit, [decision.id for decision in decisions])
    if is_waiting and not preview:
        # The approval changes or removes its task.
        resettle(unit, index, affected_records, step.kind)
        effect, shown_records = (
            StepEffect(
                kind=step.kind, preview=preview, step=step.id, decisions=(), persons=(), moved=(), told=()
            ),
            frozenset[int](),
        )
    elif step.kind == UNDO:
        if not is_waiting:
            require_not_frozen(unit, decisions)
        effect, shown_records = apply_undo(unit, index, step, preview=preview)
        unit.pending_approvals.delete_step(step.id)
    else:
        waiting_decisions = [decision for decision in decisions if decision.status is DecisionStatus.AWAITING]
        day = _set_binding_day(unit, step, waiting_decisions)
        for decision in waiting_decisions:
            bring_into_force(unit, decision, day)
        unit.pending_approvals.delete_step(step.id)
        settlement = resettle(unit, index, affected_records, step.kind, choice_from_detail(step.detail))
        persons, moved, clients, shown_records = describe_changes(
            unit, settlement.persons_before, settlement.records, preview=preview
        )
        decision_ids = tuple(decision.id for decision in waiting_decisions)
        effect = StepEffect(
            kind=step.kind,
            preview=preview,
            step=step.id,
            decisions=decision_ids,
            persons=persons,
            moved=moved,
            told=clients,
        )
        effect = add_recipients(unit, index, effect, settlement.persons_before)
    codes = list_visible_codes(unit, unanswered_sources)
    return replace(effect, awaiting=is_waiting, approval=needs_second, consent_of=codes), shown_records


def _set_binding_day(unit: WriteUnit, step: Step, waiting_decisions: Sequence[StoredDecision]) -> str:
    """Return the day from which an approved step binds; store freeze delays."""
    today = clock.today()
    # Decisions made in a freeze window carry its end day, although it may be lifted by now.
    wanted_day = (
        step.detail[WANTED_FROM]
        if WANTED_FROM in step.detail
        else next((decision.effective_from for decision in waiting_decisions), None)
    )
    # A freeze window protects memberships, which a correction never changes.
    record_ids = {
        record for decision in waiting_decisions if decision.origin != CORRECTION for record in decision.seen
    }
    maker = maker_from_detail(step.detail)
    frozen_sources = find_visible_sources(
        unit, record_ids, unit.viewer.sources if maker is None else maker.visible_sources
    )
    day = find_first_free_day(unit, frozen_sources, max(today, wanted_day or today))
    if day > today:
        unit.steps.set_detail(
            step.id, {**step.detail, FROZEN_SOURCES: sorted(frozen_sources), WANTED_FROM: wanted_day}
        )
    return day


def load_step_decisions(unit: ReadUnit, step: Step | None) -> list[StoredDecision]:
    """Load the decisions that a step makes or an undo revokes."""
    if step is None:
        return []
    revoked_ids = step.detail.get("decisions", ()) if step.kind == UNDO else ()
    return [*unit.decisions.by_ids(revoked_ids).values(), *unit.decisions.of_step(step.id)]


def drop_revoked(decisions: Sequence[StoredDecision]) -> Sequence[StoredDecision]:
    """Leave out a step's revoked decisions, unless all of them are revoked."""
    return [decision for decision in decisions if decision.status is not DecisionStatus.REVOKED] or decisions
