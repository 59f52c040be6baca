"""Answers about overlays: release or refuse versions that may describe another child.

*Release* activates the new version: the record is the other child's and moves to that child. *Refuse* keeps
the earlier version: the refused one is stored, counts for nothing, and is refused again when resent. Both can
be undone like any step.
"""

from collections.abc import Collection

from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import add_step, check_reason, require_own_step, step_transaction
from mpi.service.core.visibility import find_record_numbers, visible_labels
from mpi.service.indexing.reindex import reindex
from mpi.service.persons.disclosure_recipients import add_recipients
from mpi.service.persons.step_effects import FIELDS, StepEffect, describe_changes, effect_fields
from mpi.service.resolution.assertion_updates import update_assertions
from mpi.service.resolution.id_choice import NO_ID_CHOICE, IdChoice
from mpi.service.resolution.resolve import LoadedRecords, preview_assignments, resettle
from mpi.service.resolution.settlement import Settlement
from mpi.service.statements.current_version import RestatedRecords, recompute_current_versions
from mpi.service.statements.overlay_detection import OVERLAY, REFUSED, find_pending_overlays
from mpi.service.stewardship.decisions import effect_from_answer
from mpi.storage.repositories.sources.record_assertions import Sighting, SightingKind
from mpi.storage.repositories.steps.steps import Step
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

RELEASE, REFUSE = "release", "refuse"
SEPARATED = "separated"
"""Detail of an answer that gave the second child a record of its own: its number."""


def release_overlay(
    index: Index,
    viewer: Viewer,
    record: RecordRef,
    reason: str = "overlay-released",
    *,
    preview: bool = False,
) -> StepEffect:
    """Accept a held record version: the record describes another child now.

    Args:
        index: the open index.
        viewer: the steward.
        record: the record.
        reason: reason code.
        preview: change nothing.

    Raises:
        InputError: the reason is invalid.
        NotFoundError: the viewer can see no such record.
        ConflictError: no version of the record is pending.
        AccessDenied: the viewer may not decide, or not about its source.
    """
    return _answer_in_transaction(index, viewer, record, (RELEASE, reason), preview=preview)


def refuse_overlay(
    index: Index, viewer: Viewer, record: RecordRef, reason: str = "overlay-refused", *, preview: bool = False
) -> StepEffect:
    """Refuse a record's held versions, now and whenever they are sent again.

    Args and errors are those of ``release_overlay``.
    """
    return _answer_in_transaction(index, viewer, record, (REFUSE, reason), preview=preview)


