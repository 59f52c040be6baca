"""Undo a steward's step, such as a merge, and compute persons again.

Nothing is played backwards. The result is the partition without the step and with everything since. Where
the model or another decision still joins or separates the records, the answer says so and offers the opposite
decision.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from mpi.domain.decision import CORRECTION
from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import add_step, check_reason, require_own_step, step_transaction
from mpi.service.core.visibility import visible_labels
from mpi.service.decisions.decision_log import (
    find_records_of_decisions,
    is_wholly_visible,
    may_undo,
    require_decision,
    revoke_decisions,
    visible_groups,
)
from mpi.service.gates.consents import (
    find_owners_to_ask_of_undo,
    list_visible_codes,
    maker_from_viewer,
    needs_agreement,
)
from mpi.service.gates.freeze_rules import require_not_frozen
from mpi.service.gates.holds import REFUSED_HOLD, end_hold, reopen_hold
from mpi.service.persons.disclosure_recipients import add_recipients
from mpi.service.persons.step_effects import FIELDS, StepEffect, describe_changes, effect_fields
from mpi.service.resolution.id_choice import IdChoice
from mpi.service.resolution.resolve import resettle
from mpi.service.resolution.settlement import Settlement
from mpi.service.source_merges.registry import SOURCE_MERGES, undo_statements
from mpi.service.statements.overlay_detection import OVERLAY
from mpi.service.stewardship import overlays
from mpi.service.stewardship.apply_step import APPROVED, build_waiting_detail
from mpi.service.stewardship.decisions import effect_from_answer
from mpi.service.stewardship.rekey import REKEY, undo_rekey
from mpi.service.stewardship.unchanged_links import list_unchanged
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.repositories.steps.steps import Step
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

IMPORT = "import"
DECISION_STEP_KINDS = frozenset({"decision", "merge", "split", "move", CORRECTION, IMPORT})
"""Kinds of steps that consist of decisions alone."""
_NOT_BINDING = frozenset({DecisionStatus.AWAITING, DecisionStatus.REVIEW})
"""Statuses of decisions that affect no person: awaiting approval, and claims."""


def undo_decision(
    index: Index, viewer: Viewer, decision_id: int, reason: str = "undo", *, preview: bool = False
) -> StepEffect:
    """Undo one decision on whether records are one person.

    Args:
        index: the open index.
        viewer: the steward.
        decision_id: the decision.
        reason: reason code.
        preview: change nothing.

    Raises:
        NotFoundError: the viewer can see no such decision.
        ConflictError: the decision was undone before, or is another client's.
        AccessDenied: the viewer may not decide.
    """
    require_permission(viewer, Action.DECIDE)
    reason_code = check_reason(reason)
    with step_transaction(index, viewer, "undo", preview=preview) as unit:
        if (stored_answer := find_stored_answer(unit, index, FIELDS)) is not None:
            return effect_from_answer(stored_answer, viewer)
        decision = require_decision(unit, decision_id)
        step = None if decision.step_id is None else unit.steps.get(decision.step_id)
        effect, shown_records = undo_decisions(unit, index, [decision], step, reason_code, preview=preview)
    disclose(index, viewer, Action.DECIDE, shown_records, effect_fields(effect))
    return effect


def undo_step(
    index: Index, viewer: Viewer, step_id: int, reason: str = "undo", *, preview: bool = False
) -> StepEffect:
    """Undo a steward's whole step, such as a merge or re-key.

    That is a merge, split, move, decision, change of local IDs, or answer to a held record version.

    Args:
        index: the open index.
        viewer: the steward.
        step_id: the step.
        reason: reason code.
        preview: change nothing.

    Raises:
        NotFoundError: the viewer can see no such step.
        ConflictError: the step was undone before, is another client's, or is undone in another way.
        AccessDenied: the viewer may not decide.
    """
    require_permission(viewer, Action.DECIDE)
    reason_code = check_reason(reason)
    with step_transaction(index, viewer, "undo", preview=preview) as unit:
        if (stored_answer := find_stored_answer(unit, index, FIELDS)) is not None:
            return effect_from_answer(stored_answer, viewer)
        effect, shown_records = undo_any_step(unit, index, step_id, reason_code, preview=preview)
    disclose(index, viewer, Action.DECIDE, shown_records, effect_fields(effect))
    return effect


def undo_any_step(
    unit: WriteUnit, index: Index, step_number: int, reason: str, *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    """Undo a steward's step of any kind; return effect and shown records.

    The returned records are those that the effect shows.

    Raises:
        NotFoundError: the viewer can see no such step.
        ConflictError: the step was undone before, is another client's, or is undone in another way.
    """
    step = unit.steps.get(step_number)
    if step is not None and step.kind == REKEY and step.detail["records"]:
        return _undo_rekey(unit, index, step, reason, preview=preview)
    if step is not None and step.kind == SOURCE_MERGES:
        return _undo_source_merges(unit, index, step, reason, preview=preview)
    if step is not None and step.kind == "undo" and unit.pending_approvals.all_of_step(step.id):
        return _cancel_pending_undo(unit, index, step, preview=preview)
    if step is not None and step.kind == OVERLAY:
        step_id = add_step(unit, "undo", reason, {"step": step.id})
        effect, shown_records = overlays.undo_overlay_answer(unit, index, step, step_id, preview=preview)
        store_answer(unit, index, effect.as_dict(), shown_records)
        return effect, shown_records
    return undo_decision_step(unit, index, step, step_number, reason, preview=preview)


def undo_decision_step(
    unit: WriteUnit, index: Index, step: Step | None, step_id: int, reason: str, *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    """Undo all decisions of a steward's step; return effect and shown records.

    Raises:
        NotFoundError: the viewer can see no such step.
        ConflictError: the step was undone before, is another client's, or is undone in another way.
    """
    decisions = [] if step is None else unit.decisions.of_step(step.id)
    visible = [decision for decision in decisions if visible_groups(unit, decision) is not None]
    if (
        step is None
        or (step.kind in DECISION_STEP_KINDS and not visible)
        or (unit.viewer.sources is not None and not visible)
    ):
        raise NotFoundError(f"there is no step {step_id}")
    if step.kind not in DECISION_STEP_KINDS:
        raise ConflictError(f"step {step_id} is of kind {step.kind}, which cannot be undone here")
    remaining = [decision for decision in decisions if decision.status is not DecisionStatus.REVOKED]
    if not remaining:
        raise ConflictError(f"step {step_id} was undone before")
    return undo_decisions(unit, index, remaining, step, reason, preview=preview)


def _undo_rekey(
    unit: WriteUnit, index: Index, step: Step, reason: str, *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    """Undo a change of local IDs and publish the effect."""
    affected_records = undo_rekey(unit, index, step)
    step_id = add_step(unit, "undo", reason, {"step": step.id})
    unit.steps.mark_undone(step.id, unit.commit_no)
    settlement = resettle(unit, index, affected_records, "undo rekey")
    return _describe_undo(unit, index, step_id, settlement, affected_records, preview=preview)


def _undo_source_merges(
    unit: WriteUnit, index: Index, step: Step, reason: str, *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    """Take back what a source stated in one step."""
    revoked = undo_statements(unit, step)
    step_id = add_step(unit, "undo", reason, {"step": step.id})
    id_choice = IdChoice(as_of=step.commit_no - 1)
    settlement = resettle(unit, index, revoked.records, f"undo {SOURCE_MERGES}", id_choice)
    return _describe_undo(unit, index, step_id, settlement, revoked.records, preview=preview)


def _describe_undo(
    unit: WriteUnit,
    index: Index,
    step_id: int,
    settlement: Settlement,
    affected_records: Collection[int],
    *,
    preview: bool,
) -> tuple[StepEffect, frozenset[int]]:
    """Return an undo's effect, and the records that it shows.

    It waits for nobody.
    """
    persons, moved, clients, shown_records = describe_changes(
        unit, settlement.persons_before, settlement.records, preview=preview
    )
    shown_records |= visible_labels(unit, affected_records).keys()
    effect = StepEffect(
        kind="undo",
        preview=preview,
        step=None if preview else step_id,
        decisions=(),
        persons=persons,
        moved=moved,
        told=clients,
    )
    effect = add_recipients(unit, index, effect, settlement.persons_before)
    store_answer(unit, index, effect.as_dict(), shown_records)
    return effect, shown_records


def _cancel_pending_undo(
    unit: WriteUnit, index: Index, undo: Step, *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    """Cancel a steward's undo that waits for approval or consent."""
    decisions = unit.decisions.by_ids(undo.detail["decisions"]).values()
    if not all(is_wholly_visible(unit, decision, undo.id) for decision in decisions):
        raise NotFoundError(f"there is no step {undo.id}")
    require_own_step(unit, undo)
    end_pending_undo(unit, index, undo)
    effect = StepEffect(
        kind="undo",
        preview=preview,
        step=None if preview else undo.id,
        decisions=(),
        persons=(),
        moved=(),
        told=(),
    )
    store_answer(unit, index, effect.as_dict(), ())
    return effect, frozenset()


