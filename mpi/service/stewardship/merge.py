"""Merge two persons, split one, move records: each is written down as decisions over records as seen.

A merge stores SAME over all records of its persons; a split DIFFERENT between its parts; a move both. Where a
split or a move takes the place of a SAME, what that said within each part is said again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from mpi.domain import eid as eids
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer
from mpi.service.core.index import Index
from mpi.service.core.steps import check_note, check_reason, step_transaction
from mpi.service.core.visibility import RecordGroups, find_record_numbers, visible_labels
from mpi.service.decisions.decision_log import DecisionDraft, require_decision, visible_groups
from mpi.service.persons.effects import FIELDS, StepEffect, effect_fields
from mpi.service.persons.etags import require_current_etag
from mpi.service.persons.person_status import find_visible_status
from mpi.service.resolution.settlement import IdChoice
from mpi.service.stewardship.apply_step import PlannedStep, apply_step
from mpi.service.stewardship.decisions import effect_from_answer
from mpi.storage.repositories.persons.persons import Person, PersonStatus
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit


@dataclass(frozen=True, slots=True)
class StepOptions:
    """What every such step is given.

    Args:
        reason: a code.
        note: free text.
        supersedes: decisions whose place it takes.
        expected_etags: tags of the persons as the steward read them; None for as they are.
        preview: change nothing.
    """

    reason: str
    note: str | None = None
    supersedes: tuple[int, ...] = ()
    expected_etags: tuple[str, ...] | None = None
    preview: bool = False


def merge(
    index: Index, viewer: Viewer, texts: Sequence[str], options: StepOptions, survivor: str | None = None
) -> StepEffect:
    """Make two or more persons one.

    Args:
        index: the open index.
        viewer: the steward.
        texts: their enterprise IDs.
        options: reason, and the rest.
        survivor: the ID that is to stay; without one it is that of an open enrolment, then of the most
            records, then the oldest.

    Raises:
        EidError: a text is no enterprise ID.
        InputError: fewer than two persons, or a survivor that is none of them.
        NotFoundError: a person that the viewer may not know of.
        ConflictError: one of them is retired or empty.
        StaleError: they have changed since they were read.
        DecisionConflict: decisions in force keep them apart.
        AccessDenied: the viewer may not decide.
    """
    require_permission(viewer, Action.DECIDE)
    with _StewardStep(index, viewer, "merge", options) as made:
        if made.stored_answer is None:
            if survivor is not None and eids.parse_eid(survivor) not in [eids.parse_eid(text) for text in texts]:
                raise InputError("survivor: give one of the enterprise IDs that are merged")
            persons = made.load_persons(texts)
            chosen = frozenset(
                p.id for p in persons if survivor is not None and p.eid == eids.parse_eid(survivor)
            )
            made.read_members(persons)
            parts = tuple(made.members[person.id] for person in persons)
            together = tuple(sorted(record for part in parts for record in part))
            made.add_decision(DecisionKind.SAME, (together,), options.supersedes)
            made.apply({"parts": parts}, IdChoice(survivors=chosen))
    return made.disclose_effect()


def split(
    index: Index,
    viewer: Viewer,
    text: str,
    groups: Sequence[Sequence[RecordRef]],
    options: StepOptions,
    keep: int | RecordRef | None = None,
    one_child: Collection[int] = (),
) -> StepEffect:
    """Part one person's records into several persons.

    Parted from the others, the records of a part stay together as far as the model or a decision holds them;
    of a part of ``one_child`` the steward says that they do.

    Args:
        index: the open index.
        viewer: the steward.
        text: the enterprise ID.
        groups: its records, by part; of one part alone, the other is the rest.
        options: reason, and the rest.
        keep: the part that keeps the ID, by its place from 0 or by one of its records; without one it is
            the part that holds most.
        one_child: parts, by their place from 0, whose records are said to be one child.

    Raises:
        EidError: it is no enterprise ID.
        InputError: fewer than two parts, a record that is not the person's or is in two parts, or no such
            part.
        NotFoundError: a person or record that the viewer may not know of.
        ConflictError: the person is retired or empty.
        StaleError: it has changed since it was read.
        DecisionConflict: decisions in force keep the parts together.
        AccessDenied: the viewer may not decide.
    """
    require_permission(viewer, Action.DECIDE)
    with _StewardStep(index, viewer, "split", options) as made:
        if made.stored_answer is None:
            [person] = made.load_persons([text])
            made.read_members([person])
            held = made.members[person.id]
            parts = _build_parts(find_record_numbers(made.unit, groups), held)
            made.add_decision(DecisionKind.DIFFERENT, parts, options.supersedes)
            made.restate_same_decisions(options.supersedes, parts)
            for part in _select_parts(parts, one_child):
                made.add_decision(DecisionKind.SAME, (part,), ())
            kept = _find_keeping_part(made.unit, parts, keep)
            choice = IdChoice() if kept is None else IdChoice(kept_records={person.id: frozenset(kept)})
            made.apply({"parts": parts}, choice)
    return made.disclose_effect()


def move(index: Index, viewer: Viewer, text: str, records: Sequence[RecordRef], to: str, options: StepOptions) -> StepEffect:
    """Move records from one person to another.

    Args:
        index: the open index.
        viewer: the steward.
        text: the enterprise ID that they are to leave.
        records: the records.
        to: the enterprise ID that they are to join.
        options: reason, and the rest.

    Raises:
        EidError: a text is no enterprise ID.
        InputError: a record is not the first person's, or all of them are: that is a merge.
        NotFoundError: a person or record that the viewer may not know of.
        ConflictError: a person is retired or empty.
        StaleError: they have changed since they were read.
        DecisionConflict: decisions in force say otherwise.
        AccessDenied: the viewer may not decide.
    """
    require_permission(viewer, Action.DECIDE)
    with _StewardStep(index, viewer, "move", options) as made:
        if made.stored_answer is None:
            leaving, joining = made.load_persons([text, to])
            made.read_members([leaving, joining])
            moved, rest = _build_parts(find_record_numbers(made.unit, [records]), made.members[leaving.id])
            made.add_decision(DecisionKind.DIFFERENT, (moved, rest), options.supersedes)
            made.restate_same_decisions(options.supersedes, (moved, rest))
            together = tuple(sorted({*moved, *made.members[joining.id]}))
            made.add_decision(DecisionKind.SAME, (together,), ())
            keeps = {leaving.id: frozenset(rest)}
            parts = (moved, rest, made.members[joining.id])
            made.apply({"parts": parts}, IdChoice(frozenset({joining.id}), keeps))
    return made.disclose_effect()


class _StewardStep:
    """One such step inside its transaction: what it says, and what that does."""

    def __init__(self, index: Index, viewer: Viewer, kind: str, why: StepOptions) -> None:
        self._index = index
        self._viewer = viewer
        self._kind = kind
        self._why = replace(why, reason=check_reason(why.reason), note=check_note(why.note))
        self._context = step_transaction(index, viewer, kind, preview=why.preview)
        self._said: list[DecisionDraft] = []
        self._etag = ""
        self._shown: frozenset[int] = frozenset()
        self.members: Mapping[int, tuple[int, ...]] = {}
        self.stored_answer: object = None
        self.effect: StepEffect
        self.unit: WriteUnit

    def __enter__(self) -> "_StewardStep":
        self.unit = self._context.__enter__()
        try:
            kept = find_stored_answer(self.unit, self._index, FIELDS)
        except BaseException as error:  # Ctrl-C too: the transaction was entered and must be left
            self._context.__exit__(type(error), error, error.__traceback__)
            raise
        if kept is not None:
            self.stored_answer, self.effect = kept, effect_from_answer(kept, self._viewer)
        return self

    def disclose_effect(self) -> StepEffect:
        """The effect, once the ledger says that it leaves."""
        if self.stored_answer is None:
            disclose(self._index, self._viewer, Action.DECIDE, self._shown, effect_fields(self.effect))
        return self.effect

    def __exit__(self, *raised: object) -> bool | None:
        return self._context.__exit__(*raised)  # type: ignore[arg-type]

    def load_persons(self, texts: Sequence[str]) -> list[Person]:
        """The persons that the step is about, as the viewer may know of them."""
        wanted = [eids.parse_eid(text) for text in texts]
        if len(set(wanted)) != len(wanted) or (self._kind == "merge" and len(wanted) < len(("one", "other"))):
            raise InputError("give the enterprise IDs of two or more persons")
        found = []
        for eid in wanted:
            person = self.unit.persons.find_by_eid(eid)
            if person is None:
                raise NotFoundError("this index never gave out that enterprise ID")
            found.append(person)
        return found

    def read_members(self, persons: Sequence[Person]) -> None:
        """Read whom the persons hold, and see that they are as the steward read them."""
        members = self.unit.persons.members([person.id for person in persons])
        labels = visible_labels(self.unit, {record for held in members.values() for record in held})
        self.members = {n: tuple(r for r in held if r in labels) for n, held in members.items()}
        for person in persons:
            if self.members[person.id]:
                continue
            seen = find_visible_status(self.unit, person)
            if seen is None or seen.status is PersonStatus.ACTIVE:
                # It holds nothing that the viewer may know of, and so it is nobody to them.
                raise NotFoundError("this index never gave out that enterprise ID")
            raise ConflictError(f"{person.eid} is {seen.status}: look it up to see who holds its records")
        self._etag = require_current_etag(self.unit, self._index, persons, self._why.expected_etags)

    def add_decision(self, kind: DecisionKind, groups: RecordGroups, supersedes: Collection[int]) -> None:
        """Add a decision to the step."""
        note = None if self._said else self._why.note
        said = DecisionDraft(kind, groups, self._why.reason, self._kind, note=note, supersedes=tuple(supersedes))
        self._said.append(said)

    def restate_same_decisions(self, superseded: Collection[int], parts: RecordGroups) -> None:
        """Say again within each part what a SAME said that is superseded."""
        for number in superseded:
            old = require_decision(self.unit, number)
            if old.kind is DecisionKind.SAME:
                for part in parts:
                    groups = visible_groups(self.unit, old) or ((),)
                    rest = tuple(record for record in groups[0] if record in part)
                    if len(rest) > 1:
                        self.add_decision(DecisionKind.SAME, (rest,), ())

    def apply(self, detail: dict[str, object], choice: IdChoice) -> None:
        """Write the decisions down, settle, publish, and say what that did."""
        made = PlannedStep(self._kind, self._why.reason, self._said, detail, choice, self._etag)
        self.effect, self._shown = apply_step(self.unit, self._index, made, preview=self._why.preview)


def _build_parts(groups: RecordGroups, held: Sequence[int]) -> RecordGroups:
    named = [record for group in groups for record in group]
    if set(named) - set(held):
        raise InputError("groups: a record is not one of this person's")
    if len(named) != len(set(named)):
        raise InputError("groups: a record is named twice")
    if len(groups) == 1:
        groups = (*groups, tuple(record for record in held if record not in set(named)))
    if len(groups) < len(("one", "other")) or not all(groups):
        raise InputError("groups: a split leaves two or more parts with records")
    return groups


def _select_parts(parts: RecordGroups, places: Collection[int]) -> RecordGroups:
    """Parts of several records by their places."""
    if any(not 0 <= place < len(parts) for place in places):
        raise InputError("one_child: give places of parts, from 0")
    return tuple(parts[place] for place in sorted(set(places)) if len(parts[place]) > 1)


def _find_keeping_part(unit: ReadUnit, parts: RecordGroups, keep: int | RecordRef | None) -> tuple[int, ...] | None:
    if keep is None:
        return None
    if isinstance(keep, int):
        if not 0 <= keep < len(parts):
            raise InputError("keep: give the place of a part, from 0")
        return parts[keep]
    [[record]] = find_record_numbers(unit, [[keep]])
    for part in parts:
        if record in part:
            return part
    raise InputError("keep: the record is in none of the parts")
