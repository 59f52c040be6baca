"""Steps that wait for approval or consent, as visible to viewers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpi.domain.decision import DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, is_allowed, is_source_owner, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.second_person import find_obstacle
from mpi.service.core.visibility import visible_labels
from mpi.service.decisions.decision_log import is_wholly_visible
from mpi.service.gates.consents import ConsentView, build_consent_views, find_person_records
from mpi.service.stewardship.approvals import drop_revoked, load_step_decisions
from mpi.storage.repositories.steps.consents import ConsentStatus, StoredConsent
from mpi.storage.repositories.steps.decisions import StoredDecision
from mpi.storage.unit_of_work.units import ReadUnit

REDACTED_KIND = "change"
"""Kind shown for a step that the viewer may not see whole."""


@dataclass(frozen=True, slots=True)
class PendingDecision:
    """Decision that a steward's waiting step makes, or a waiting undo revokes."""

    id: int
    kind: DecisionKind
    groups: tuple[tuple[RecordRef, ...], ...]


@dataclass(frozen=True, slots=True)
class PendingStep:
    """Steward's step that waits for an approval or a source owner's consent.

    An owner who may not see all of the step gets a redacted view.

    Args:
        step: its number.
        kind: ``decision``, ``merge``, ``split``, ``move``, ``correction`` or ``undo``; ``change`` when
            redacted.
        at: when it was made; when redacted, when the owner was asked.
        by: the client that made it; None when redacted.
        reason: reason code of the maker; None when redacted.
        decisions: decisions to make or to revoke, without those already revoked; empty when redacted.
        approval: whether it waits for a second approver.
        consents: consents of owners, for sources that the viewer may see.
        records: visible records that it names; for the asked sources, also other records of the same persons.
        may_approve: whether the viewer may give the second approval.
        may_consent: the sources for which the viewer may consent or refuse.
    """

    step: int
    kind: str
    at: str
    by: str | None
    reason: str | None
    decisions: tuple[PendingDecision, ...]
    approval: bool
    consents: tuple[ConsentView, ...]
    records: tuple[RecordRef, ...]
    may_approve: bool
    may_consent: tuple[str, ...]


def list_pending_steps(index: Index, viewer: Viewer) -> list[PendingStep]:
    """List steps that wait for approver or owner, oldest first.

    A viewer who may read decisions sees the steps of which every record and every asked source is visible. An
    owner also sees the steps about which a source of theirs was asked.

    Raises:
        AccessDenied: the viewer may neither read decisions nor consent.
    """
    reads_decisions = is_allowed(viewer, Action.DECISION_READ)
    if not reads_decisions:
        require_permission(viewer, Action.CONSENT)
    with index.database.read(viewer) as unit:
        approval_by_step: dict[int, bool] = {}
        for pending in unit.pending_approvals.all():
            approval_by_step[pending.step_id] = approval_by_step.get(pending.step_id, False) or pending.second
        consents_by_step = unit.consents.consents_of_steps(approval_by_step)
        views, shown_records = [], set[int]()
        for step_id, needs_approval in approval_by_step.items():
            view, records = _build_view(
                unit,
                step_id,
                consents_by_step.get(step_id, []),
                needs_approval=needs_approval,
                reads_decisions=reads_decisions,
            )
            views += [] if view is None else [view]
            shown_records |= records
    disclose(
        index,
        viewer,
        Action.DECISION_READ if reads_decisions else Action.CONSENT,
        shown_records,
        ("source", "local_id", "reason"),
    )
    return views


def _build_view(
    unit: ReadUnit,
    step_id: int,
    stored_consents: Sequence[StoredConsent],
    *,
    needs_approval: bool,
    reads_decisions: bool,
) -> tuple[PendingStep | None, set[int]]:
    """Build the viewer's view of a waiting step, with the records shown."""
    step = unit.steps.get(step_id)
    step_decisions = drop_revoked(load_step_decisions(unit, step))
    codes = {source.id: source.code for source in unit.sources.all()}
    owned_sources = {
        consent.source_id
        for consent in stored_consents
        if is_source_owner(unit.viewer, codes[consent.source_id])
    }
    is_whole = all(is_wholly_visible(unit, decision, step_id) for decision in step_decisions)
    if step is None or not step_decisions or not (owned_sources or (is_whole and reads_decisions)):
        return None, set()
    made_at, made_by, _ = unit.commit_info({step.commit_no})[step.commit_no]
    records = _list_shown_records(
        unit,
        step_decisions,
        {consent.source_id for consent in stored_consents} if is_whole else owned_sources,
        is_whole=is_whole,
    )
    unanswered_consents = [
        consent
        for consent in stored_consents
        if consent.source_id in owned_sources and consent.status is ConsentStatus.ASKED
    ]
    is_second = find_obstacle(unit, step.commit_no) is None
    may_consent = (
        tuple(sorted(codes[consent.source_id] for consent in unanswered_consents)) if is_second else ()
    )
    consents = build_consent_views(unit, stored_consents)
    if not is_whole:
        return _build_redacted_view(unit, step_id, consents, records, may_consent), set(records)
    view = PendingStep(
        step=step_id,
        kind=step.kind,
        at=made_at,
        by=made_by,
        reason=step.reason,
        decisions=_build_decision_views(step_decisions, records),
        approval=needs_approval,
        consents=consents,
        records=_sort_labels(records),
        may_approve=needs_approval and is_second and is_allowed(unit.viewer, Action.APPROVE),
        may_consent=may_consent,
    )
    return view, set(records)


def _build_redacted_view(
    unit: ReadUnit,
    step_id: int,
    consents: Sequence[ConsentView],
    records: Mapping[int, RecordRef],
    may_consent: tuple[str, ...],
) -> PendingStep:
    """Build a source owner's view of a step that others' records hide."""
    own_consents = tuple(consent for consent in consents if is_source_owner(unit.viewer, consent.source))
    return PendingStep(
        step=step_id,
        kind=REDACTED_KIND,
        at=min(consent.asked_at for consent in own_consents),
        by=None,
        reason=None,
        decisions=(),
        approval=False,
        consents=own_consents,
        records=_sort_labels(records),
        may_approve=False,
        may_consent=may_consent,
    )


def _build_decision_views(
    decisions: Sequence[StoredDecision], records: Mapping[int, RecordRef]
) -> tuple[PendingDecision, ...]:
    """Build the views of a step's decisions, their records named by label."""
    return tuple(
        PendingDecision(
            decision.id,
            decision.kind,
            tuple(tuple(records[record] for record in group) for group in decision.groups),
        )
        for decision in decisions
    )


def _sort_labels(records: Mapping[int, RecordRef]) -> tuple[RecordRef, ...]:
    """Return the labels of records by source and local ID."""
    return tuple(sorted(records.values(), key=lambda label: (label.source, label.local_id)))


def _list_shown_records(
    unit: ReadUnit, decisions: Sequence[StoredDecision], sources: set[int], *, is_whole: bool
) -> dict[int, RecordRef]:
    """Return visible records that decisions name, or that share their persons."""
    named_records = {record for decision in decisions for record in decision.seen}
    affected_records = named_records | find_person_records(unit, named_records)
    source_by_record = {
        number: record.source_id for number, record in unit.records.get(affected_records).items()
    }
    shown_ids = {
        number
        for number in affected_records
        if source_by_record[number] in sources or (is_whole and number in named_records)
    }
    return visible_labels(unit, shown_ids)
