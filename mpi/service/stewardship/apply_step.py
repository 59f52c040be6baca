"""Saying: what a decision, merge, split and move share once it is clear what is said.

The decisions are written down, their components settled and published, and what that did is told. Where a
second approver is asked for, or the consent of a source's owner, the decisions wait for that and bind nothing
until then; in a freeze window of a source of their records, until the first day after it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mpi.domain import clock
from mpi.domain.decision import CORRECTION
from mpi.domain.survivorship import STEWARD_SOURCE_KIND
from mpi.domain.viewer import SecondApprover
from mpi.service.core.idempotency import store_answer
from mpi.service.core.index import Index
from mpi.service.core.steps import add_step
from mpi.service.core.visibility import visible_labels
from mpi.service.decisions.decision_log import DecisionDraft, add_decision, find_affected_records
from mpi.service.gates.consents import (
    MAKER,
    Maker,
    find_owners_to_ask,
    is_only_corrections,
    list_visible_codes,
    maker_from_viewer,
)
from mpi.service.gates.freeze_rules import (
    FROZEN_SOURCES,
    WANTED_FROM,
    find_first_free_day,
    find_visible_sources,
)
from mpi.service.persons.disclosure_recipients import add_recipients
from mpi.service.persons.effects import StepEffect, describe_changes
from mpi.service.resolution.resolve import resettle
from mpi.service.resolution.settlement import IdChoice
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

AWAITING, APPROVED, CHOICE = "awaiting", "approved", "choice"
"""Members of a step's detail: whether it waits for a second approver, had one, and what its maker chose."""


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step to be done.

    Args:
        kind: ``decision``, ``merge``, ``split`` or ``move``.
        reason: its maker's code.
        drafts: its decisions.
        detail: numbers of what it is about.
        choice: what its maker chose about the IDs.
        etag: of the persons as they were read.
    """

    kind: str
    reason: str
    drafts: Sequence[DecisionDraft]
    detail: Mapping[str, Any]
    choice: IdChoice
    etag: str | None = None


def apply_step(unit: WriteUnit, index: Index, step: PlannedStep, *, preview: bool) -> tuple[StepEffect, frozenset[int]]:
    """Do a step; returns what it did and the records that this shows.

    A preview of a step that would wait says what it would do once it is approved, or its day has come.

    Raises:
        DecisionConflict: it contradicts decisions in force that it does not supersede.
        NotFoundError: it would supersede a decision that there is not.
        ConflictError: it would supersede one that is not in force, or is not its maker's.
    """
    named = {record for said in step.drafts for record in said.record_ids}
    second = needs_second_approver(unit, index, named)
    maker = maker_from_viewer(unit.viewer)
    asked = find_owners_to_ask(unit, maker, named, corrections_only=is_only_corrections(one.origin for one in step.drafts))
    awaiting = second or bool(asked)
    waits = awaiting and not preview
    heeded, held_until = _check_freeze_windows(unit, step.drafts, named)
    later = held_until is not None and not preview
    detail = {
        **step.detail,
        **(build_waiting_detail(maker, second=second) if waits else {}),
        **({CHOICE: choice_to_detail(step.choice)} if waits or later else {}),
        **heeded,
    }
    step_id = add_step(unit, step.kind, step.reason, detail)
    said = [replace(one, effective_from=held_until) for one in step.drafts] if later else step.statements
    numbers = tuple(add_decision(unit, index, step_id, one, awaiting=waits) for one in said)
    if waits:
        unit.pending_approvals.add(step_id, numbers, second=second)
        unit.consents.add_requests(step_id, asked, unit.commit_no)
    choice = IdChoice() if waits or later else step.choice
    replaces = any(one.supersedes for one in step.drafts)
    touched = find_affected_records(unit, numbers) if replaces else named
    settled = resettle(unit, index, touched, step.kind, choice)
    persons, moved, told, shown = describe_changes(unit, settled.persons_before, settled.records, preview=preview)
    shown |= named
    effect = StepEffect(
        step.kind,
        preview,
        None if preview else step_id,
        () if preview else numbers,
        persons,
        moved,
        told,
        (),
        step.etag,
        awaiting,
        held_until=held_until,
        approval=second,
        consent_of=list_visible_codes(unit, asked),
    )
    effect = add_recipients(unit, effect, settled.persons_before)
    store_answer(unit, index, effect.as_dict(), shown)
    return effect, shown


def _check_freeze_windows(
    unit: ReadUnit, said: Sequence[DecisionDraft], record_ids: Collection[int]
) -> tuple[Mapping[str, Any], str | None]:
    """What a step keeps of the windows that it heeds, and the day that they hold it until."""
    today = clock.today()
    # A window keeps people as they are, and a correction leaves them so.
    heeds = unit.freezes.all() and any(one.origin != CORRECTION for one in said)
    sources = find_visible_sources(unit, record_ids, unit.viewer.sources) if heeds else set()
    if not unit.freezes.current_windows_of(sources, today):
        return {}, None
    wanted = next((one.effective_from for one in said), None)
    day = max(today, wanted or today)
    free = find_first_free_day(unit, sources, day)
    return {FROZEN_SOURCES: sorted(sources), WANTED_FROM: wanted}, free if free > day else None


def needs_second_approver(unit: ReadUnit, index: Index, record_ids: Collection[int]) -> bool:
    """Whether a step about the records, of those that the viewer may see, waits for a second approver."""
    match index.settings.second_approver:
        case SecondApprover.NEVER:
            return False
        case SecondApprover.ALWAYS:
            return True
        case SecondApprover.CROSS_AGENCY:
            # A correction joins no two agencies: it is a record of the stewards' own.
            agency_of = {s.code: s.agency for s in unit.sources.all() if s.kind != STEWARD_SOURCE_KIND}
            named = {label.source for label in visible_labels(unit, record_ids).values()}
            return len({agency_of[source] for source in named & agency_of.keys()}) > 1


def build_waiting_detail(maker: Maker, *, second: bool) -> dict[str, Any]:
    """What a step keeps that waits for others: whether for a second approver, and who made it."""
    return {**({AWAITING: True} if second else {}), MAKER: maker.to_detail()}


def choice_to_detail(choice: IdChoice) -> dict[str, Any]:
    """A choice as a step keeps it."""
    return {
        "survivors": sorted(choice.survivors),
        "keeps": [[person, sorted(records)] for person, records in sorted(choice.kept_records.items())],
    }


def choice_from_detail(detail: Mapping[str, Any]) -> IdChoice:
    """The choice that a step keeps."""
    kept = detail.get(CHOICE, {})
    keeps = {person: frozenset(records) for person, records in kept.get("keeps", ())}
    return IdChoice(frozenset(kept.get("survivors", ())), keeps)
