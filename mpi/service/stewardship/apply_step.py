"""Store the decisions of a steward's step and publish their effect.

Decisions, merges, splits, moves and corrections share this. Where a second approver or a source owner must
agree, the decisions wait and bind nothing until then. In a freeze window of a source of their records they
wait until the first day after it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mpi.domain import clock
from mpi.domain.decision import CORRECTION
from mpi.domain.survivorship.values import STEWARD_SOURCE_KIND
from mpi.domain.viewer import SecondApprover
from mpi.service.core.idempotency import store_answer
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import add_step
from mpi.service.core.visibility import visible_labels
from mpi.service.decisions.decision_log import DecisionDraft, add_decision, find_affected_records
from mpi.service.gates.consents import (
    MAKER,
    Maker,
    find_owners_to_ask,
    is_only_corrections,
    list_visible_codes,
    maker_from_viewer,
    needs_agreement,
)
from mpi.service.gates.freeze_rules import (
    FROZEN_SOURCES,
    WANTED_FROM,
    find_first_free_day,
    find_visible_sources,
)
from mpi.service.persons.disclosure_recipients import add_recipients
from mpi.service.persons.step_effects import StepEffect, describe_changes
from mpi.service.resolution.id_choice import IdChoice
from mpi.service.resolution.resolve import resettle
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

AWAITING, APPROVED, CHOICE = "awaiting", "approved", "choice"
"""Members of a step's detail: approval pending, approval given, and ID choices."""


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """Steward's step, such as a merge, before its decisions are stored.

    Args:
        kind: ``decision``, ``merge``, ``split``, ``move`` or ``correction``.
        reason: reason code of the maker.
        drafts: decisions of the step, not yet stored.
        detail: numbers of the records or persons of the step, stored with it.
        choice: the maker's preferences about enterprise IDs.
        etag: ETag of the persons as the maker read them.
        read_etag: reads the ETag once the step is stored; None if the answer names that of before.
    """

    kind: str
    reason: str
    drafts: Sequence[DecisionDraft]
    detail: Mapping[str, Any]
    choice: IdChoice
    etag: str | None = None
    read_etag: Callable[[], str] | None = None


def apply_step(
    unit: WriteUnit, index: Index, step: PlannedStep, *, preview: bool
) -> tuple[StepEffect, frozenset[int]]:
    """Apply a steward's step; return its effect and the records it shows.

    The preview of a step that would wait shows its effect once it is approved, or its day has come.

    Raises:
        DecisionConflict: the step contradicts decisions in force that it does not supersede.
        NotFoundError: a decision to supersede does not exist.
        ConflictError: a decision to supersede is not in force, or is not the maker's.
    """
    record_ids = {record for draft in step.drafts for record in draft.record_ids}
    gated_drafts = [draft for draft in step.drafts if needs_agreement(draft.kind, draft.supersedes)]
    gated_records = {record for draft in gated_drafts for record in draft.record_ids}
    needs_second = bool(gated_drafts) and needs_second_approver(unit, index, gated_records)
    maker = maker_from_viewer(unit.viewer)
    owners_to_ask = find_owners_to_ask(
        unit, maker, gated_records, corrections_only=is_only_corrections(each.origin for each in gated_drafts)
    )
    needs_approval = needs_second or bool(owners_to_ask)
    is_waiting = needs_approval and not preview
    freeze_detail, held_until = _check_freeze_windows(unit, step.drafts, record_ids)
    is_deferred = held_until is not None and not preview
    detail = {
        **step.detail,
        **(build_waiting_detail(maker, needs_second=needs_second) if is_waiting else {}),
        **({CHOICE: choice_to_detail(step.choice)} if is_waiting or is_deferred else {}),
        **freeze_detail,
    }
    step_id = add_step(unit, step.kind, step.reason, detail)
    drafts = (
        [replace(draft, effective_from=held_until) for draft in step.drafts] if is_deferred else step.drafts
    )
    decision_ids = tuple(add_decision(unit, index, step_id, draft, awaiting=is_waiting) for draft in drafts)
    if is_waiting:
        unit.pending_approvals.add(step_id, decision_ids, second=needs_second)
        unit.consents.add_requests(step_id, owners_to_ask, unit.commit_no)
    choice = IdChoice() if is_waiting or is_deferred else step.choice
    is_superseding = any(draft.supersedes for draft in step.drafts)
    affected_records = find_affected_records(unit, decision_ids) if is_superseding else record_ids
    settlement = resettle(unit, index, affected_records, step.kind, choice)
    persons, moved, clients, shown_records = describe_changes(
        unit, settlement.persons_before, settlement.records, preview=preview
    )
    shown_records |= record_ids
    effect = StepEffect(
        kind=step.kind,
        preview=preview,
        step=None if preview else step_id,
        decisions=() if preview else decision_ids,
        persons=persons,
        moved=moved,
        told=clients,
        stays=(),
        etag=step.etag if preview or step.read_etag is None else step.read_etag(),
        awaiting=needs_approval,
        held_until=held_until,
        approval=needs_second,
        consent_of=list_visible_codes(unit, owners_to_ask),
    )
    effect = add_recipients(unit, index, effect, settlement.persons_before)
    store_answer(unit, index, effect.as_dict(), shown_records)
    return effect, shown_records


