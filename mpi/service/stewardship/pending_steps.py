"""Waiting steps: what others have to say so too before it takes effect, as a viewer may know of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from mpi.domain.decision import DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, is_allowed, is_source_owner, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.service.decisions.decision_log import is_wholly_visible
from mpi.service.gates.consents import ConsentView, build_consent_views, find_person_records
from mpi.service.stewardship.approvals import drop_revoked, load_step_decisions
from mpi.storage.repositories.steps.consents import ConsentStatus, StoredConsent
from mpi.storage.repositories.steps.decisions import StoredDecision
from mpi.storage.unit_of_work.unit import ReadUnit

REDACTED_KIND = "change"
"""Kind of a step that is not shown whole."""


@dataclass(frozen=True, slots=True)
class PendingDecision:
    """What a step is to say, or of an undo to take back."""

    id: int
    kind: DecisionKind
    groups: tuple[tuple[RecordRef, ...], ...]


@dataclass(frozen=True, slots=True)
class PendingStep:
    """A step that waits.

    Args:
        step: its number.
        kind: ``decision``, ``merge``, ``split``, ``move``, ``correction`` or ``undo``; ``change`` to an owner
            who may not see all of it.
        at: when it was made; to such an owner, when he was asked.
        by: who made it; None to such an owner.
        reason: its maker's code; None to such an owner.
        decisions: what it is to say or to take back, but for what was taken back by itself meanwhile; empty
            to such an owner.
        approval: whether it waits for a second approver.
        consents: what owners were asked, of sources that the viewer may see.
        records: the viewer's records that it names; of sources that were asked, those that are one person
            with them as well.
        may_approve: whether the viewer may give the second word.
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
    """What waits for a second approver or for an owner, the oldest first.

    Whoever may read decisions sees the steps of which he may see every record and every source that was
    asked; an owner sees those besides about which a source of his was asked.

    Raises:
        AccessDenied: the viewer may neither read decisions nor consent.
    """
    reads = is_allowed(viewer, Action.DECISION_READ)
    if not reads:
        require_permission(viewer, Action.CONSENT)
    with index.database.read(viewer) as unit:
        second: dict[int, bool] = {}
        for one in unit.pending_approvals.all():
            second[one.step_id] = second.get(one.step_id, False) or one.second
        asked = unit.consents.consents_of_steps(second)
        found, shown = [], set[int]()
        for number, wants_approval in second.items():
            view, records = _build_view(
                unit, number, asked.get(number, []), wants_approval=wants_approval, reads=reads
            )
            found += [] if view is None else [view]
            shown |= records
    disclose(
        index,
        viewer,
        Action.DECISION_READ if reads else Action.CONSENT,
        shown,
        ("source", "local_id", "reason"),
    )
    return found


def _build_view(
    unit: ReadUnit, number: int, asked: Sequence[StoredConsent], *, wants_approval: bool, reads: bool
) -> tuple[PendingStep | None, set[int]]:
    """The step as the viewer may know of it, and the records that it shows."""
    of = unit.steps.get(number)
    made = drop_revoked(load_step_decisions(unit, of))
    codes = {source.id: source.code for source in unit.sources.all()}
    owned = {one.source_id for one in asked if is_source_owner(unit.viewer, codes[one.source_id])}
    whole = all(is_wholly_visible(unit, one, number) for one in made)
    if of is None or not made or not (owned or (whole and reads)):
        return None, set()
    at, by, _ = unit.commit_info({of.commit_no})[of.commit_no]
    records = _list_shown_records(unit, made, {one.source_id for one in asked} if whole else owned, whole=whole)
    unanswered = [one for one in asked if one.source_id in owned and one.status is ConsentStatus.ASKED]
    own = by == unit.viewer.client
    may_consent = () if own else tuple(sorted(codes[one.source_id] for one in unanswered))
    consents = build_consent_views(unit, asked)
    labels = tuple(sorted(records.values(), key=lambda label: (label.source, label.local_id)))
    if not whole:
        mine = tuple(one for one in consents if is_source_owner(unit.viewer, one.source))
        since = min(one.asked_at for one in mine)
        partly = PendingStep(number, REDACTED_KIND, since, None, None, (), False, mine, labels, False, may_consent)
        return partly, set(records)
    may_approve = wants_approval and not own and is_allowed(unit.viewer, Action.APPROVE)
    decisions = tuple(
        PendingDecision(one.id, one.kind, tuple(tuple(records[r] for r in group) for group in one.groups))
        for one in made
    )
    seen = PendingStep(number, of.kind, at, by, of.reason, decisions, wants_approval, consents, labels,
                       may_approve, may_consent)  # fmt: skip
    return seen, set(records)


def _list_shown_records(
    unit: ReadUnit, made: Sequence[StoredDecision], sources: set[int], *, whole: bool
) -> dict[int, RecordRef]:
    """The records that are named, and of some sources those that are one person with them."""
    named = {record for one in made for record in one.seen}
    touched = named | find_person_records(unit, named)
    of = {number: record.source_id for number, record in unit.records.get(touched).items()}
    wanted = {number for number in touched if of[number] in sources or (whole and number in named)}
    return visible_labels(unit, wanted)
