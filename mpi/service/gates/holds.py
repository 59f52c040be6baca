"""Holds: computed changes that wait until a person releases or refuses them.

A hold consists of decisions of the lowest authority that keep records as published. Every other decision
overrides them; the model does not.
"""

from collections.abc import Collection
from dataclasses import dataclass

from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.errors import AccessDenied, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import add_step
from mpi.service.decisions.decision_log import DecisionDraft, add_decision, revoke_decisions
from mpi.service.gates.freeze_rules import FROZEN_SOURCES
from mpi.service.gates.proposal_items import PersonGroup, load_groups
from mpi.service.resolution.resolve import resettle
from mpi.storage.repositories.derived.proposals import Hold, ProposalItem, ProposalStatus
from mpi.storage.repositories.steps.decisions import DecisionStatus, NewDecision
from mpi.storage.repositories.steps.steps import Step
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

FIELDS = ("source", "local_id", "enterprise_id")
REFUSED_HOLD = "hold"
"""Member of a refusing step's detail: number of the refused hold."""
HELD_UNTIL = "held_until"
"""Member of a hold's detail: first day the change may happen."""


@dataclass(frozen=True, slots=True)
class HoldView:
    """A computed change on hold, with persons and records before and after."""

    id: int
    kind: str
    status: str
    since: str
    proposal: int | None
    before: tuple[PersonGroup, ...]
    after: tuple[PersonGroup, ...]
    held_until: str | None = None


def require_whole_index(viewer: Viewer) -> None:
    """Require a viewer who may re-cluster and see every source.

    Raises:
        AccessDenied: the viewer may not.
    """
    require_permission(viewer, Action.RECLUSTER)
    if viewer.sources is not None:
        raise AccessDenied(f"client {viewer.client!r} may not do this: it affects every source")


def list_holds(index: Index, viewer: Viewer) -> list[HoldView]:
    """List computed changes on hold, oldest first.

    Raises:
        AccessDenied: the viewer may not re-cluster, or may not see all sources.
    """
    require_whole_index(viewer)
    with index.database.read(viewer) as unit:
        open_holds = unit.proposals.holds()
        commits = unit.commit_info({hold.commit_no for hold in open_holds})
        views = []
        for hold in open_holds:
            before, after = load_groups(unit, hold.detail)
            view = HoldView(
                id=hold.id,
                kind=hold.kind,
                status=hold.status,
                since=commits[hold.commit_no][0],
                proposal=hold.detail.get("proposal"),
                before=before,
                after=after,
                held_until=hold.detail.get(HELD_UNTIL),
            )
            views.append(view)
        records = {record for hold in open_holds for _, group in hold.detail["before"] for record in group}
    disclose(index, viewer, Action.RECLUSTER, records, FIELDS)
    return views


def release_hold(index: Index, viewer: Viewer, hold_id: int) -> int:
    """Release a change on hold; return how many records change person.

    Raises:
        NotFoundError: there is no open hold of this number.
        AccessDenied: the viewer may not re-cluster, or may not see all sources.
    """
    return _answer_hold(index, viewer, hold_id, "released")


def refuse_hold(index: Index, viewer: Viewer, hold_id: int) -> int:
    """Refuse a change on hold for good, by steward decisions against it.

    These decisions keep its records as published.

    Raises:
        NotFoundError: there is no open hold of this number.
        DecisionConflict: the hold contradicts a later decision.
        AccessDenied: the viewer may not re-cluster and decide, or may not see all sources.
    """
    require_permission(viewer, Action.DECIDE)
    return _answer_hold(index, viewer, hold_id, "refused")


def add_hold(
    unit: WriteUnit,
    proposal_id: int | None,
    item: ProposalItem,
    held_until: str | None = None,
    frozen_sources: Collection[int] = (),
) -> None:
    """Put a proposed change on hold; its records stay as published.

    Args:
        unit: the transaction.
        proposal_id: number of the proposal, which lists the changes of a re-cluster.
        item: the change that is not to happen.
        held_until: first day after the freeze window; None for an item that was not approved.
        frozen_sources: sources whose freeze windows cause the hold.
    """
    step_id = add_step(
        unit,
        "hold",
        "not-approved" if held_until is None else "frozen",
        {"proposal": proposal_id, "item": item.fingerprint},
    )
    decision_ids = _add_hold_decisions(unit, item, step_id)
    detail = {**item.detail, "proposal": proposal_id, "decisions": decision_ids}
    if held_until is not None:
        detail |= {HELD_UNTIL: held_until, FROZEN_SOURCES: sorted(frozen_sources)}
    new_hold = Hold(
        id=unit.counters.take("hold"),
        kind="proposal",
        fingerprint=item.fingerprint,
        status="open",
        commit_no=unit.commit_no,
        ended_commit=None,
        detail=detail,
    )
    unit.proposals.add_hold(new_hold)


