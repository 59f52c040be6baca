"""Make, read and list stewards' decisions, and report wrong links."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mpi.domain import clock
from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.errors import InputError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, is_allowed, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import add_step, check_note, check_reason, step_transaction
from mpi.service.core.visibility import (
    RecordGroups,
    find_record_numbers,
    find_shown_record_numbers,
    visible_labels,
)
from mpi.service.core.visible_features import find_partial_records
from mpi.service.decisions.decision_log import (
    DecisionDraft,
    add_decision,
    find_conflict_chain,
    find_visible_groups,
    may_undo,
    require_decision,
    visible_groups,
)
from mpi.service.gates.consents import ConsentView, build_consent_views
from mpi.service.persons.step_effects import FIELDS as EFFECT_FIELDS
from mpi.service.persons.step_effects import StepEffect, effect_fields
from mpi.service.resolution.id_choice import NO_ID_CHOICE
from mpi.service.resolution.resolve import resettle
from mpi.service.resolution.review_tasks import CONFLICT
from mpi.service.stewardship.apply_step import PlannedStep, apply_step
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.units import ReadUnit

MAX_RECORDS = 500
"""Most records that one decision names."""
MAX_UNSURE_RECORDS = 25
"""Most records of one UNSURE, because evidence is stored for every pair."""
MAX_LISTED = 1000
FIELDS = ("source", "local_id", "match_weight", "levels", "reason", "note")


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """Steward's decision as submitted: whether records describe one person.

    Args:
        kind: SAME, DIFFERENT or UNSURE.
        groups: groups of records by label: one group; two or more for DIFFERENT.
        reason: reason code.
        effective_from: day from which the decision binds, ``YYYY-MM-DD``; None for at once.
        recheck_on: day from which the decision is to be reviewed again.
        note: free text.
        supersedes: numbers of the decisions that it replaces.
    """

    kind: DecisionKind
    groups: Sequence[Sequence[RecordRef]]
    reason: str
    effective_from: str | None = None
    recheck_on: str | None = None
    note: str | None = None
    supersedes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionView:
    """Decision on records' identity as a viewer may see it.

    Args:
        id: its number.
        kind: SAME, DIFFERENT or UNSURE.
        status: ``in_force``, ``pending``, ``awaiting`` approval or consent, ``superseded``, ``revoked``, or
            ``review`` for a claim.
        suspended: whether it is in force and gives way to a stronger decision.
        authority: ``steward``, ``source`` or ``migration``.
        by: the client that made it.
        at: when it was made.
        reason: reason code of the maker.
        notes: free text.
        groups: records, by group.
        seen: as-of of the version of each record that its maker saw; None for a withdrawn one.
        evidence: the model, and the weight and levels of each pair as its maker saw them.
        effective_from: day from which it binds, while it is pending.
        recheck_on: day from which it is to be reviewed again.
        supersedes: numbers of the decisions that it replaced.
        step: the step that made it.
        origin: kind of that step.
        ended_at: when it was superseded or revoked.
        ended_by: the client that superseded or revoked it.
        consents: consents of owners to its step, for sources that the viewer may see.
    """

    id: int
    kind: DecisionKind
    status: str
    suspended: bool
    authority: str
    by: str
    at: str
    reason: str
    notes: tuple[str, ...]
    groups: tuple[tuple[RecordRef, ...], ...]
    seen: tuple[Mapping[str, str | None], ...]
    evidence: Mapping[str, Any]
    effective_from: str | None
    recheck_on: str | None
    supersedes: tuple[int, ...]
    step: int | None
    origin: str | None
    ended_at: str | None
    ended_by: str | None
    consents: tuple[ConsentView, ...] = ()


def decide(index: Index, viewer: Viewer, request: DecisionRequest, *, preview: bool = False) -> StepEffect:
    """Decide whether records describe one person, or preview the effect.

    Args:
        index: the open index.
        viewer: the steward.
        request: the decision.
        preview: change nothing.

    Raises:
        InputError: the decision is malformed.
        NotFoundError: the viewer can see no such record or decision.
        DecisionConflict: it contradicts decisions in force that it does not supersede.
        AccessDenied: the viewer may not decide.
    """
    require_permission(viewer, Action.DECIDE)
    reason, note = check_reason(request.reason), check_note(request.note)
    effective_from, recheck_on = (
        None if day is None else clock.parse_day(day, name).isoformat()
        for day, name in ((request.effective_from, "effective_from"), (request.recheck_on, "recheck_on"))
    )
    with step_transaction(index, viewer, "decision", preview=preview) as unit:
        if (stored_answer := find_stored_answer(unit, index, EFFECT_FIELDS)) is not None:
            return effect_from_answer(stored_answer, viewer)
        groups = require_well_formed(request.kind, find_record_numbers(unit, request.groups))
        draft = DecisionDraft(
            kind=request.kind,
            groups=groups,
            reason=reason,
            origin="decision",
            effective_from=effective_from,
            recheck_on=recheck_on,
            note=note,
            supersedes=request.supersedes,
        )
        planned_step = PlannedStep(
            kind="decision", reason=reason, drafts=[draft], detail={"groups": groups}, choice=NO_ID_CHOICE
        )
        effect, shown_records = apply_step(unit, index, planned_step, preview=preview)
    disclose(index, viewer, Action.DECIDE, shown_records, effect_fields(effect))
    return effect


def report_link(index: Index, viewer: Viewer, request: DecisionRequest) -> int:
    """Report a wrong or missed link as a claim for review.

    The claim binds nothing. Two enterprise IDs of one child are reported as a missed link.

    Args:
        index: the open index.
        viewer: who reports; not necessarily a steward.
        request: SAME for a missed link, DIFFERENT for a wrong link; its days and ``supersedes`` are ignored.

    Returns:
        The number of the claim.

    Raises:
        InputError: the claim is malformed.
        NotFoundError: the viewer can see no such record.
        AccessDenied: the viewer may not report links.
    """
    require_permission(viewer, Action.LINK_REPORT)
    reason, note = check_reason(request.reason), check_note(request.note)
    if request.kind is DecisionKind.UNSURE:
        raise InputError("kind: a report says SAME or DIFFERENT")
    with index.database.write(viewer, "report") as unit:
        if (stored_answer := find_stored_answer(unit, index)) is not None:
            return int(stored_answer["claim"])
        groups = require_well_formed(request.kind, find_record_numbers(unit, request.groups))
        step_id = add_step(unit, "report", reason, {"groups": groups})
        draft = DecisionDraft(
            kind=request.kind,
            groups=groups,
            reason=reason,
            origin="report",
            authority=Authority.SOURCE,
            note=note,
            is_claim=True,
        )
        claim_id = add_decision(unit, index, step_id, draft)
        resettle(unit, index, draft.record_ids, "report")
        store_answer(unit, index, {"claim": claim_id}, draft.record_ids)
        return claim_id


def get_decision(index: Index, viewer: Viewer, decision_id: int) -> DecisionView:
    """Return one decision on records' identity, with its maker's evidence.

    Raises:
        NotFoundError: the viewer can see no such decision.
        AccessDenied: the viewer may not read decisions.
    """
    require_permission(viewer, Action.DECISION_READ)
    with index.database.read(viewer) as unit:
        decision = require_decision(unit, decision_id)
        [view] = build_decision_views(unit, [decision])
        shown_records = _list_shown_records(unit, [view])
    disclose(index, viewer, Action.DECISION_READ, shown_records, FIELDS)
    return view


def list_decisions(
    index: Index, viewer: Viewer, before: int | None = None, limit: int = 100
) -> list[DecisionView]:
    """List decisions on records' identity, newest first.

    Args:
        index: the open index.
        viewer: who asks; decisions about hidden records are left out.
        before: list only decisions with lower numbers.
        limit: most decisions to return, up to ``MAX_LISTED``.

    Raises:
        AccessDenied: the viewer may not read decisions.
    """
    require_permission(viewer, Action.DECISION_READ)
    max_count = min(limit, MAX_LISTED)
    with index.database.read(viewer) as unit:
        listed: list[DecisionView] = []
        while len(listed) < max_count and (page := unit.decisions.latest(before, max_count)):
            before = page[-1].id
            listed += build_decision_views(
                unit, [decision for decision in page if decision.authority.name != "HOLD"]
            )
        listed = listed[:max_count]
        shown_records = _list_shown_records(unit, listed)
    disclose(index, viewer, Action.DECISION_READ, shown_records, FIELDS)
    return listed


def build_decision_views(unit: ReadUnit, decisions: Sequence[StoredDecision]) -> list[DecisionView]:
    """Build views of decisions, without those hidden from the viewer."""
    commits = unit.commit_info(
        {
            commit_no
            for decision in decisions
            for commit_no in (decision.commit_no, decision.ended_commit)
            if commit_no is not None
        }
    )
    notes = unit.steps.notes([decision.id for decision in decisions])
    suspended_ids = unit.tasks.decisions_with_task([decision.id for decision in decisions], CONFLICT)
    consents_by_step = unit.consents.consents_of_steps(
        {decision.step_id for decision in decisions if decision.step_id is not None}
    )
    groups_by_decision = find_visible_groups(unit, decisions)
    all_labels = visible_labels(
        unit, {record for groups in groups_by_decision.values() for group in groups or () for record in group}
    )
    views = []
    for decision in decisions:
        groups = groups_by_decision[decision.id]
        if groups is None:
            continue
        labels = {record: all_labels[record] for group in groups for record in group}
        made_at, made_by, _ = commits[decision.commit_no]
        end_commit = None if decision.ended_commit is None else commits[decision.ended_commit]
        views.append(
            DecisionView(
                id=decision.id,
                kind=decision.kind,
                status=decision.status.value,
                # Suspension is hidden from viewers who may not see the stronger decision.
                suspended=decision.status is DecisionStatus.IN_FORCE
                and decision.id in suspended_ids
                and find_conflict_chain(unit, decision) is not None,
                authority=decision.authority.name.lower(),
                by=made_by,
                at=made_at,
                reason=decision.reason,
                # Another steward's note may mention records hidden from the viewer.
                notes=tuple(notes.get(decision.id, ())) if may_undo(unit, decision) else (),
                groups=tuple(tuple(labels[record] for record in group) for group in groups),
                seen=_build_seen_versions(unit, decision, labels),
                evidence=_build_evidence(unit, decision, labels),
                effective_from=decision.effective_from if decision.status is DecisionStatus.PENDING else None,
                recheck_on=decision.recheck_on,
                supersedes=tuple(
                    old_id for old_id in decision.supersedes if _is_decision_visible(unit, old_id)
                ),
                step=decision.step_id,
                origin=decision.origin,
                ended_at=None if end_commit is None else end_commit[0],
                ended_by=None if end_commit is None else end_commit[1],
                consents=build_consent_views(unit, consents_by_step.get(decision.step_id or 0, ())),
            )
        )
    return views


def _list_shown_records(unit: ReadUnit, listed: Sequence[DecisionView]) -> set[int]:
    """Return the numbers of the records that views of decisions name."""
    return find_shown_record_numbers(
        unit, (label for view in listed for group in view.groups for label in group)
    )


def require_well_formed(kind: DecisionKind, groups: RecordGroups) -> RecordGroups:
    """Return a decision's record groups; refuse groups of another kind.

    Raises:
        InputError: too few or too many records or groups, or a record is named twice.
    """
    record_ids = [record for group in groups for record in group]
    if len(record_ids) != len(set(record_ids)):
        raise InputError("groups: a record is named twice")
    if len(record_ids) > MAX_RECORDS:
        raise InputError(f"groups: a decision names at most {MAX_RECORDS} records")
    if kind is DecisionKind.DIFFERENT:
        if len(groups) <= 1 or not all(groups):
            raise InputError("groups: DIFFERENT takes two or more groups of one or more records")
        return groups
    if len(groups) != 1 or len(record_ids) <= 1:
        raise InputError(f"groups: {kind.value} takes one group of two or more records")
    if kind is DecisionKind.UNSURE and len(record_ids) > MAX_UNSURE_RECORDS:
        raise InputError(f"groups: UNSURE names at most {MAX_UNSURE_RECORDS} records")
    return groups


def effect_from_answer(stored_answer: Mapping[str, Any], viewer: Viewer) -> StepEffect:
    """Restore a step's effect from its stored answer, for the viewer."""
    if is_allowed(viewer, Action.DISCLOSURE_READ):
        return StepEffect(**stored_answer)
    disclosed_count = stored_answer.get("disclosed") if viewer.sources is None else None
    return StepEffect(**{**stored_answer, "disclosed": disclosed_count, "disclosures": ()})