def end_pending_undo(unit: WriteUnit, index: Index, undo: Step) -> None:
    """End a steward's waiting undo without effect."""
    unit.pending_approvals.delete_step(undo.id)
    unit.steps.mark_undone(undo.id, unit.commit_no)
    affected_records = {
        record
        for decision in unit.decisions.by_ids(undo.detail["decisions"]).values()
        for record in decision.seen
    }
    resettle(unit, index, affected_records, "undo")


def undo_decisions(
    unit: WriteUnit,
    index: Index,
    decisions: Sequence[StoredDecision],
    made_by: Step | None,
    reason: str,
    *,
    preview: bool,
) -> tuple[StepEffect, frozenset[int]]:
    """Undo decisions of one steward's step; return effect and shown records.

    Args:
        unit: the transaction.
        index: the open index.
        decisions: the decisions.
        made_by: the step that made them.
        reason: reason code.
        preview: whether the transaction will be rolled back.

    Raises:
        ConflictError: a decision was undone before, is another client's, or is protected by a freeze window.
    """
    _require_undoable(unit, decisions)
    detail: dict[str, Any] = {"decisions": [decision.id for decision in decisions]}
    detail |= {} if made_by is None else {"step": made_by.id}
    # An undo needs the approval that its step needed, and the consent of the records' owners.
    binding_decisions = [
        decision
        for decision in decisions
        if decision.status not in _NOT_BINDING and needs_agreement(decision.kind, decision.supersedes)
    ]
    needs_second = bool(binding_decisions) and made_by is not None and made_by.detail.get(APPROVED, False)
    maker = maker_from_viewer(unit.viewer)
    owners_to_ask = (
        find_owners_to_ask_of_undo(unit, maker, binding_decisions, None if made_by is None else made_by.id)
        if binding_decisions
        else set[int]()
    )
    if (needs_second or owners_to_ask) and not preview:
        waiting_detail = {**detail, **build_waiting_detail(maker, needs_second=needs_second)}
        step_id = add_step(unit, "undo", reason, waiting_detail)
        effect = _hold_undo(unit, index, step_id, decisions, owners_to_ask, needs_second=needs_second)
        store_answer(unit, index, effect.as_dict(), ())
        return effect, frozenset()
    step_id = add_step(unit, "undo", reason, detail)
    [undo] = [
        stored_step
        for stored_step in unit.steps.steps_in_commits([unit.commit_no])
        if stored_step.id == step_id
    ]
    effect, shown_records = _revoke_and_resettle(unit, index, undo, decisions, made_by, preview=preview)
    store_answer(unit, index, effect.as_dict(), shown_records)
    waiting_effect = replace(
        effect,
        awaiting=needs_second or bool(owners_to_ask),
        approval=needs_second,
        consent_of=list_visible_codes(unit, owners_to_ask),
    )
    return waiting_effect, shown_records