def _add_hold_decisions(unit: WriteUnit, item: ProposalItem, step_id: int) -> list[int]:
    """Add the decisions that keep a change's records as published."""
    groups_before = [tuple(records) for _, records in item.detail["before"]]
    larger_groups = [group for group in groups_before if len(group) > 1]
    kinds_and_groups: list[tuple[DecisionKind, tuple[tuple[int, ...], ...]]] = [
        (DecisionKind.SAME, (group,)) for group in larger_groups
    ]
    if len(groups_before) > 1:
        kinds_and_groups.append((DecisionKind.DIFFERENT, tuple(groups_before)))
    configuration = unit.configs.active_config()
    decision_ids = []
    for kind, groups in kinds_and_groups:
        decision_ids.append(unit.counters.take("decision"))
        unit.decisions.add(
            NewDecision(
                id=decision_ids[-1],
                kind=kind,
                authority=Authority.HOLD,
                status=DecisionStatus.IN_FORCE,
                groups=groups,
                seen={},
                reason="hold",
                evidence={},
                config_id=0 if configuration is None else configuration.id,
                step_id=step_id,
                origin="hold",
            ),
            unit.commit_no,
        )
    return decision_ids


def end_hold(unit: WriteUnit, hold: Hold, status: str) -> set[int]:
    """Close the hold of a change; return records to partition again."""
    held_decisions = list(unit.decisions.by_ids(hold.detail["decisions"]).values())
    revoke_decisions(unit, held_decisions)
    unit.proposals.end_hold(hold.id, status, unit.commit_no)
    return {record for decision in held_decisions for record in decision.seen}


def reopen_hold(unit: WriteUnit, refusal: Step) -> set[int]:
    """Put a refused change on hold again because its refusal is undone.

    The change came from a re-cluster proposal or from the import of another system's crosswalk. If that
    proposal was rolled back or that import undone, the hold stays closed. A hold that is open already, or was
    refused again since, stays as it is.

    Args:
        unit: the transaction.
        refusal: the step of the refusal.

    Returns:
        The records to partition again; empty where the hold stays as it is.
    """
    [refused_hold] = [
        hold for hold in unit.proposals.holds(open_only=False) if hold.id == refusal.detail[REFUSED_HOLD]
    ]
    # The hold may be open already, or refused again, if part of the refusal was undone before.
    is_refused_here = refused_hold.status == "refused" and refused_hold.ended_commit == refusal.commit_no
    if not is_refused_here or _is_origin_undone(unit, refused_hold):
        return set()
    decision_ids = refused_hold.detail["decisions"]
    unit.decisions.set_status(decision_ids, DecisionStatus.IN_FORCE, None)
    unit.proposals.reopen_hold(refused_hold.id)
    return {record for decision in unit.decisions.by_ids(decision_ids).values() for record in decision.seen}


def _is_origin_undone(unit: ReadUnit, hold: Hold) -> bool:
    """Return whether a held change's proposal or import was undone."""
    proposal = unit.proposals.get(hold.detail.get("proposal") or 0)
    import_step = unit.steps.get(hold.detail.get("step") or 0)
    return (proposal is not None and proposal.status == ProposalStatus.ROLLED_BACK) or (
        import_step is not None and import_step.undone_commit is not None
    )


def _answer_hold(index: Index, viewer: Viewer, hold_id: int, status: str) -> int:
    """Release or refuse a held change; return how many records change person."""
    require_whole_index(viewer)
    with index.database.write(viewer, f"hold {status}") as unit:
        open_hold = next((hold for hold in unit.proposals.holds() if hold.id == hold_id), None)
        if open_hold is None:
            raise NotFoundError(f"there is no hold {hold_id} that waits")
        held_decisions = list(unit.decisions.by_ids(open_hold.detail["decisions"]).values())
        affected_records = end_hold(unit, open_hold, status)
        if status == "refused":
            step_id = add_step(unit, "decision", "hold-refused", {REFUSED_HOLD: hold_id})
            for decision in held_decisions:
                add_decision(
                    unit,
                    index,
                    step_id,
                    DecisionDraft(decision.kind, decision.groups, "hold-refused", "hold"),
                )
        settlement = resettle(unit, index, affected_records, f"hold {status}")
        persons_after = unit.persons.current_persons(settlement.records)
        return sum(
            settlement.persons_before.get(record) != persons_after.get(record)
            for record in settlement.records
        )