def _is_decision_visible(unit: ReadUnit, decision_id: int) -> bool:
    """Return whether a decision exists and the viewer may see it."""
    decision = unit.decisions.by_ids([decision_id]).get(decision_id)
    return decision is not None and visible_groups(unit, decision) is not None


def _build_seen_versions(
    unit: ReadUnit, decision: StoredDecision, labels: Mapping[int, RecordRef]
) -> tuple[Mapping[str, str | None], ...]:
    """Return the date of each record version that a decision's maker saw."""
    versions = {decision.seen.get(record) for record in labels} - {None}
    as_of = unit.record_versions.as_of({version for version in versions if version is not None})
    return tuple(
        {
            "source": label.source,
            "local_id": label.local_id,
            "as_of": as_of.get(decision.seen.get(record) or 0),
        }
        for record, label in sorted(labels.items(), key=lambda item: (item[1].source, item[1].local_id))
    )


def _build_evidence(
    unit: ReadUnit, decision: StoredDecision, labels: Mapping[int, RecordRef]
) -> Mapping[str, Any]:
    """Return a decision's pair weights and comparisons, for visible records only.

    Pairs with a record that the viewer may not compare whole are left out: the stored weight rests on all.
    """
    shown = labels.keys() - find_partial_records(unit, labels.keys())
    pairs = [
        {
            "records": [labels[record] for record in evidence["records"]],
            "match_weight": evidence["bits"],
            "levels": evidence["levels"],
        }
        for evidence in decision.evidence.get("pairs", ())
        if all(record in shown for record in evidence["records"])
    ]
    return {"model": decision.evidence.get("model"), "pairs": pairs}