def _require_undoable(unit: WriteUnit, decisions: Sequence[StoredDecision]) -> None:
    """Refuse to undo decisions that are undone, another's, frozen or being undone."""
    for decision in decisions:
        if decision.status is DecisionStatus.REVOKED:
            raise ConflictError(f"decision {decision.id} was undone before")
        if not may_undo(unit, decision):
            raise ConflictError(
                f"decision {decision.id} was made by another client: only its maker may undo it"
            )
    require_not_frozen(unit, decisions)
    _require_no_pending_undo(unit, decisions)


def _hold_undo(
    unit: WriteUnit,
    index: Index,
    step_id: int,
    decisions: Sequence[StoredDecision],
    owners_to_ask: Collection[int],
    *,
    needs_second: bool,
) -> StepEffect:
    """Store an undo that waits for approval or consent; return its effect."""
    decision_ids = [decision.id for decision in decisions]
    unit.pending_approvals.delete_decisions(decision_ids)
    unit.pending_approvals.add(step_id, decision_ids, second=needs_second)
    unit.consents.add_requests(step_id, owners_to_ask, unit.commit_no)
    resettle(unit, index, {record for decision in decisions for record in decision.seen}, "undo")
    return StepEffect(
        kind="undo",
        preview=False,
        step=step_id,
        decisions=(),
        persons=(),
        moved=(),
        told=(),
        awaiting=True,
        approval=needs_second,
        consent_of=list_visible_codes(unit, owners_to_ask),
    )


