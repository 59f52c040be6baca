"""Approve: the second word on a step that waits for one. Nothing is ever approved by a clock."""

from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.viewer import Action, Viewer, permit
from mpi.service.context import Index
from mpi.service.deciding import bring_into_force, projected, touched_by
from mpi.service.decisions import effect_of
from mpi.service.disclosure import disclose
from mpi.service.effects import FIELDS, Effect, changes, fields_of
from mpi.service.once import keep_answer, kept_answer
from mpi.service.received import with_received
from mpi.service.resolve import resettle
from mpi.service.saying import APPROVED, AWAITING, read_choice
from mpi.service.steps import step
from mpi.service.undo import carry_out
from mpi.storage.repositories.decisions import DecisionStatus
from mpi.storage.unit import WriteUnit


def approve(index: Index, viewer: Viewer, number: int, *, preview: bool = False) -> Effect:
    """Give the second word on a step: it takes effect as it would now.

    Args:
        index: the open index.
        viewer: who approves; not who made the step.
        number: the step.
        preview: change nothing.

    Raises:
        NotFoundError: there is no such step that the viewer may know of whole.
        ConflictError: it does not wait, or is the viewer's own.
        DecisionConflict: it contradicts what has been decided since.
        AccessDenied: the viewer may not approve.
    """
    permit(viewer, Action.APPROVE)
    with step(index, viewer, "approve", preview=preview) as unit:
        if (kept := kept_answer(unit, index, FIELDS)) is not None:
            return effect_of(kept, viewer)
        effect, shown = approve_step(unit, index, number, preview=preview)
    disclose(index, viewer, Action.APPROVE, shown, fields_of(effect))
    return effect


def approve_step(
    unit: WriteUnit, index: Index, number: int, *, preview: bool
) -> tuple[Effect, frozenset[int]]:
    """Let a step take effect that waits for a second word; returns what that did and the records it shows.

    Raises:
        NotFoundError: there is no such step that the viewer may know of whole.
        ConflictError: it does not wait, or is the viewer's own.
        DecisionConflict: it contradicts what has been decided since.
    """
    of = unit.steps.get(number)
    made = unit.decisions.get(_decisions_of(unit, number))
    if of is None or not made or any(projected(unit, one) != one.groups for one in made.values()):
        raise NotFoundError(f"there is no step {number}")
    if not of.detail.get(AWAITING) or of.undone_commit is not None:
        raise ConflictError(f"step {number} does not wait for an approval")
    if unit.commit_info({of.commit_no})[of.commit_no][1] == unit.viewer.client:
        raise ConflictError(f"step {number} is your own: somebody else has to approve it")
    unit.steps.set_detail(number, {**of.detail, AWAITING: False, APPROVED: True})
    for decision in made:
        unit.steps.add_approval(unit.counters.take("approval"), decision, of.kind, unit.commit_no)
    if of.kind == "undo":
        effect, shown = carry_out(unit, index, of, preview=preview)
    else:
        waiting = [one for one in made.values() if one.status is DecisionStatus.AWAITING]
        for one in waiting:
            bring_into_force(unit, one)
        touched = touched_by(unit, list(made))
        settled = resettle(unit, index, touched, of.kind, read_choice(of.detail))
        persons, moved, told, shown = changes(unit, settled.current, settled.records, preview=preview)
        numbers = tuple(one.id for one in waiting)
        effect = Effect(of.kind, preview, number, numbers, persons, moved, told)
        effect = with_received(unit, effect, settled.current)
    keep_answer(unit, index, effect.as_dict(), shown)
    return effect, shown


def _decisions_of(unit: WriteUnit, number: int) -> list[int]:
    of = unit.steps.get(number)
    if of is None:
        return []
    revoking = of.detail.get("decisions", ()) if of.kind == "undo" else ()
    return [*revoking, *(one.id for one in unit.decisions.of_step(number))]
