"""Deciding: check a decision against those in force, write it down, and let it take effect.

What a merge, a split and a move share with a plain decision. A decision is checked against what its maker may
see: what the maker cannot know of does not refuse it, and where it meets that all the same, the partition
suspends one of the two and a task shows the chain to whom may see it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from mpi.domain import clock
from mpi.domain.decision import Authority, Decision, DecisionKind
from mpi.domain.errors import ConflictError, DecisionConflict, NotFoundError
from mpi.service.core.index import Index
from mpi.service.core.visibility import RecordGroups, visible_labels
from mpi.service.decisions.contradictions import find_contradiction
from mpi.service.decisions.evidence import collect_evidence
from mpi.storage.repositories.steps.consents import ConsentStatus
from mpi.storage.repositories.steps.decisions import DecisionStatus, NewDecision, StoredDecision
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

_NOT_YET_IN_FORCE = frozenset({DecisionStatus.PENDING, DecisionStatus.AWAITING})
_SHOWN_ONLY_WHOLE = frozenset({DecisionStatus.REVIEW, DecisionStatus.AWAITING})
"""Of a claim, and of what waits for others' words, a part would tell that there is more."""


@dataclass(frozen=True, slots=True)
class DecisionDraft:
    """A decision to be written down.

    Args:
        kind: what is said.
        groups: record numbers.
        reason: its maker's code.
        origin: the kind of step.
        authority: whose word it is.
        effective_from: day from which it binds; None for at once.
        recheck_on: day from which it is to be looked at again.
        note: free text, kept apart.
        supersedes: numbers of decisions whose place it takes.
        asserting_record: the record whose source says it.
        doubtful: whether it is a claim that waits for a steward and binds nothing.
        seen: the versions that its maker means, of records that it says otherwise than they stand.
    """

    kind: DecisionKind
    groups: RecordGroups
    reason: str
    origin: str
    authority: Authority = Authority.STEWARD
    effective_from: str | None = None
    recheck_on: str | None = None
    note: str | None = None
    supersedes: Collection[int] = ()
    asserting_record: int | None = None
    doubtful: bool = False
    seen: Mapping[int, int | None] = field(default_factory=dict)

    @property
    def record_ids(self) -> set[int]:
        """Every record that it names."""
        return {record for group in self.groups for record in group}


def visible_groups(unit: ReadUnit, decision: StoredDecision) -> RecordGroups | None:
    """The groups of a decision as the viewer may see them; None where nothing of it is left to say."""
    named = {record for group in decision.groups for record in group}
    labels = visible_labels(unit, named)
    if decision.status in _SHOWN_ONLY_WHOLE or _was_refused_by_owner(unit, decision):
        return decision.groups if _sees_every_part(unit, decision, labels, decision.step_id) else None
    groups = tuple(tuple(r for r in group if r in labels) for group in decision.groups)
    groups = tuple(group for group in groups if group)
    if decision.kind is DecisionKind.DIFFERENT:
        return groups if len(groups) > 1 else None
    return groups if groups and len(groups[0]) > 1 else None


def is_wholly_visible(unit: ReadUnit, decision: StoredDecision, step_id: int | None) -> bool:
    """Whether the viewer may see every record of a decision, and every source that a step about it asked."""
    return _sees_every_part(unit, decision, visible_labels(unit, decision.seen), step_id)


def _sees_every_part(unit: ReadUnit, decision: StoredDecision, labels: Collection[int], step_id: int | None) -> bool:
    if not decision.seen.keys() <= set(labels):
        return False
    if unit.viewer.sources is None or step_id is None:
        return True
    codes = {source.id: source.code for source in unit.sources.all()}
    return all(
        unit.viewer.may_see(codes[one.source_id]) for one in unit.consents.consents_of_steps([step_id]).get(step_id, ())
    )


def _was_refused_by_owner(unit: ReadUnit, decision: StoredDecision) -> bool:
    """Whether an owner refused it; who sees all sources sees it whole in any case."""
    if (
        decision.status is not DecisionStatus.REVOKED
        or decision.step_id is None
        or unit.viewer.sources is None
    ):
        return False
    asked = unit.consents.consents_of_steps([decision.step_id]).get(decision.step_id, ())
    return any(one.status is ConsentStatus.REFUSED for one in asked)


def may_undo(unit: ReadUnit, decision: StoredDecision) -> bool:
    """Whether the viewer may take a decision back that it can see.

    A client of certain sources takes back its own only. Whether another's names records that it may not see
    is itself not to be told, so it does not depend on that.
    """
    if unit.viewer.sources is None:
        return True
    return is_own_decision(unit, decision)


