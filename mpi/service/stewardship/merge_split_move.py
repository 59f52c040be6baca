"""Merge persons, split one, or move records, each stored as decisions.

A merge stores SAME over all records of its persons, a split stores DIFFERENT between its parts, and a move
stores both. Where a split or move supersedes a SAME, the SAME within each part is stored again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType

from mpi.domain import eid as eids
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import check_note, check_reason, step_transaction
from mpi.service.core.visibility import RecordGroups, find_record_numbers, visible_labels
from mpi.service.decisions.decision_log import DecisionDraft, require_decision, visible_groups
from mpi.service.persons.etags import require_current_etag
from mpi.service.persons.person_status import find_visible_status
from mpi.service.persons.step_effects import FIELDS, StepEffect, effect_fields
from mpi.service.resolution.id_choice import IdChoice
from mpi.service.stewardship.apply_step import PlannedStep, apply_step
from mpi.service.stewardship.decisions import effect_from_answer
from mpi.storage.repositories.persons.persons import Person, PersonStatus
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit


@dataclass(frozen=True, slots=True)
class StepOptions:
    """Reason, note and conditions of a steward's merge, split, move or correction.

    Args:
        reason: reason code.
        note: free text.
        supersedes: numbers of the decisions that the step replaces.
        expected_etags: ETags of the persons as the steward read them; None accepts any state.
        preview: change nothing.
    """

    reason: str
    note: str | None = None
    supersedes: tuple[int, ...] = ()
    expected_etags: tuple[str, ...] | None = None
    preview: bool = False


def merge(
    index: Index, viewer: Viewer, eid_texts: Sequence[str], options: StepOptions, survivor: str | None = None
) -> StepEffect:
    """Merge two or more persons into one.

    Args:
        index: the open index.
        viewer: the steward.
        eid_texts: their enterprise IDs.
        options: reason, note and conditions.
        survivor: the enterprise ID that stays; by default that of an open enrollment, then of the most
            records, then the oldest.

    Raises:
        EidError: a text is not an enterprise ID.
        InputError: fewer than two persons, or the survivor is none of them.
        NotFoundError: the viewer can see no such person.
        ConflictError: a person is retired or empty.
        StaleError: the persons have changed since they were read.
        DecisionConflict: decisions in force keep them apart.
        AccessDenied: the viewer may not decide.
    """
    require_permission(viewer, Action.DECIDE)
    with _StewardStep(index, viewer, "merge", options) as step:
        if step.stored_answer is None:
            if survivor is not None and eids.parse_eid(survivor) not in [
                eids.parse_eid(eid_text) for eid_text in eid_texts
            ]:
                raise InputError("survivor: give one of the enterprise IDs that are merged")
            persons = step.load_persons(eid_texts)
            survivors = frozenset(
                p.id for p in persons if survivor is not None and p.eid == eids.parse_eid(survivor)
            )
            step.read_members(persons)
            parts = tuple(step.members[person.id] for person in persons)
            all_records = tuple(sorted(record for part in parts for record in part))
            step.add_decision(DecisionKind.SAME, (all_records,), options.supersedes)
            step.apply({"parts": parts}, IdChoice(survivors=survivors))
    return step.disclose_effect()


def split(
    index: Index,
    viewer: Viewer,
    eid_text: str,
    groups: Sequence[Sequence[RecordRef]],
    options: StepOptions,
    keep: int | RecordRef | None = None,
    one_child: Collection[int] = (),
) -> StepEffect:
    """Split one person's records into several persons.

    Within a part, records stay together only as far as the model or a decision links them. For parts in
    ``one_child`` the steward decides that they stay together.

    Args:
        index: the open index.
        viewer: the steward.
        eid_text: the enterprise ID.
        groups: its records, by part; for a single part, the other part is the rest.
        options: reason, note and conditions.
        keep: the part that keeps the ID, by position from 0 or by one of its records; by default the part
            with the most records.
        one_child: positions from 0 of the parts whose records are one child.

    Raises:
        EidError: the text is not an enterprise ID.
        InputError: fewer than two parts, a record that is not the person's or is in two parts, or no such
            part.
        NotFoundError: the viewer can see no such person or record.
        ConflictError: the person is retired or empty.
        StaleError: the person has changed since it was read.
        DecisionConflict: decisions in force keep the parts together.
        AccessDenied: the viewer may not decide.
    """
    require_permission(viewer, Action.DECIDE)
    with _StewardStep(index, viewer, "split", options) as step:
        if step.stored_answer is None:
            [person] = step.load_persons([eid_text])
            step.read_members([person])
            members = step.members[person.id]
            parts = _build_parts(find_record_numbers(step.unit, groups), members)
            step.add_decision(DecisionKind.DIFFERENT, parts, options.supersedes)
            step.restate_same_decisions(options.supersedes, parts)
            for part in _select_parts(parts, one_child):
                step.add_decision(DecisionKind.SAME, (part,), ())
            kept_part = _find_keeping_part(step.unit, parts, keep)
            id_choice = (
                IdChoice() if kept_part is None else IdChoice(kept_records={person.id: frozenset(kept_part)})
            )
            step.apply({"parts": parts}, id_choice)
    return step.disclose_effect()


def move(
    index: Index,
    viewer: Viewer,
    eid_text: str,
    records: Sequence[RecordRef],
    target_text: str,
    options: StepOptions,
) -> StepEffect:
    """Move records from one person to another.

    Args:
        index: the open index.
        viewer: the steward.
        eid_text: the enterprise ID that the records leave.
        records: the records.
        target_text: the enterprise ID that the records join.
        options: reason, note and conditions.

    Raises:
        EidError: a text is not an enterprise ID.
        InputError: a record is not the first person's, or all of them are moved, which is a merge.
        NotFoundError: the viewer can see no such person or record.
        ConflictError: a person is retired or empty.
        StaleError: the persons have changed since they were read.
        DecisionConflict: decisions in force contradict the move.
        AccessDenied: the viewer may not decide.
    """
    require_permission(viewer, Action.DECIDE)
    with _StewardStep(index, viewer, "move", options) as step:
        if step.stored_answer is None:
            leaving, joining = step.load_persons([eid_text, target_text])
            step.read_members([leaving, joining])
            moved_part, remaining_part = _build_parts(
                find_record_numbers(step.unit, [records]), step.members[leaving.id]
            )
            step.add_decision(DecisionKind.DIFFERENT, (moved_part, remaining_part), options.supersedes)
            step.restate_same_decisions(options.supersedes, (moved_part, remaining_part))
            joined_records = tuple(sorted({*moved_part, *step.members[joining.id]}))
            step.add_decision(DecisionKind.SAME, (joined_records,), ())
            kept_records = {leaving.id: frozenset(remaining_part)}
            parts = (moved_part, remaining_part, step.members[joining.id])
            step.apply({"parts": parts}, IdChoice(frozenset({joining.id}), kept_records))
    return step.disclose_effect()


class _StewardStep:
    """Transaction of one steward's merge, split or move of persons."""

    def __init__(self, index: Index, viewer: Viewer, kind: str, options: StepOptions) -> None:
        self._index = index
        self._viewer = viewer
        self._kind = kind
        self._options = replace(options, reason=check_reason(options.reason), note=check_note(options.note))
        self._context = step_transaction(index, viewer, kind, preview=options.preview)
        self._drafts: list[DecisionDraft] = []
        self._etag = ""
        self._shown: frozenset[int] = frozenset()
        self.members: Mapping[int, tuple[int, ...]] = {}
        self.stored_answer: object = None
        self.effect: StepEffect
        self.unit: WriteUnit

    def __enter__(self) -> "_StewardStep":
        self.unit = self._context.__enter__()
        try:
            stored_answer = find_stored_answer(self.unit, self._index, FIELDS)
        except BaseException as error:  # an interrupt too must leave the transaction
            self._context.__exit__(type(error), error, error.__traceback__)
            raise
        if stored_answer is not None:
            self.stored_answer, self.effect = stored_answer, effect_from_answer(stored_answer, self._viewer)
        return self

    def disclose_effect(self) -> StepEffect:
        """Log the records shown in the disclosure ledger; return the step's effect."""
        if self.stored_answer is None:
            disclose(self._index, self._viewer, Action.DECIDE, self._shown, effect_fields(self.effect))
        return self.effect

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return self._context.__exit__(error_type, error, traceback)

    def load_persons(self, eid_texts: Sequence[str]) -> list[Person]:
        """Load the persons of a merge, split or move by enterprise ID."""
        wanted_eids = [eids.parse_eid(eid_text) for eid_text in eid_texts]
        if len(set(wanted_eids)) != len(wanted_eids) or (self._kind == "merge" and len(wanted_eids) <= 1):
            raise InputError("give the enterprise IDs of two or more persons")
        persons = []
        for eid in wanted_eids:
            person = self.unit.persons.find_by_eid(eid)
            if person is None:
                raise NotFoundError("this index never gave out that enterprise ID")
            persons.append(person)
        return persons

    def read_members(self, persons: Sequence[Person]) -> None:
        """Read the persons' visible records; refuse persons changed since they were read."""
        members_by_person = self.unit.persons.members([person.id for person in persons])
        labels = visible_labels(
            self.unit, {record for person_records in members_by_person.values() for record in person_records}
        )
        self.members = {
            person_id: tuple(record_id for record_id in person_records if record_id in labels)
            for person_id, person_records in members_by_person.items()
        }
        for person in persons:
            if self.members[person.id]:
                continue
            view = find_visible_status(self.unit, person)
            if view is None or view.status is PersonStatus.ACTIVE:
                # Every record is hidden from the viewer, so the person is unknown to them.
                raise NotFoundError("this index never gave out that enterprise ID")
            raise ConflictError(f"{person.eid} is {view.status}: look it up to see who holds its records")
        self._etag = require_current_etag(self.unit, self._index, persons, self._options.expected_etags)

    def add_decision(self, kind: DecisionKind, groups: RecordGroups, supersedes: Collection[int]) -> None:
        """Add a decision to the merge, split or move."""
        note = None if self._drafts else self._options.note
        draft = DecisionDraft(
            kind=kind,
            groups=groups,
            reason=self._options.reason,
            origin=self._kind,
            note=note,
            supersedes=tuple(supersedes),
        )
        self._drafts.append(draft)

    def restate_same_decisions(self, superseded_ids: Collection[int], parts: RecordGroups) -> None:
        """Store superseded SAME decisions again, within each part of a split."""
        for decision_id in superseded_ids:
            decision = require_decision(self.unit, decision_id)
            if decision.kind is DecisionKind.SAME:
                for part in parts:
                    groups = visible_groups(self.unit, decision) or ((),)
                    part_records = tuple(record for record in groups[0] if record in part)
                    if len(part_records) > 1:
                        self.add_decision(DecisionKind.SAME, (part_records,), ())

    def apply(self, detail: dict[str, object], id_choice: IdChoice) -> None:
        """Apply the step with its decisions and keep its effect."""
        planned_step = PlannedStep(
            kind=self._kind,
            reason=self._options.reason,
            drafts=self._drafts,
            detail=detail,
            choice=id_choice,
            etag=self._etag,
        )
        self.effect, self._shown = apply_step(
            self.unit, self._index, planned_step, preview=self._options.preview
        )