def _require_no_pending_undo(unit: ReadUnit, decisions: Sequence[StoredDecision]) -> None:
    """Refuse to undo decisions if a visible undo of them already waits.

    An undo that the viewer may not see does not count; the new one takes its place.
    """
    decisions_by_id = {pending.id: pending for pending in decisions}
    for pending in unit.pending_approvals.all_of_decisions(decisions_by_id):
        decision = decisions_by_id[pending.decision_id]
        if pending.step_id != decision.step_id and is_wholly_visible(unit, decision, pending.step_id):
            raise ConflictError(
                f"step {pending.step_id}, which waits, already undoes decision {pending.decision_id}"
            )


def apply_undo(
    unit: WriteUnit, index: Index, undo: Step, *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    """Revoke the decisions of an approved undo and recompute the persons.

    Args:
        unit: the transaction.
        index: the open index.
        undo: the undo step.
        preview: whether the transaction will be rolled back.

    Raises:
        ConflictError: every decision is revoked already.
    """
    named_decisions = unit.decisions.by_ids(undo.detail["decisions"]).values()
    decisions = [decision for decision in named_decisions if decision.status is not DecisionStatus.REVOKED]
    step = unit.steps.get(undo.detail["step"]) if "step" in undo.detail else None
    if not decisions:
        raise ConflictError(f"step {undo.id} undoes decisions that are undone already")
    return _revoke_and_resettle(unit, index, undo, decisions, step, preview=preview)


def _revoke_and_resettle(
    unit: WriteUnit,
    index: Index,
    undo: Step,
    decisions: Sequence[StoredDecision],
    step: Step | None,
    *,
    preview: bool,
) -> tuple[StepEffect, frozenset[int]]:
    """Revoke decisions, recompute their records' persons, and return the effect."""
    revoke_decisions(unit, decisions)
    affected_records = find_records_of_decisions(unit, decisions)
    for hold in unit.proposals.holds() if step is not None and step.kind == IMPORT else ():
        if step is not None and hold.detail.get("step") == step.id:
            affected_records |= end_hold(unit, hold, "released")
    if step is not None and REFUSED_HOLD in step.detail:
        affected_records |= reopen_hold(unit, step)
    if step is not None and all(
        decision.status is DecisionStatus.REVOKED for decision in unit.decisions.of_step(step.id)
    ):
        unit.steps.mark_undone(step.id, unit.commit_no)
    cause = "undo" if step is None else f"undo {step.kind}"
    id_choice = IdChoice(as_of=min(decision.commit_no for decision in decisions) - 1)
    settlement = resettle(unit, index, affected_records, cause, id_choice)
    persons, moved, clients, shown_records = describe_changes(
        unit, settlement.persons_before, settlement.records, preview=preview
    )
    effect = StepEffect(
        kind="undo",
        preview=preview,
        step=None if preview else undo.id,
        decisions=(),
        persons=persons,
        moved=moved,
        told=clients,
        stays=tuple(list_unchanged(unit, decisions, step)),
    )
    effect = add_recipients(unit, index, effect, settlement.persons_before)
    return effect, shown_records | visible_labels(unit, affected_records).keys()