def is_own_decision(unit: ReadUnit, decision: StoredDecision) -> bool:
    """Whether the viewer made the decision."""
    return unit.commit_info({decision.commit_no})[decision.commit_no][1] == unit.viewer.client


def require_decision(unit: ReadUnit, number: int) -> StoredDecision:
    """A decision that the viewer may know of.

    Raises:
        NotFoundError: there is none.
    """
    found = unit.decisions.by_ids([number]).get(number)
    if found is None or found.authority is Authority.HOLD or visible_groups(unit, found) is None:
        raise NotFoundError(f"there is no decision {number}")
    return found


def add_decision(
    unit: WriteUnit, index: Index, step_id: int, said: DecisionDraft, *, awaiting: bool = False
) -> int:
    """Check a decision, and add it; returns its number. It takes effect when its records are settled.

    One that awaits others' words binds nothing, and leaves in force what it is to supersede.

    Raises:
        DecisionConflict: it contradicts decisions in force that it does not supersede.
        NotFoundError: it would supersede a decision that there is not.
        ConflictError: it would supersede one that is not in force, or is not its maker's.
    """
    _require_supersedable(unit, said.supersedes)
    _require_no_contradiction(unit, said)
    number = unit.counters.take("decision")
    pending = said.effective_from is not None and said.effective_from > clock.today()
    status = DecisionStatus.PENDING if pending else DecisionStatus.IN_FORCE
    stored = unit.records.get(said.record_ids)
    unit.decisions.add(
        NewDecision(
            number,
            said.kind,
            said.authority,
            DecisionStatus.AWAITING if awaiting else DecisionStatus.REVIEW if said.doubtful else status,
            said.groups,
            {r: one.version_id if one.state == "active" else None for r, one in stored.items()}
            | dict(said.seen),
            said.reason,
            collect_evidence(unit, index, said.kind, said.groups),
            index.config_id(unit),
            step_id,
            said.origin,
            said.effective_from if pending else None,
            said.recheck_on,
            said.asserting_record,
        ),
        unit.commit_no,
    )
    if said.note:
        unit.steps.add_note(unit.counters.take("note"), number, unit.commit_no, said.note)
    unit.decisions.supersede(number, said.supersedes, unit.commit_no, binding=not (pending or awaiting))
    return number


def bring_into_force(unit: WriteUnit, one: StoredDecision, day: str) -> None:
    """Let a decision bind that awaited others' words, unless something else was decided meanwhile.

    Args:
        unit: the transaction.
        one: the decision.
        day: the day from which its step binds; until then it is pending.

    Raises:
        DecisionConflict: it contradicts decisions in force that it does not supersede.
    """
    said = DecisionDraft(one.kind, one.groups, one.reason, one.origin or "", supersedes=one.supersedes)
    _require_no_contradiction(unit, said)
    if day > clock.today():
        unit.decisions.set_status([one.id], DecisionStatus.PENDING, None)
        unit.decisions.set_effective_day([one.id], day)
        return
    unit.decisions.set_status([one.id], DecisionStatus.IN_FORCE, None)
    supersede_predecessors(unit, [one])


def supersede_predecessors(unit: WriteUnit, decisions: Collection[StoredDecision]) -> None:
    """Put decisions that have come to bind in the place of those that they supersede.

    Where one of these was taken back meanwhile, what it had superseded is in force again: that gives way too.
    """
    places = [number for one in decisions for number in one.supersedes]
    while places:
        below = unit.decisions.by_ids(places).values()
        in_force = [old.id for old in below if old.status is DecisionStatus.IN_FORCE]
        unit.decisions.set_status(in_force, DecisionStatus.SUPERSEDED, unit.commit_no)
        places = [n for old in below if old.status is DecisionStatus.REVOKED for n in old.supersedes]


def find_affected_records(unit: ReadUnit, numbers: Collection[int]) -> set[int]:
    """Every record that the decisions, or those whose place they take, name."""
    return find_records_of_decisions(unit, unit.decisions.by_ids(numbers).values())


def find_records_of_decisions(unit: ReadUnit, decisions: Collection[StoredDecision]) -> set[int]:
    """The same of decisions that were read."""
    level = {decision.id: decision for decision in decisions}
    everyone = dict(level)
    while below := {old for decision in level.values() for old in decision.supersedes} - everyone.keys():
        level = unit.decisions.by_ids(below)
        everyone |= level
    return {record for decision in everyone.values() for group in decision.groups for record in group}


