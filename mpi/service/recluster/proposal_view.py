"""Re-cluster proposals as users are shown them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mpi.domain.viewer import Action, Viewer
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.gates.holds import FIELDS
from mpi.service.gates.proposal_items import PersonGroup, load_groups
from mpi.service.persons.step_effects import PastDisclosure
from mpi.storage.repositories.derived.proposals import Proposal, ProposalItem, ProposalStatus
from mpi.storage.unit_of_work.units import ReadUnit

MINUTES_A_TASK = 3
"""Minutes of a steward's work for one review task, to estimate hours."""


@dataclass(frozen=True, slots=True)
class ItemView:
    """Item of a re-cluster proposal: the persons before and after it."""

    no: int
    kind: str
    status: str
    before: tuple[PersonGroup, ...]
    after: tuple[PersonGroup, ...]


@dataclass(frozen=True, slots=True)
class ProposalView:
    """Re-cluster proposal as users are shown it.

    Args:
        id: its number.
        status: ``open``, ``applying``, ``applied``, ``rejected`` or ``rolled_back``.
        model: the model that it was made with.
        model_before: the model in force when it was made; once applied, the model in force just before.
        by: who made it.
        at: when it was made (ISO, UTC).
        merge: number of items that merge persons.
        split: number of items that split persons.
        move: number of items that do both.
        moved: records that change person.
        ids_retired: enterprise IDs that would be retired.
        ids_new: enterprise IDs that would be minted or revived.
        tasks: review tasks after it, as of its making; 0 once it has ended.
        steward_hours: hours of work on those tasks, at three minutes each.
        items: the changes.
    """

    id: int
    status: str
    model: str
    model_before: str
    by: str
    at: str
    merge: int
    split: int
    move: int
    moved: int
    ids_retired: int
    ids_new: int
    tasks: int
    steward_hours: float
    items: tuple[ItemView, ...]


@dataclass(frozen=True, slots=True)
class ProposalResult:
    """Counts of what applying, rejecting or rolling back a re-cluster proposal did.

    Args:
        proposal: its number.
        status: its status now.
        applied: number of applied items.
        held: items that were not approved, or that a freeze window holds.
        changed: items that have changed since they were read, and are held.
        moved: records that changed person.
        model: the model in force now.
        disclosed: number of disclosures due to links that it removes.
        disclosures: the latest of them, newest first; empty if the viewer may not read the ledger.
    """

    proposal: int
    status: str
    applied: int
    held: int
    changed: int
    moved: int
    model: str
    disclosed: int = 0
    disclosures: tuple[PastDisclosure, ...] = ()


def view_proposal(
    unit: ReadUnit,
    proposal: Proposal,
    items: Sequence[ProposalItem],
    task_count: int,
    *,
    with_items: bool = True,
) -> ProposalView:
    """Build the view of a re-cluster proposal, with counts of its changes."""
    made_at, made_by, _ = unit.commit_info({proposal.commit_no})[proposal.commit_no]
    kinds = [item.kind for item in items]
    retired_count = new_count = moved_count = 0
    for item in items:
        persons_after = {person for person, _ in item.detail["after"]}
        person_before = {record: person for person, records in item.detail["before"] for record in records}
        retired_count += sum(person not in persons_after for person, _ in item.detail["before"])
        new_count += sum(person not in person_before.values() for person in persons_after)
        moved_count += sum(
            person_before.get(r) != person for person, records in item.detail["after"] for r in records
        )
    item_views = (
        ItemView(item.no, item.kind, item.status, *load_groups(unit, item.detail))
        for item in (items if with_items else ())
    )
    return ProposalView(
        id=proposal.id,
        status=proposal.status,
        model=proposal.model,
        model_before=proposal.model_before,
        by=made_by,
        at=made_at,
        merge=kinds.count("merge"),
        split=kinds.count("split"),
        move=kinds.count("move"),
        moved=moved_count,
        ids_retired=retired_count,
        ids_new=new_count,
        tasks=task_count,
        steward_hours=round(task_count * MINUTES_A_TASK / 60, 1),
        items=tuple(item_views),
    )


def read_task_count(unit: ReadUnit, proposal: Proposal) -> int:
    """Return the number of review tasks after an open re-cluster proposal."""
    steps = [step for step in unit.steps.steps_in_commits([proposal.commit_no]) if step.kind == "proposal"]
    return int(steps[0].detail["tasks"]) if steps and proposal.status == ProposalStatus.OPEN else 0


def disclose_items(index: Index, viewer: Viewer, items: Iterable[ProposalItem]) -> None:
    """Log in the disclosure ledger that a proposal's records were shown."""
    records = {record for item in items for _, group in item.detail["before"] for record in group}
    disclose(index, viewer, Action.RECLUSTER, records, FIELDS)