def answer_overlay(
    unit: WriteUnit, index: Index, record_id: int, verdict: str, reason: str, *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    """Accept or refuse a record's held version that shows another child.

    Returns:
        The effect and the records that it shows.

    Args:
        unit: the transaction.
        index: the open index.
        record_id: the record.
        verdict: ``release`` or ``refuse``.
        reason: reason code.
        preview: whether the transaction will be rolled back.

    Raises:
        ConflictError: no version of the record is pending.
    """
    waiting_versions = require_waiting_versions(unit, record_id)
    answered_versions = [max(waiting_versions)] if verdict == RELEASE else sorted(waiting_versions)
    step_id = add_step(
        unit, OVERLAY, reason, {"record": record_id, "versions": answered_versions, "verdict": verdict}
    )
    unit.record_versions.set_version_state(answered_versions, "history" if verdict == RELEASE else REFUSED)

    restated, affected_records = reindex_records(unit, index, [record_id])
    id_choice = (
        _choose_ids_after_release(unit, index, record_id, affected_records)
        if verdict == RELEASE
        else NO_ID_CHOICE
    )
    settlement = resettle(
        unit, index, affected_records, f"overlay {verdict}", id_choice, LoadedRecords(restated.changed)
    )
    return build_effect(unit, index, OVERLAY, step_id, settlement, record_id, preview=preview)


def undo_overlay_answer(
    unit: WriteUnit, index: Index, step: Step, step_id: int, *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    """Undo the acceptance or refusal of held record versions, which wait again.

    A version does not wait again where the reason for suspecting another child no longer exists. Versions
    received after an acceptance, and accepted as the new child's, wait again with the accepted one.

    Raises:
        NotFoundError: the viewer can see no such step.
        ConflictError: the step was undone before, or is another client's.
    """
    record_id = step.detail["record"]
    if record_id not in visible_labels(unit, [record_id]):
        raise NotFoundError(f"there is no step {step.id}")
    require_own_step(unit, step)
    if step.undone_commit is not None:
        raise ConflictError(f"step {step.id} was undone before")
    unit.steps.mark_undone(step.id, unit.commit_no)
    answered_versions = set(step.detail["versions"])
    other_versions = {
        version
        for other_step in unit.steps.steps_in_force_after(OVERLAY, 0)
        if other_step.detail["record"] == record_id and other_step.detail["verdict"] == step.detail["verdict"]
        for version in other_step.detail["versions"]
    }
    if step.detail["verdict"] == RELEASE:
        reopened = _find_versions_since(unit, record_id, answered_versions) - other_versions
    else:
        refused_contents = unit.record_versions.refused_hashes([record_id]).get(record_id, {})
        contents = {
            refused_contents[version]
            for version in answered_versions - other_versions
            if version in refused_contents
        }
        reopened = {
            version for version, content in refused_contents.items() if content in contents
        } - other_versions
    unit.record_versions.set_version_state(reopened, OVERLAY)
    separated_records = _withdraw_separated(unit, step)
    restated, affected_records = reindex_records(unit, index, [record_id, *separated_records])
    id_choice = IdChoice(as_of=step.commit_no - 1)
    settlement = resettle(
        unit, index, affected_records, "undo overlay", id_choice, LoadedRecords(restated.changed)
    )
    return build_effect(unit, index, "undo", step_id, settlement, record_id, preview=preview)


def reindex_records(
    unit: WriteUnit, index: Index, record_ids: Collection[int]
) -> tuple[RestatedRecords, set[int]]:
    """Recompute and reindex records' current versions; return affected records too."""
    restated = recompute_current_versions(unit, index, record_ids)
    affected_records = reindex(unit, index, restated.changed, restated.removed).affected
    return restated, affected_records | update_assertions(
        unit, index, restated.changed, restated.record_ids
    ).records | set(record_ids)


def _withdraw_separated(unit: WriteUnit, step: Step) -> list[int]:
    """Withdraw a separation's record, unless its source has stated it since."""
    record_id = step.detail.get(SEPARATED)
    if record_id is None:
        return []
    received = unit.record_assertions.assertions_about([record_id])[record_id]
    if any(assertion.commit_no > step.commit_no for assertion in received):
        return []
    last_seen = max(assertion.as_of for assertion in received)
    unit.record_assertions.add([Sighting(record_id, SightingKind.GONE, last_seen)], unit.commit_no)
    return [record_id]


def _choose_ids_after_release(
    unit: WriteUnit, index: Index, record_id: int, affected_records: Collection[int]
) -> IdChoice:
    """Choose enterprise IDs so that none follows a record to another child.

    The ID stays with the other records of its person. Where there are none and the record joins another
    person, that person's ID survives. Where the record is alone before and after, nothing changes.
    """
    person = unit.persons.current_persons([record_id]).get(record_id)
    if person is None:
        return NO_ID_CHOICE
    other_records = frozenset(unit.persons.members([person])[person]) - {record_id}
    if other_records:
        return IdChoice(kept_records={person: other_records})
    joined_records = {
        member
        for _, records in preview_assignments(unit, index, affected_records)
        if record_id in records
        for member in records
    }
    return IdChoice(survivors=frozenset(unit.persons.current_persons(joined_records - {record_id}).values()))


def _answer_in_transaction(
    index: Index, viewer: Viewer, record: RecordRef, verdict_and_reason: tuple[str, str], *, preview: bool
) -> StepEffect:
    """Accept or refuse a held version, with permission check.

    The disclosure of what the answer shows is logged.
    """
    require_permission(viewer, Action.DECIDE, record.source)
    verdict, reason_code = verdict_and_reason[0], check_reason(verdict_and_reason[1])
    with step_transaction(index, viewer, OVERLAY, preview=preview) as unit:
        if (stored_answer := find_stored_answer(unit, index, FIELDS)) is not None:
            return effect_from_answer(stored_answer, viewer)
        [(record_id,)] = find_record_numbers(unit, [[record]])
        effect, shown_records = answer_overlay(unit, index, record_id, verdict, reason_code, preview=preview)
        store_answer(unit, index, effect.as_dict(), shown_records)
    disclose(index, viewer, Action.DECIDE, shown_records, effect_fields(effect))
    return effect


def require_waiting_versions(unit: ReadUnit, record_id: int) -> set[int]:
    """Return a record's versions that wait; refuse if none do."""
    waiting_versions = find_pending_overlays(unit, [record_id]).get(record_id)
    if not waiting_versions:
        raise ConflictError(
            "no version of this record waits for an answer: it was answered, or its source sent another"
        )
    return waiting_versions


def _find_versions_since(unit: ReadUnit, record_id: int, released_versions: Collection[int]) -> set[int]:
    """Return accepted record versions and all later versions that count."""
    counting = [
        assertion
        for assertion in unit.record_assertions.assertions_about([record_id])[record_id]
        if not assertion.is_held
    ]
    first_place = min(
        (assertion.sort_key for assertion in counting if assertion.version_id in released_versions),
        default=None,
    )
    if first_place is None:
        return set()
    return {
        assertion.version_id
        for assertion in counting
        if assertion.version_id is not None and assertion.sort_key >= first_place
    }


def build_effect(
    unit: WriteUnit,
    index: Index,
    kind: str,
    step_id: int,
    settlement: Settlement,
    record_id: int,
    *,
    preview: bool,
) -> tuple[StepEffect, frozenset[int]]:
    """Build the effect of accepting or refusing a version, with shown records."""
    persons, moved, clients, shown_records = describe_changes(
        unit, settlement.persons_before, settlement.records, preview=preview
    )
    effect = StepEffect(
        kind=kind,
        preview=preview,
        step=None if preview else step_id,
        decisions=(),
        persons=persons,
        moved=moved,
        told=clients,
    )
    return add_recipients(unit, index, effect, settlement.persons_before), shown_records | {record_id}
