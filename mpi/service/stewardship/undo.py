"""Undo: revoke what a person said, and compute anew. Nothing is played backwards.

So the result is what the partition would be without the step, with all that came since; where the model or
another decision still joins or parts the records they stay so, and the answer says it and offers the opposite
decision.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mpi.domain.decision import CORRECTION, Decision, DecisionKind
from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.steps import add_step, check_reason, require_own_step, step_transaction
from mpi.service.core.visibility import RecordGroups, visible_labels
from mpi.service.decisions.contradictions import find_chain
from mpi.service.decisions.decision_log import (
    find_connected_decisions,
    find_records_of_decisions,
    is_wholly_visible,
    may_undo,
    require_decision,
    revoke_decisions,
    to_visible_decisions,
    visible_groups,
)
from mpi.service.gates.consents import find_owners_to_ask_of_undo, list_visible_codes, maker_from_viewer
from mpi.service.gates.freeze_rules import require_not_frozen
from mpi.service.gates.holds import REFUSED_HOLD, end_hold, reopen_hold
from mpi.service.persons.disclosure_recipients import add_recipients
from mpi.service.persons.effects import FIELDS, StepEffect, UnchangedLink, describe_changes, effect_fields
from mpi.service.resolution.resolve import resettle
from mpi.service.resolution.settlement import IdChoice
from mpi.service.statements.overlay_detection import OVERLAY
from mpi.service.stewardship import overlays
from mpi.service.stewardship.apply_step import APPROVED, build_waiting_detail
from mpi.service.stewardship.decisions import effect_from_answer
from mpi.service.stewardship.rekey import REKEY, undo_rekey
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.repositories.steps.steps import Step
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

IMPORT = "import"
DECISION_STEP_KINDS = frozenset({"decision", "merge", "split", "move", CORRECTION, IMPORT})
"""Steps that are made of decisions and nothing else."""
_NOT_BINDING = frozenset({DecisionStatus.AWAITING, DecisionStatus.REVIEW})
"""What waits for others' words, and claims: taken back, they change nobody."""


def undo_decision(
    index: Index, viewer: Viewer, number: int, reason: str = "undo", *, preview: bool = False
) -> StepEffect:
    """Take a decision back.

    Args:
        index: the open index.
        viewer: the steward.
        number: the decision.
        reason: a code.
        preview: change nothing.

    Raises:
        NotFoundError: there is no such decision that the viewer may know of.
        ConflictError: it was taken back before, or is another's.
        AccessDenied: the viewer may not decide.
    """
    require_permission(viewer, Action.DECIDE)
    code = check_reason(reason)
    with step_transaction(index, viewer, "undo", preview=preview) as unit:
        if (kept := find_stored_answer(unit, index, FIELDS)) is not None:
            return effect_from_answer(kept, viewer)
        found = require_decision(unit, number)
        of = None if found.step_id is None else unit.steps.get(found.step_id)
        effect, shown = undo_decisions(unit, index, [found], of, code, preview=preview)
    disclose(index, viewer, Action.DECIDE, shown, effect_fields(effect))
    return effect


def undo_step(
    index: Index, viewer: Viewer, number: int, reason: str = "undo", *, preview: bool = False
) -> StepEffect:
    """Take a merge, split, move, decision, re-key, or answer to an overlay back, whole.

    Args:
        index: the open index.
        viewer: the steward.
        number: the step.
        reason: a code.
        preview: change nothing.

    Raises:
        NotFoundError: there is no such step that the viewer may know of.
        ConflictError: it was taken back before, is another's, or is undone in another way.
        AccessDenied: the viewer may not decide.
    """
    require_permission(viewer, Action.DECIDE)
    code = check_reason(reason)
    with step_transaction(index, viewer, "undo", preview=preview) as unit:
        if (kept := find_stored_answer(unit, index, FIELDS)) is not None:
            return effect_from_answer(kept, viewer)
        effect, shown = undo_any_step(unit, index, number, code, preview=preview)
    disclose(index, viewer, Action.DECIDE, shown, effect_fields(effect))
    return effect


