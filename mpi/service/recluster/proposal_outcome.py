"""Outcome of a proposal: the changes applied and the changes on hold.

A proposal whose run has ended is stored as applied, although its changes may all be held. The holds tell what
waits: a change that nobody approved, one that has changed since it was read, or one that a freeze window
delays. A person releases or refuses each of them, and a freeze window ends by itself.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.gates.freeze_rules import FROZEN_SOURCES
from mpi.service.gates.holds import HELD_UNTIL, require_whole_index
from mpi.storage.repositories.derived.proposals import Hold, ProposalItem, ProposalStatus
from mpi.storage.unit_of_work.units import ReadUnit

APPLIED, PARTLY, WAITING = "applied", "partly", "waiting"
"""Standing of a proposal whose run has ended: all, some, or none of it took effect."""
NOT_APPROVED, CHANGED, FROZEN = "not-approved", "changed", "frozen"
"""Why a change waits."""
_OPEN, _RELEASED, _REFUSED = "open", "released", "refused"


@dataclass(frozen=True, slots=True)
class WaitingChanges:
    """Changes of a proposal that wait for the same reason.

    Args:
        reason: ``not-approved``, ``changed`` or ``frozen``.
        count: number of changes.
        until: first day after the freeze window.
        sources: codes of the frozen sources.
    """

    reason: str
    count: int
    until: str | None = None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProposalOutcome:
    """What became of an applied proposal.

    Args:
        applied: number of changes that took effect, those released since included.
        refused: number of held changes that a person refused.
        waiting: changes that wait, by reason.
        item_status: status of each change now, by its number: ``applied``, ``held``, ``changed``,
            ``released`` or ``refused``.
    """

    applied: int
    refused: int
    waiting: tuple[WaitingChanges, ...]
    item_status: Mapping[int, str]

    @property
    def standing(self) -> str:
        """``applied``, ``partly`` or ``waiting``."""
        if not self.waiting:
            return APPLIED
        return PARTLY if self.applied else WAITING


def load_outcomes(index: Index, viewer: Viewer) -> dict[int, ProposalOutcome]:
    """Return what became of each applied proposal, by its number.

    Raises:
        AccessDenied: the viewer may not re-cluster, or may not see every source.
    """
    require_whole_index(viewer)
    with index.database.read(viewer) as unit:
        holds = unit.proposals.holds(open_only=False)
        return {
            proposal.id: _describe(
                unit,
                unit.proposals.items(proposal.id),
                [hold for hold in holds if hold.detail.get("proposal") == proposal.id],
            )
            for proposal in unit.proposals.all()
            if proposal.status == ProposalStatus.APPLIED
        }


def _describe(unit: ReadUnit, items: Iterable[ProposalItem], holds: Iterable[Hold]) -> ProposalOutcome:
    """Return what became of a proposal's items and holds."""
    items, holds = list(items), list(holds)
    hold_by_fingerprint = {hold.fingerprint: hold for hold in holds}
    item_status = {item.no: _find_status(item, hold_by_fingerprint.get(item.fingerprint)) for item in items}
    counts = Counter(item_status.values())
    changed_holds = [hold for hold in holds if hold.fingerprint not in {item.fingerprint for item in items}]
    applied_later = sum(hold.status == _RELEASED for hold in changed_holds)
    return ProposalOutcome(
        applied=counts[APPLIED] + counts[_RELEASED] + applied_later,
        refused=sum(hold.status == _REFUSED for hold in holds),
        waiting=_group_waiting(unit, holds, changed_holds),
        item_status=item_status,
    )


def _find_status(item: ProposalItem, hold: Hold | None) -> str:
    """Return the present status of a proposal's item.

    Once the item's hold has ended, the status of the hold counts.
    """
    if hold is None or hold.status == _OPEN:
        return item.status
    return hold.status


def _group_waiting(
    unit: ReadUnit, holds: Iterable[Hold], changed_holds: Iterable[Hold]
) -> tuple[WaitingChanges, ...]:
    """Group the open holds of a proposal by why they wait."""
    changed_ids = {hold.id for hold in changed_holds}
    codes = {source.id: source.code for source in unit.sources.all()}
    counts: Counter[tuple[str, str | None, tuple[str, ...]]] = Counter()
    for hold in holds:
        if hold.status != _OPEN:
            continue
        if HELD_UNTIL in hold.detail:
            sources = tuple(sorted(codes[source] for source in hold.detail[FROZEN_SOURCES]))
            counts[FROZEN, hold.detail[HELD_UNTIL], sources] += 1
        else:
            counts[CHANGED if hold.id in changed_ids else NOT_APPROVED, None, ()] += 1
    return tuple(
        WaitingChanges(reason, count, until, sources)
        for (reason, until, sources), count in sorted(counts.items(), key=str)
    )
