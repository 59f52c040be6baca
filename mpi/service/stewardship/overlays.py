"""Overlays: a record of which its source says that it is another child, until a person has looked.

*Release* lets the new version stand: the record is that child's from now on, and goes where its new version
belongs. *Refuse* keeps the version before: what was refused is kept, counts for nothing, and is refused again
when it is said again. Either is undone like any other step.
"""

from collections.abc import Collection

from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.steps import add_step, check_reason, require_own_step, step_transaction
from mpi.service.core.visibility import find_record_numbers, visible_labels
from mpi.service.indexing.reindex import reindex
from mpi.service.persons.disclosure_recipients import add_recipients
from mpi.service.persons.effects import FIELDS, StepEffect, describe_changes, effect_fields
from mpi.service.resolution.resolve import LoadedRecords, preview_assignments, resettle
from mpi.service.resolution.settlement import NO_ID_CHOICE, IdChoice, Settlement
from mpi.service.resolution.source_assertions import update_assertions
from mpi.service.statements.current_version import RestatedRecords, recompute_current_versions
from mpi.service.statements.overlay_detection import OVERLAY, REFUSED, find_pending_overlays
from mpi.service.stewardship.decisions import effect_from_answer
from mpi.storage.repositories.steps.steps import Step
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

RELEASE, REFUSE = "release", "refuse"


def release_overlay(
    index: Index, viewer: Viewer, record: RecordRef, reason: str = "overlay-released", *, preview: bool = False
) -> StepEffect:
    """Let the version that waits stand: the record is that child's from now on.

    Args:
        index: the open index.
        viewer: the steward.
        record: the record.
        reason: a code.
        preview: change nothing.

    Raises:
        InputError: the reason is none.
        NotFoundError: there is no such record that the viewer may know of.
        ConflictError: nothing of it waits.
        AccessDenied: the viewer may not decide, or not about its source.
    """
    return _answer_in_transaction(index, viewer, record, (RELEASE, reason), preview=preview)


def refuse_overlay(
    index: Index, viewer: Viewer, record: RecordRef, reason: str = "overlay-refused", *, preview: bool = False
) -> StepEffect:
    """Keep the version before: what waits counts for nothing, now and whenever it is said again.

    Args and errors are those of ``release_overlay``.
    """
    return _answer_in_transaction(index, viewer, record, (REFUSE, reason), preview=preview)