def undo_any_step(
    unit: WriteUnit, index: Index, number: int, reason: str, *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    """Take a step back within a transaction; returns what that did and the records that it shows.

    Raises:
        NotFoundError: there is no such step that the viewer may know of.
        ConflictError: it was taken back before, is another's, or is undone in another way.
    """
    of = unit.steps.get(number)
    if of is not None and of.kind == REKEY and of.detail["records"]:
        return _undo_rekey(unit, index, of, reason, preview=preview)
    if of is not None and of.kind == "undo" and unit.pending_approvals.all_of_step(of.id):
        return _cancel_pending_undo(unit, index, of, preview=preview)
    if of is not None and of.kind == OVERLAY:
        step_id = add_step(unit, "undo", reason, {"step": of.id})
        effect, shown = overlays.undo_overlay_answer(unit, index, of, step_id, preview=preview)
        store_answer(unit, index, effect.as_dict(), shown)
        return effect, shown
    return undo_decision_step(unit, index, of, number, reason, preview=preview)


def undo_decision_step(
    unit: WriteUnit, index: Index, of: Step | None, number: int, reason: str, *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    """Take back all decisions of a step; returns what that did and the records that it shows.

    Raises:
        NotFoundError: there is no such step that the viewer may know of.
        ConflictError: it was taken back before, is another's, or is undone in another way.
    """
    made = [] if of is None else unit.decisions.of_step(of.id)
    seen = [one for one in made if visible_groups(unit, one) is not None]
    if of is None or (of.kind in DECISION_STEP_KINDS and not seen) or (unit.viewer.sources is not None and not seen):
        raise NotFoundError(f"there is no step {number}")
    if of.kind not in DECISION_STEP_KINDS:
        raise ConflictError(f"step {number} is of kind {of.kind}, which is not undone here")
    standing = [one for one in made if one.status is not DecisionStatus.REVOKED]
    if not standing:
        raise ConflictError(f"step {number} was undone before")
    return undo_decisions(unit, index, standing, of, reason, preview=preview)


def _undo_rekey(
    unit: WriteUnit, index: Index, of: Step, reason: str, *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    touched = undo_rekey(unit, index, of)
    step_id = add_step(unit, "undo", reason, {"step": of.id})
    unit.steps.mark_undone(of.id, unit.commit_no)
    settlement = resettle(unit, index, touched, "undo rekey")
    persons, moved, told, shown = describe_changes(unit, settlement.persons_before, settlement.records, preview=preview)
    shown |= visible_labels(unit, touched).keys()
    effect = StepEffect("undo", preview, None if preview else step_id, (), persons, moved, told)
    effect = add_recipients(unit, effect, settlement.persons_before)
    store_answer(unit, index, effect.as_dict(), shown)
    return effect, shown


def _cancel_pending_undo(
    unit: WriteUnit, index: Index, undoing: Step, *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    """Ask no more for an undo that waits; what it was to take back stays."""
    made = unit.decisions.by_ids(undoing.detail["decisions"]).values()
    if not all(is_wholly_visible(unit, one, undoing.id) for one in made):
        raise NotFoundError(f"there is no step {undoing.id}")
    require_own_step(unit, undoing)
    end_pending_undo(unit, index, undoing)
    effect = StepEffect("undo", preview, None if preview else undoing.id, (), (), (), ())
    store_answer(unit, index, effect.as_dict(), ())
    return effect, frozenset()


def end_pending_undo(unit: WriteUnit, index: Index, undoing: Step) -> None:
    """Let an undo that waits come to nothing."""
    unit.pending_approvals.delete_step(undoing.id)
    unit.steps.mark_undone(undoing.id, unit.commit_no)
    touched = {
        record for one in unit.decisions.by_ids(undoing.detail["decisions"]).values() for record in one.seen
    }
    resettle(unit, index, touched, "undo")


def undo_decisions(
    unit: WriteUnit,
    index: Index,
    taken_back: Sequence[StoredDecision],
    of: Step | None,
    reason: str,
    *,
    preview: bool,
) -> tuple[StepEffect, frozenset[int]]:
    """Take decisions back; returns what that did and the records that it shows.

    Args:
        unit: the transaction.
        index: for the model.
        taken_back: the decisions.
        of: the step that made them.
        reason: a code.
        preview: whether the transaction will be rolled back.

    Raises:
        ConflictError: one was taken back before, is another's, or is kept as it is by a freeze window.
    """
    for one in taken_back:
        if one.status is DecisionStatus.REVOKED:
            raise ConflictError(f"decision {one.id} was undone before")
        if not may_undo(unit, one):
            raise ConflictError(f"decision {one.id} is another's: only its maker may undo it")
    require_not_frozen(unit, taken_back)
    _require_no_pending_undo(unit, taken_back)
    detail: dict[str, Any] = {"decisions": [one.id for one in taken_back]}
    detail |= {} if of is None else {"step": of.id}
    # What two had to say, two have to take back; and what touches an owner's records, the owner has to see.
    binding = [one for one in taken_back if one.status not in _NOT_BINDING]
    second = bool(binding) and of is not None and of.detail.get(APPROVED, False)
    maker = maker_from_viewer(unit.viewer)
    asked = find_owners_to_ask_of_undo(unit, maker, binding, None if of is None else of.id) if binding else set[int]()
    waits = second or bool(asked)
    codes = list_visible_codes(unit, asked)
    if waits and not preview:
        step_id = add_step(unit, "undo", reason, {**detail, **build_waiting_detail(maker, second=second)})
        unit.pending_approvals.delete_decisions(detail["decisions"])
        unit.pending_approvals.add(step_id, detail["decisions"], second=second)
        unit.consents.add_requests(step_id, asked, unit.commit_no)
        resettle(unit, index, {record for one in taken_back for record in one.seen}, "undo")
        effect = StepEffect(
            "undo", preview, step_id, (), (), (), (), awaiting=True, approval=second, consent_of=codes
        )
        store_answer(unit, index, effect.as_dict(), ())
        return effect, frozenset()
    step_id = add_step(unit, "undo", reason, detail)
    [undoing] = [step for step in unit.steps.steps_in_commits([unit.commit_no]) if step.id == step_id]
    effect, shown = _revoke_and_resettle(unit, index, undoing, taken_back, of, preview=preview)
    store_answer(unit, index, effect.as_dict(), shown)
    return replace(effect, awaiting=waits, approval=second, consent_of=codes), shown


def _require_no_pending_undo(unit: ReadUnit, taken_back: Sequence[StoredDecision]) -> None:
    """Pass what nobody asked for before: an undo that waits is not asked for twice.

    One that the viewer may not know of does not count; this one takes its place.
    """
    made = {one.id: one for one in taken_back}
    for one in unit.pending_approvals.all_of_decisions(made):
        decision = made[one.decision_id]
        if one.step_id != decision.step_id and is_wholly_visible(unit, decision, one.step_id):
            raise ConflictError(f"step {one.step_id} is to take decision {one.decision_id} back, and waits")


def apply_undo(
    unit: WriteUnit, index: Index, undoing: Step, *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    """Revoke the decisions of an undo, and compute anew.

    Args:
        unit: the transaction.
        index: for the model.
        undoing: the undo.
        preview: whether the transaction will be rolled back.
    """
    found = unit.decisions.by_ids(undoing.detail["decisions"]).values()
    taken_back = [one for one in found if one.status is not DecisionStatus.REVOKED]
    of = unit.steps.get(undoing.detail["step"]) if "step" in undoing.detail else None
    if not taken_back:
        raise ConflictError(f"step {undoing.id} takes back what is taken back already")
    return _revoke_and_resettle(unit, index, undoing, taken_back, of, preview=preview)


def _revoke_and_resettle(
    unit: WriteUnit,
    index: Index,
    undoing: Step,
    taken_back: Sequence[StoredDecision],
    of: Step | None,
    *,
    preview: bool,
) -> tuple[StepEffect, frozenset[int]]:
    revoke_decisions(unit, taken_back)
    touched = find_records_of_decisions(unit, taken_back)
    for held in unit.proposals.holds() if of is not None and of.kind == IMPORT else ():
        if of is not None and held.detail.get("step") == of.id:
            touched |= end_hold(unit, held, "released")
    if of is not None and REFUSED_HOLD in of.detail:
        touched |= reopen_hold(unit, of)
    if of is not None and all(d.status is DecisionStatus.REVOKED for d in unit.decisions.of_step(of.id)):
        unit.steps.mark_undone(of.id, unit.commit_no)
    cause = "undo" if of is None else f"undo {of.kind}"
    choice = IdChoice(as_of=min(one.commit_no for one in taken_back) - 1)
    settlement = resettle(unit, index, touched, cause, choice)
    persons, moved, told, shown = describe_changes(unit, settlement.persons_before, settlement.records, preview=preview)
    effect = StepEffect(
        "undo",
        preview,
        None if preview else undoing.id,
        (),
        persons,
        moved,
        told,
        tuple(_list_unchanged(unit, taken_back, of)),
    )
    effect = add_recipients(unit, effect, settlement.persons_before)
    return effect, shown | visible_labels(unit, touched).keys()


def _list_unchanged(unit: ReadUnit, taken_back: Sequence[StoredDecision], of: Step | None) -> list[UnchangedLink]:
    """What the records of the decisions still are to each other, and the decision that would change it."""
    near = to_visible_decisions(unit, find_connected_decisions(unit, {record for one in taken_back for record in one.seen}))
    found: list[UnchangedLink] = []
    for one in taken_back:
        groups = visible_groups(unit, one)
        if groups is None or one.kind is DecisionKind.UNSURE:
            continue
        labels = visible_labels(unit, {record for group in groups for record in group})
        persons = unit.persons.current_persons(labels)
        if one.kind is DecisionKind.SAME:
            found += _find_still_joined(_list_merged_parts(groups[0], of), persons, near, labels)
        else:
            found += _find_still_separate(groups, persons, near, labels)
    return found


def _list_merged_parts(group: tuple[int, ...], of: Step | None) -> RecordGroups:
    """The parts that a merge put together; of another SAME each record is one."""
    parts = [] if of is None or of.kind != "merge" else of.detail.get("parts", [])
    known = tuple(tuple(record for record in part if record in group) for part in parts)
    return tuple(part for part in known if part) or tuple((record,) for record in group)


def _find_still_joined(
    parts: RecordGroups, persons: Mapping[int, int], near: Sequence[Decision], labels: Mapping[int, RecordRef]
) -> list[UnchangedLink]:
    bearers = [{persons[record] for record in part if record in persons} for part in parts]
    held: dict[int, list[int]] = {}
    for place, mine in enumerate(bearers):
        for person in mine:
            held.setdefault(person, []).append(place)
    together = sorted({place for places in held.values() if len(places) > 1 for place in places})
    if not together:
        return []
    first = parts[together[0]]
    by_decision = any(find_chain(first, parts[other], near) for other in together[1:])
    return [_build_opposite_decision(DecisionKind.DIFFERENT, [parts[place] for place in together], labels, by_decision)]


def _find_still_separate(
    groups: RecordGroups, persons: Mapping[int, int], near: Sequence[Decision], labels: Mapping[int, RecordRef]
) -> list[UnchangedLink]:
    bearers = [{persons[record] for record in group if record in persons} for group in groups]
    alone = [
        place
        for place, mine in enumerate(bearers)
        if mine and not any(mine & others for n, others in enumerate(bearers) if n != place)
    ]
    if len(alone) < len(("one", "other")):
        return []
    named = {record for place in alone for record in groups[place]}
    by_decision = any(
        decision.kind is DecisionKind.DIFFERENT and sum(bool(named & set(g)) for g in decision.groups) > 1
        for decision in near
    )
    return [_build_opposite_decision(DecisionKind.SAME, [sorted(named)], labels, by_decision)]


def _build_opposite_decision(
    kind: DecisionKind,
    groups: Sequence[Collection[int]],
    labels: Mapping[int, RecordRef],
    by_decision: bool,
) -> UnchangedLink:
    named = [
        [{"source": labels[r].source, "local_id": labels[r].local_id} for r in group if r in labels]
        for group in groups
    ]
    return UnchangedLink(
        kind is DecisionKind.DIFFERENT,
        "decision" if by_decision else "model",
        {"kind": kind.value, "groups": named},
    )