def _check_freeze_windows(
    unit: ReadUnit, drafts: Sequence[DecisionDraft], record_ids: Collection[int]
) -> tuple[Mapping[str, Any], str | None]:
    """Return which frozen sources delay a steward's step, and until when.

    The day is None if no window delays the step.
    """
    today = clock.today()
    # A freeze window protects memberships, which a correction never changes.
    heeds_windows = unit.freezes.all() and any(draft.origin != CORRECTION for draft in drafts)
    sources = find_visible_sources(unit, record_ids, unit.viewer.sources) if heeds_windows else set()
    if not unit.freezes.current_windows_of(sources, today):
        return {}, None
    wanted_day = next((draft.effective_from for draft in drafts), None)
    day = max(today, wanted_day or today)
    free_day = find_first_free_day(unit, sources, day)
    return {FROZEN_SOURCES: sorted(sources), WANTED_FROM: wanted_day}, free_day if free_day > day else None


def needs_second_approver(unit: ReadUnit, index: Index, record_ids: Collection[int]) -> bool:
    """Return whether a steward's step about records needs a second approver."""
    match index.settings.second_approver:
        case SecondApprover.NEVER:
            return False
        case SecondApprover.ALWAYS:
            return True
        case SecondApprover.CROSS_AGENCY:
            # A correction is a record of the stewards' own source and joins no two agencies.
            agency_by_source = {
                stored_source.code: stored_source.agency
                for stored_source in unit.sources.all()
                if stored_source.kind != STEWARD_SOURCE_KIND
            }
            source_codes = {label.source for label in visible_labels(unit, record_ids).values()}
            return len({agency_by_source[source] for source in source_codes & agency_by_source.keys()}) > 1


def build_waiting_detail(maker: Maker, *, needs_second: bool) -> dict[str, Any]:
    """Return a waiting step's maker and needed approval for storage."""
    return {**({AWAITING: True} if needs_second else {}), MAKER: maker.to_detail()}


def choice_to_detail(id_choice: IdChoice) -> dict[str, Any]:
    """Convert a steward's preferences about enterprise IDs for storage with the step."""
    return {
        "survivors": sorted(id_choice.survivors),
        "keeps": [[person, sorted(records)] for person, records in sorted(id_choice.kept_records.items())],
    }


def choice_from_detail(detail: Mapping[str, Any]) -> IdChoice:
    """Return the preferences about enterprise IDs stored with a steward's step."""
    stored = detail.get(CHOICE, {})
    kept_records = {person: frozenset(records) for person, records in stored.get("keeps", ())}
    return IdChoice(frozenset(stored.get("survivors", ())), kept_records)
