"""Approve: the second word on a step that waits for one. Nothing is ever approved by a clock."""

from collections.abc import Sequence
from dataclasses import replace

from mpi.domain import clock
from mpi.domain.decision import CORRECTION
from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.steps import step_transaction
from mpi.service.decisions.decision_log import bring_into_force, find_affected_records, is_wholly_visible
from mpi.service.gates.consents import (
    ask_new_owners,
    list_open_consents,
    list_visible_codes,
    maker_from_detail,
)
from mpi.service.gates.freeze_rules import (
    FROZEN_SOURCES,
    WANTED_FROM,
    find_first_free_day,
    find_visible_sources,
    require_not_frozen,
)
from mpi.service.persons.disclosure_recipients import add_recipients
from mpi.service.persons.effects import FIELDS, StepEffect, describe_changes, effect_fields
from mpi.service.resolution.resolve import resettle
from mpi.service.stewardship.apply_step import APPROVED, AWAITING, choice_from_detail
from mpi.service.stewardship.decisions import effect_from_answer
from mpi.service.stewardship.undo import apply_undo
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.repositories.steps.steps import Step
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

UNDO = "undo"
"""The kind of step that takes back."""


def approve(index: Index, viewer: Viewer, number: int, *, preview: bool = False) -> StepEffect:
    """Give the second word on a step: it takes effect as it would now.

    Args:
        index: the open index.
        viewer: who approves; not who made the step.
        number: the step.
        preview: change nothing.

    Raises:
        NotFoundError: there is no such step that the viewer may know of whole.
        ConflictError: it does not wait, is the viewer's own, or would take back what a freeze window keeps.
        DecisionConflict: it contradicts what has been decided since.
        AccessDenied: the viewer may not approve.
    """
    require_permission(viewer, Action.APPROVE)
    with step_transaction(index, viewer, "approve", preview=preview) as unit:
        if (kept := find_stored_answer(unit, index, FIELDS)) is not None:
            return effect_from_answer(kept, viewer)
        effect, shown = approve_step(unit, index, number, preview=preview)
    disclose(index, viewer, Action.APPROVE, shown, effect_fields(effect))
    return effect


def approve_step(
    unit: WriteUnit, index: Index, number: int, *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    """Give the second word on a step; it takes effect unless an owner's consent is awaited still.

    Returns:
        What that did and the records it shows.

    Raises:
        NotFoundError: there is no such step that the viewer may know of whole.
        ConflictError: it does not wait, is the viewer's own, or would take back what a freeze window keeps.
        DecisionConflict: it contradicts what has been decided since.
    """
    of = unit.steps.get(number)
    made = load_step_decisions(unit, of)
    if of is None or not made or not all(is_wholly_visible(unit, one, number) for one in drop_revoked(made)):
        raise NotFoundError(f"there is no step {number}")
    if not of.detail.get(AWAITING) or of.undone_commit is not None:
        raise ConflictError(f"step {number} does not wait for an approval")
    if unit.commit_info({of.commit_no})[of.commit_no][1] == unit.viewer.client:
        raise ConflictError(f"step {number} is your own: somebody else has to approve it")
    of = replace(of, detail={**of.detail, AWAITING: False, APPROVED: True})
    unit.steps.set_detail(number, of.detail)
    unit.pending_approvals.mark_approved(number)
    for decision in made:
        unit.steps.add_approval(unit.counters.take("approval"), decision.id, of.kind, unit.commit_no)
    effect, shown = apply_if_approved(unit, index, of, made, preview=preview)
    store_answer(unit, index, effect.as_dict(), shown)
    return effect, shown


def apply_if_approved(
    unit: WriteUnit, index: Index, of: Step, made: Sequence[StoredDecision], *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    """Let a step take effect once nobody is awaited any more; a preview says what it will do then.

    Raises:
        DecisionConflict: it contradicts what has been decided since.
        ConflictError: it would take back what a freeze window keeps.
    """
    ask_new_owners(unit, of.id, of.detail, made)
    left = [one.source_id for one in list_open_consents(unit, of.id)]
    second = any(one.second for one in unit.pending_approvals.all_of_step(of.id))
    waits = second or bool(left)
    touched = find_affected_records(unit, [one.id for one in made])
    if waits and not preview:
        # Its task is another one now, or none.
        resettle(unit, index, touched, of.kind)
        effect, shown = StepEffect(of.kind, preview, of.id, (), (), (), ()), frozenset[int]()
    elif of.kind == UNDO:
        if not waits:
            require_not_frozen(unit, made)
        effect, shown = apply_undo(unit, index, of, preview=preview)
        unit.pending_approvals.delete_step(of.id)
    else:
        waiting = [one for one in made if one.status is DecisionStatus.AWAITING]
        day = _set_binding_day(unit, of, waiting)
        for one in waiting:
            bring_into_force(unit, one, day)
        unit.pending_approvals.delete_step(of.id)
        settled = resettle(unit, index, touched, of.kind, choice_from_detail(of.detail))
        persons, moved, told, shown = describe_changes(unit, settled.persons_before, settled.records, preview=preview)
        numbers = tuple(one.id for one in waiting)
        effect = StepEffect(of.kind, preview, of.id, numbers, persons, moved, told)
        effect = add_recipients(unit, effect, settled.persons_before)
    codes = list_visible_codes(unit, left)
    return replace(effect, awaiting=waits, approval=second, consent_of=codes), shown


def _set_binding_day(unit: WriteUnit, of: Step, waiting: Sequence[StoredDecision]) -> str:
    """The day from which all that a step says binds, as nobody is awaited; the step keeps why it waits."""
    today = clock.today()
    # Of a step that was made in a window the decisions have the day of that, which may be lifted by now.
    wanted = of.detail[WANTED_FROM] if WANTED_FROM in of.detail else next((one.effective_from for one in waiting), None)
    # A window keeps people as they are, and a correction leaves them so.
    named = {record for one in waiting if one.origin != CORRECTION for record in one.seen}
    maker = maker_from_detail(of.detail)
    heeded = find_visible_sources(unit, named, unit.viewer.sources if maker is None else maker.visible_sources)
    day = find_first_free_day(unit, heeded, max(today, wanted or today))
    if day > today:
        unit.steps.set_detail(of.id, {**of.detail, FROZEN_SOURCES: sorted(heeded), WANTED_FROM: wanted})
    return day


def load_step_decisions(unit: ReadUnit, of: Step | None) -> list[StoredDecision]:
    """The decisions that a step makes, or takes back."""
    if of is None:
        return []
    revoking = of.detail.get("decisions", ()) if of.kind == UNDO else ()
    return [*unit.decisions.by_ids(revoking).values(), *unit.decisions.of_step(of.id)]


def drop_revoked(made: Sequence[StoredDecision]) -> Sequence[StoredDecision]:
    """Of what a step says, what nobody has taken back by itself meanwhile; all, where everything was."""
    return [one for one in made if one.status is not DecisionStatus.REVOKED] or made