def _build_parts(groups: RecordGroups, members: Sequence[int]) -> RecordGroups:
    """Return the record groups of a split, completed by the remaining records."""
    record_ids = [record for group in groups for record in group]
    if set(record_ids) - set(members):
        raise InputError("groups: a record is not one of this person's")
    if len(record_ids) != len(set(record_ids)):
        raise InputError("groups: a record is named twice")
    if len(groups) == 1:
        groups = (*groups, tuple(record for record in members if record not in set(record_ids)))
    if len(groups) <= 1 or not all(groups):
        raise InputError("groups: a split leaves two or more parts with records")
    return groups


def _select_parts(parts: RecordGroups, positions: Collection[int]) -> RecordGroups:
    """Return a split's parts at the given positions that have several records."""
    if any(not 0 <= position < len(parts) for position in positions):
        raise InputError("one_child: give positions of parts, from 0")
    return tuple(parts[position] for position in sorted(set(positions)) if len(parts[position]) > 1)


def _find_keeping_part(
    unit: ReadUnit, parts: RecordGroups, keep: int | RecordRef | None
) -> tuple[int, ...] | None:
    """Return which part of a split keeps the ID; None by default."""
    if keep is None:
        return None
    if isinstance(keep, int):
        if not 0 <= keep < len(parts):
            raise InputError("keep: give the position of a part, from 0")
        return parts[keep]
    [[record]] = find_record_numbers(unit, [[keep]])
    for part in parts:
        if record in part:
            return part
    raise InputError("keep: the record is in none of the parts")