def find_connected_decisions(unit: ReadUnit, record_ids: Collection[int]) -> list[StoredDecision]:
    """The decisions in force that chains of decisions reach from the records, as the viewer may see them."""
    found: dict[int, StoredDecision] = {}
    seen: set[int] = set()
    frontier = set(record_ids)
    while frontier:
        seen |= frontier
        numbers = {named.decision.id for named in unit.decisions.in_force_about(frontier)} - found.keys()
        reached: set[int] = set()
        for number, decision in unit.decisions.by_ids(numbers).items():
            groups = visible_groups(unit, decision)
            if groups is not None and decision.authority is not Authority.HOLD:
                found[number] = decision
                reached.update(record for group in groups for record in group)
        frontier = reached - seen
    return [found[number] for number in sorted(found)]


def to_visible_decisions(unit: ReadUnit, decisions: Sequence[StoredDecision]) -> list[Decision]:
    """Decisions over record numbers, as the viewer may see them."""
    seen = ((decision, visible_groups(unit, decision)) for decision in decisions)
    return [Decision(d.id, d.kind, d.authority, groups) for d, groups in seen if groups is not None]


def find_conflict_chain(unit: ReadUnit, suspended: StoredDecision) -> tuple[int, ...] | None:
    """The chain before which a decision gave way; None where it runs over what the viewer may not see."""
    near = to_visible_decisions(unit, find_connected_decisions(unit, suspended.seen))
    mine = next((decision for decision in near if decision.id == suspended.id), None)
    others = [decision for decision in near if decision.id != suspended.id]
    return None if mine is None else find_contradiction(mine, others)


def revoke_decisions(unit: WriteUnit, taken_back: Sequence[StoredDecision]) -> None:
    """Revoke decisions, and put those back in force whose place only they took."""
    numbers = [one.id for one in taken_back]
    unit.decisions.set_status(numbers, DecisionStatus.REVOKED, unit.commit_no)
    unit.pending_approvals.delete_decisions(numbers)
    waiting = [old for one in taken_back for old in one.supersedes]
    while waiting:
        number = waiting.pop()
        [old] = unit.decisions.by_ids([number]).values()
        if _is_superseded(unit, number):
            continue
        if old.status is DecisionStatus.SUPERSEDED:
            unit.decisions.set_status([number], DecisionStatus.IN_FORCE, None)
        elif old.status is DecisionStatus.REVOKED:
            waiting += old.supersedes


def find_retained_records(unit: ReadUnit, touched: Collection[int], commit_no: int) -> dict[int, frozenset[int]]:
    """By person: those of its records that it held before the step; its ID stays with them, as it was."""
    found = {}
    persons = set(unit.persons.current_persons(touched).values())
    then = unit.persons.members_by_person_at(persons, commit_no - 1)
    for person, held in unit.persons.members(persons).items():
        kept = set(held) & then.get(person, set())
        if kept:
            found[person] = frozenset(kept)
    return found


def _is_superseded(unit: ReadUnit, number: int) -> bool:
    """Whether a decision in force took its place, or the place of one that did, and so on."""
    above = unit.decisions.by_ids(unit.decisions.superseders(number))
    return any(
        one.status is DecisionStatus.IN_FORCE or (one.status not in _NOT_YET_IN_FORCE and _is_superseded(unit, one.id))
        for one in above.values()
    )


def _require_supersedable(unit: ReadUnit, numbers: Collection[int]) -> None:
    for number in numbers:
        old = require_decision(unit, number)
        if old.status is not DecisionStatus.IN_FORCE:
            raise ConflictError(f"decision {number} is not in force: there is nothing to supersede")
        if not may_undo(unit, old):
            raise ConflictError(f"decision {number} is another's: only its maker may supersede it")


def _require_no_contradiction(unit: ReadUnit, said: DecisionDraft) -> None:
    """A weaker authority refuses nothing, and a source is not refused: there the partition decides."""
    if said.authority < Authority.STEWARD or said.kind is DecisionKind.UNSURE:
        return
    near = [
        decision
        for decision in find_connected_decisions(unit, said.record_ids)
        if decision.authority >= said.authority and decision.id not in set(said.supersedes)
    ]
    chain = find_contradiction(Decision(0, said.kind, said.authority, said.groups), to_visible_decisions(unit, near))
    if chain is not None:
        listed = ", ".join(str(number) for number in chain)
        raise DecisionConflict(
            f"it contradicts what is in force (decisions {listed}); supersede one of them to take its place",
            chain,
        )