def answer_overlay(
    unit: WriteUnit, index: Index, number: int, verdict: str, reason: str, *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    """Release or refuse within a transaction; returns what that did and the records that it shows.

    Args:
        unit: the transaction.
        index: for the model.
        number: the record.
        verdict: ``release`` or ``refuse``.
        reason: a code.
        preview: whether the transaction will be rolled back.

    Raises:
        ConflictError: nothing of the record waits.
    """
    waiting = _require_waiting_versions(unit, number)
    mine = [max(waiting)] if verdict == RELEASE else sorted(waiting)
    step_id = add_step(unit, OVERLAY, reason, {"record": number, "versions": mine, "verdict": verdict})
    unit.records.set_version_state(mine, "history" if verdict == RELEASE else REFUSED)

    restated, touched = _reindex_record(unit, index, number)
    choice = _choose_ids_after_release(unit, index, number, touched) if verdict == RELEASE else NO_ID_CHOICE
    settled = resettle(unit, index, touched, f"overlay {verdict}", choice, LoadedRecords(restated.changed))
    return _build_effect(unit, OVERLAY, step_id, settled, number, preview=preview)


def undo_overlay_answer(
    unit: WriteUnit, index: Index, of: Step, step_id: int, *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    """Undo a release or a refusal: what it was about waits again, unless its reason is gone.

    What came after a release and was taken for the same child as what was released is judged again with it.

    Raises:
        NotFoundError: there is no such step that the viewer may know of.
        ConflictError: it was taken back before, or is another's.
    """
    number = of.detail["record"]
    if number not in visible_labels(unit, [number]):
        raise NotFoundError(f"there is no step {of.id}")
    require_own_step(unit, of)
    if of.undone_commit is not None:
        raise ConflictError(f"step {of.id} was undone before")
    unit.steps.mark_undone(of.id, unit.commit_no)
    mine = set(of.detail["versions"])
    others = {
        version
        for other in unit.steps.steps_in_force_after(OVERLAY, 0)
        if other.detail["record"] == number and other.detail["verdict"] == of.detail["verdict"]
        for version in other.detail["versions"]
    }
    if of.detail["verdict"] == RELEASE:
        doubted = _find_versions_since(unit, number, mine) - others
    else:
        refused = unit.records.refused_hashes([number]).get(number, {})
        said = {refused[version] for version in mine - others if version in refused}
        doubted = {version for version, content in refused.items() if content in said} - others
    unit.records.set_version_state(doubted, OVERLAY)
    restated, touched = _reindex_record(unit, index, number)
    choice = IdChoice(as_of=of.commit_no - 1)
    settled = resettle(unit, index, touched, "undo overlay", choice, LoadedRecords(restated.changed))
    return _build_effect(unit, "undo", step_id, settled, number, preview=preview)


def _reindex_record(unit: WriteUnit, index: Index, number: int) -> tuple[RestatedRecords, set[int]]:
    """Let what stands now stand, and index it; returns that, and the records to be settled."""
    restated = recompute_current_versions(unit, index, [number])
    touched = reindex(unit, index, restated.changed, restated.gone).touched
    return restated, touched | update_assertions(unit, index, restated.changed, restated.told).records | {number}


def _choose_ids_after_release(unit: WriteUnit, index: Index, number: int, touched: Collection[int]) -> IdChoice:
    """Enterprise IDs, where a record turned out to be another child's: none goes with it to that child.

    Whose ID it bore stays with the other records of that person; where there are none and it joins another
    person, that person's ID survives. Where it is alone before and after, no membership changes and no ID.
    """
    person = unit.persons.current_persons([number]).get(number)
    if person is None:
        return NO_ID_CHOICE
    others = frozenset(unit.persons.members([person])[person]) - {number}
    if others:
        return IdChoice(kept_records={person: others})
    joined = {each for _, records in preview_assignments(unit, index, touched) if number in records for each in records}
    return IdChoice(survivors=frozenset(unit.persons.current_persons(joined - {number}).values()))


def _answer_in_transaction(index: Index, viewer: Viewer, record: RecordRef, answer: tuple[str, str], *, preview: bool) -> StepEffect:
    require_permission(viewer, Action.DECIDE, record.source)
    verdict, code = answer[0], check_reason(answer[1])
    with step_transaction(index, viewer, OVERLAY, preview=preview) as unit:
        if (kept := find_stored_answer(unit, index, FIELDS)) is not None:
            return effect_from_answer(kept, viewer)
        [(number,)] = find_record_numbers(unit, [[record]])
        effect, shown = answer_overlay(unit, index, number, verdict, code, preview=preview)
        store_answer(unit, index, effect.as_dict(), shown)
    disclose(index, viewer, Action.DECIDE, shown, effect_fields(effect))
    return effect


def _require_waiting_versions(unit: ReadUnit, number: int) -> set[int]:
    waiting = find_pending_overlays(unit, [number]).get(number)
    if not waiting:
        raise ConflictError("nothing of the record waits for an answer: it was given, or its source went on")
    return waiting


def _find_versions_since(unit: ReadUnit, number: int, released: Collection[int]) -> set[int]:
    """The released versions, and those that count and are later."""
    said = [one for one in unit.record_assertions.assertions_about([number])[number] if not one.is_held]
    first = min((one.sort_key for one in said if one.version_id in released), default=None)
    if first is None:
        return set()
    return {one.version_id for one in said if one.version_id is not None and one.sort_key >= first}


def _build_effect(
    unit: WriteUnit, kind: str, step_id: int, settled: Settlement, number: int, *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    persons, moved, told, shown = describe_changes(unit, settled.persons_before, settled.records, preview=preview)
    effect = StepEffect(kind, preview, None if preview else step_id, (), persons, moved, told)
    return add_recipients(unit, effect, settled.persons_before), shown | {number}
