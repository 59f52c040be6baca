"""Holds: computed changes that wait for a person, listed, released or refused.

A hold is decisions of the least authority, which keep records as they are published: any other word goes
before them, and no model does.
"""

from collections.abc import Collection
from dataclasses import dataclass

from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.errors import AccessDenied, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.steps import add_step
from mpi.service.decisions.decision_log import DecisionDraft, add_decision, revoke_decisions
from mpi.service.gates.freeze_rules import FROZEN_SOURCES
from mpi.service.gates.plan_items import PersonGroup, load_groups
from mpi.service.resolution.resolve import resettle
from mpi.storage.repositories.derived.proposals import Hold, ProposalItem, ProposalStatus
from mpi.storage.repositories.steps.decisions import DecisionStatus, NewDecision
from mpi.storage.repositories.steps.steps import Step
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

FIELDS = ("source", "local_id", "enterprise_id")
REFUSED_HOLD = "hold"
"""Member of a step's detail: the hold that it refuses."""
HELD_UNTIL = "held_until"
"""Member of a hold's detail: the day from which what was approved may happen."""


@dataclass(frozen=True, slots=True)
class HoldView:
    """A computed change that waits for a person."""

    id: int
    kind: str
    status: str
    since: str
    proposal: int | None
    before: tuple[PersonGroup, ...]
    after: tuple[PersonGroup, ...]
    held_until: str | None = None


def require_whole_index(viewer: Viewer) -> None:
    """Pass whoever may re-cluster, and sees every source.

    Raises:
        AccessDenied: the viewer may not.
    """
    require_permission(viewer, Action.RECLUSTER)
    if viewer.sources is not None:
        raise AccessDenied(f"client {viewer.client!r} may not do this: it concerns every source")


def list_holds(index: Index, viewer: Viewer) -> list[HoldView]:
    """What is held, oldest first.

    Raises:
        AccessDenied: the viewer may not re-cluster, or not all sources.
    """
    require_whole_index(viewer)
    with index.database.read(viewer) as unit:
        found = unit.proposals.holds()
        times = unit.commit_info({hold.commit_no for hold in found})
        views = [
            HoldView(
                hold.id,
                hold.kind,
                hold.status,
                times[hold.commit_no][0],
                hold.detail.get("proposal"),
                *load_groups(unit, hold.detail),
                hold.detail.get(HELD_UNTIL),
            )
            for hold in found
        ]
        records = {r for hold in found for _, group in hold.detail["before"] for r in group}
    disclose(index, viewer, Action.RECLUSTER, records, FIELDS)
    return views


def release_hold(index: Index, viewer: Viewer, number: int) -> int:
    """Let a held change happen; returns how many records change person.

    Raises:
        NotFoundError: there is no such hold that is open.
        AccessDenied: the viewer may not re-cluster, or not all sources.
    """
    return _answer_hold(index, viewer, number, "released")


def refuse_hold(index: Index, viewer: Viewer, number: int) -> int:
    """Say no to a held change: what it would have changed is a steward's decision from now on.

    Raises:
        NotFoundError: there is no such hold that is open.
        DecisionConflict: what is held contradicts what has been decided since.
        AccessDenied: the viewer may not re-cluster and decide, or not all sources.
    """
    require_permission(viewer, Action.DECIDE)
    return _answer_hold(index, viewer, number, "refused")


def add_hold(
    unit: WriteUnit, number: int | None, item: ProposalItem, until: str | None = None, heeded: Collection[int] = ()
) -> None:
    """Keep the records of an item of a proposal as they are published.

    Args:
        unit: the transaction.
        number: the proposal.
        item: what is not to happen.
        until: the first day after the freeze window that holds it; None for what was not approved.
        heeded: sources whose windows it heeds.
    """
    before = [tuple(records) for _, records in item.detail["before"]]
    parted = [group for group in before if len(group) > 1]
    said: list[tuple[DecisionKind, tuple[tuple[int, ...], ...]]] = [
        (DecisionKind.SAME, (group,)) for group in parted
    ]
    if len(before) > 1:
        said.append((DecisionKind.DIFFERENT, tuple(before)))
    step_id = add_step(
        unit,
        "hold",
        "not-approved" if until is None else "frozen",
        {"proposal": number, "item": item.fingerprint},
    )
    active = unit.configs.active_config()
    numbers = []
    for kind, groups in said:
        numbers.append(unit.counters.take("decision"))
        unit.decisions.add(
            NewDecision(
                numbers[-1],
                kind,
                Authority.HOLD,
                DecisionStatus.IN_FORCE,
                groups,
                {},
                "hold",
                {},
                0 if active is None else active.id,
                step_id,
                "hold",
            ),
            unit.commit_no,
        )
    detail = {**item.detail, "proposal": number, "decisions": numbers}
    if until is not None:
        detail |= {HELD_UNTIL: until, FROZEN_SOURCES: sorted(heeded)}
    hold = Hold(
        unit.counters.take("hold"), "proposal", item.fingerprint, "open", unit.commit_no, None, detail
    )
    unit.proposals.add_hold(hold)


def end_hold(unit: WriteUnit, hold: Hold, status: str) -> set[int]:
    """End a hold; returns the records to be settled."""
    held = list(unit.decisions.by_ids(hold.detail["decisions"]).values())
    revoke_decisions(unit, held)
    unit.proposals.end_hold(hold.id, status, unit.commit_no)
    return {record for one in held for record in one.seen}


def reopen_hold(unit: WriteUnit, of: Step) -> set[int]:
    """Let the hold wait again whose refusal is taken back; returns the records to be settled.

    Without the refusal it would wait still, unless what it is part of was taken back: its proposal rolled
    back, or its import undone.

    Args:
        unit: the transaction.
        of: the step of the refusal.
    """
    [found] = [hold for hold in unit.proposals.holds(open_only=False) if hold.id == of.detail[REFUSED_HOLD]]
    # It may wait already, or have been refused anew, where a part of the refusal was taken back before.
    if (found.status, found.ended_commit) != ("refused", of.commit_no) or _is_origin_undone(unit, found):
        return set()
    numbers = found.detail["decisions"]
    unit.decisions.set_status(numbers, DecisionStatus.IN_FORCE, None)
    unit.proposals.reopen_hold(found.id)
    return {record for one in unit.decisions.by_ids(numbers).values() for record in one.seen}


def _is_origin_undone(unit: ReadUnit, hold: Hold) -> bool:
    """Whether what the hold is part of was taken back."""
    proposal = unit.proposals.get(hold.detail.get("proposal") or 0)
    imported = unit.steps.get(hold.detail.get("step") or 0)
    return (proposal is not None and proposal.status == ProposalStatus.ROLLED_BACK) or (
        imported is not None and imported.undone_commit is not None
    )


def _answer_hold(index: Index, viewer: Viewer, number: int, status: str) -> int:
    require_whole_index(viewer)
    with index.database.write(viewer, f"hold {status}") as unit:
        found = next((hold for hold in unit.proposals.holds() if hold.id == number), None)
        if found is None:
            raise NotFoundError(f"there is no hold {number} that waits")
        held = list(unit.decisions.by_ids(found.detail["decisions"]).values())
        touched = end_hold(unit, found, status)
        if status == "refused":
            step_id = add_step(unit, "decision", "hold-refused", {REFUSED_HOLD: number})
            for one in held:
                add_decision(unit, index, step_id, DecisionDraft(one.kind, one.groups, "hold-refused", "hold"))
        settled = resettle(unit, index, touched, f"hold {status}")
        after = unit.persons.current_persons(settled.records)
        return sum(settled.persons_before.get(record) != after.get(record) for record in settled.records)
