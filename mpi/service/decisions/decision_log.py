"""The decision log: add, supersede and revoke decisions; filter what viewers see.

Merges, splits and moves use it like plain decisions. A new decision is checked only against decisions that
its maker may see. If it contradicts a hidden decision, the partition suspends one of the two, and a task
shows the chain to viewers who may see all of it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from mpi.domain import clock
from mpi.domain.decision import Authority, Decision, DecisionKind
from mpi.domain.errors import ConflictError, DecisionConflict, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.service.core.index import Index
from mpi.service.core.visibility import RecordGroups, visible_labels
from mpi.service.decisions.contradictions import find_contradiction
from mpi.service.decisions.evidence import collect_evidence
from mpi.storage.repositories.steps.consents import ConsentStatus, StoredConsent
from mpi.storage.repositories.steps.decisions import DecisionStatus, NewDecision, StoredDecision
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

_NOT_YET_IN_FORCE = frozenset({DecisionStatus.PENDING, DecisionStatus.AWAITING})
_SHOWN_ONLY_WHOLE = frozenset({DecisionStatus.REVIEW, DecisionStatus.AWAITING})
"""Statuses of decisions that are hidden unless every record is visible.

A part of a claim, or of a decision that waits for approval, would reveal that there is more.
"""


@dataclass(frozen=True, slots=True)
class DecisionDraft:
    """A steward's or source's decision that is to enter the decision log.

    Args:
        kind: SAME, DIFFERENT or UNSURE.
        groups: record numbers, by group.
        reason: its maker's reason code.
        origin: the kind of step that makes it, such as a merge.
        authority: rank of its author where decisions conflict.
        effective_from: day from which it binds (ISO); None for at once.
        recheck_on: day from which it is to be reviewed again (ISO).
        note: free text, stored apart.
        supersedes: numbers of the decisions that it replaces.
        asserting_record: the record whose source asserts it.
        is_claim: whether it waits for a steward and binds nothing.
        seen_versions: record versions that its maker saw, where they differ from the current ones.
        stated_on: past day (ISO) from which it holds at its source. It is in force at once.
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
    is_claim: bool = False
    seen_versions: Mapping[int, int | None] = field(default_factory=dict)
    stated_on: str | None = None

    @property
    def record_ids(self) -> set[int]:
        """Every record that the new decision names."""
        return {record for group in self.groups for record in group}


def visible_groups(unit: ReadUnit, decision: StoredDecision) -> RecordGroups | None:
    """Return a decision's record groups without hidden records; None if none remain."""
    return find_visible_groups(unit, [decision])[decision.id]


def find_visible_groups(
    unit: ReadUnit, decisions: Collection[StoredDecision]
) -> dict[int, RecordGroups | None]:
    """Return the record groups of decisions without hidden records, by decision.

    The number of queries does not depend on the number of decisions. None stands for a hidden decision.
    """
    labels = visible_labels(
        unit, {record for decision in decisions for group in decision.groups for record in group}
    )
    consents = _read_step_consents(unit, decisions)
    return {
        decision.id: _keep_visible_groups(unit, decision, labels, consents.get(decision.step_id or 0, ()))
        for decision in decisions
    }


def _read_step_consents(
    unit: ReadUnit, decisions: Collection[StoredDecision]
) -> dict[int, list[StoredConsent]]:
    """Return the consents that decide whether decisions are hidden, by step."""
    if unit.viewer.sources is None:
        return {}
    statuses = _SHOWN_ONLY_WHOLE | {DecisionStatus.REVOKED}
    steps = {decision.step_id for decision in decisions if decision.status in statuses}
    return unit.consents.consents_of_steps(steps - {None})  # type: ignore[arg-type]  # no step is None


def _keep_visible_groups(
    unit: ReadUnit,
    decision: StoredDecision,
    labels: Mapping[int, RecordRef],
    consents: Collection[StoredConsent],
) -> RecordGroups | None:
    groups = tuple(
        tuple(record_id for record_id in group if record_id in labels) for group in decision.groups
    )
    if decision.status in _SHOWN_ONLY_WHOLE or _was_refused_by_owner(unit, decision, consents):
        visible = {record_id for group in groups for record_id in group}
        is_whole = decision.seen.keys() <= visible and _may_see_owners(unit, consents)
        return decision.groups if is_whole else None
    groups = tuple(group for group in groups if group)
    if decision.kind is DecisionKind.DIFFERENT:
        return groups if len(groups) > 1 else None
    return groups if groups and len(groups[0]) > 1 else None


def is_wholly_visible(unit: ReadUnit, decision: StoredDecision, step_id: int | None) -> bool:
    """Return whether the viewer may see every record of a decision.

    If a step is given, the viewer must also see every source whose consent the step asked for.
    """
    if not decision.seen.keys() <= visible_labels(unit, decision.seen).keys():
        return False
    if unit.viewer.sources is None or step_id is None:
        return True
    return _may_see_owners(unit, unit.consents.consents_of_steps([step_id]).get(step_id, ()))


def _may_see_owners(unit: ReadUnit, consents: Collection[StoredConsent]) -> bool:
    """Return whether the viewer may see every source asked for consent."""
    if not consents:
        return True
    codes = {source.id: source.code for source in unit.sources.all()}
    return all(unit.viewer.may_see(codes[consent.source_id]) for consent in consents)


def _was_refused_by_owner(
    unit: ReadUnit, decision: StoredDecision, consents: Collection[StoredConsent]
) -> bool:
    """Return whether a source's owner refused consent to a decision.

    False for viewers of all sources.
    """
    if decision.status is not DecisionStatus.REVOKED or unit.viewer.sources is None:
        return False
    return any(consent.status is ConsentStatus.REFUSED for consent in consents)


def may_undo(unit: ReadUnit, decision: StoredDecision) -> bool:
    """Return whether the viewer may undo a visible decision.

    A viewer who is limited to some sources may undo only its own. The answer must not depend on hidden
    records of the decision, because that would reveal them.
    """
    if unit.viewer.sources is None:
        return True
    return is_own_decision(unit, decision)


def is_own_decision(unit: ReadUnit, decision: StoredDecision) -> bool:
    """Return whether the viewer is the maker of a decision."""
    return unit.commit_info({decision.commit_no})[decision.commit_no][1] == unit.viewer.client


def require_decision(unit: ReadUnit, decision_id: int) -> StoredDecision:
    """Return a decision that is visible to the viewer.

    Raises:
        NotFoundError: no such decision is visible.
    """
    decision = unit.decisions.by_ids([decision_id]).get(decision_id)
    if decision is None or decision.authority is Authority.HOLD or visible_groups(unit, decision) is None:
        raise NotFoundError(f"there is no decision {decision_id}")
    return decision


def add_decision(
    unit: WriteUnit,
    index: Index,
    step_id: int,
    draft: DecisionDraft,
    *,
    awaiting: bool = False,
    may_contradict: bool = False,
) -> int:
    """Check a decision and add it to the decision log.

    The decision takes effect when its records are resolved. A decision that waits for approval or consent
    binds nothing, and the decisions that it is to supersede stay in force.

    Args:
        unit: the transaction.
        index: the open index.
        step_id: the step that makes the decision.
        draft: the decision.
        awaiting: whether it waits for approval or consent.
        may_contradict: whether it is added although it contradicts another.

    Returns:
        The number of the decision.

    Raises:
        DecisionConflict: it contradicts decisions in force that it does not supersede.
        NotFoundError: a decision to supersede does not exist.
        ConflictError: a decision to supersede is not in force, or somebody else made it.
    """
    _require_supersedable(unit, draft.supersedes)
    if not may_contradict:
        _require_no_contradiction(unit, draft)
    decision_id = unit.counters.take("decision")
    is_pending = draft.effective_from is not None and draft.effective_from > clock.today()
    status = DecisionStatus.PENDING if is_pending else DecisionStatus.IN_FORCE
    stored = unit.records.get(draft.record_ids)
    unit.decisions.add(
        NewDecision(
            id=decision_id,
            kind=draft.kind,
            authority=draft.authority,
            status=DecisionStatus.AWAITING
            if awaiting
            else DecisionStatus.REVIEW
            if draft.is_claim
            else status,
            groups=draft.groups,
            seen={
                record_id: record.version_id if record.state == "active" else None
                for record_id, record in stored.items()
            }
            | dict(draft.seen_versions),
            reason=draft.reason,
            # A migration takes over thousands of links without weighing them, here as in its import.
            evidence={}
            if draft.authority is Authority.MIGRATION
            else collect_evidence(unit, index, draft.kind, draft.groups),
            config_id=index.config_id(unit),
            step_id=step_id,
            origin=draft.origin,
            effective_from=draft.effective_from if is_pending else draft.stated_on,
            recheck_on=draft.recheck_on,
            asserting_record=draft.asserting_record,
        ),
        unit.commit_no,
    )
    if draft.note:
        unit.steps.add_note(unit.counters.take("note"), decision_id, unit.commit_no, draft.note)
    unit.decisions.supersede(
        decision_id, draft.supersedes, unit.commit_no, binding=not (is_pending or awaiting)
    )
    return decision_id


def bring_into_force(unit: WriteUnit, decision: StoredDecision, day: str) -> None:
    """Put an approved decision in force, unless a later one contradicts it.

    Args:
        unit: the transaction.
        decision: the decision.
        day: day from which its step binds (ISO); before that day the decision is pending.

    Raises:
        DecisionConflict: it contradicts decisions in force that it does not supersede.
    """
    draft = DecisionDraft(
        decision.kind, decision.groups, decision.reason, decision.origin or "", supersedes=decision.supersedes
    )
    _require_no_contradiction(unit, draft)
    if day > clock.today():
        unit.decisions.set_status([decision.id], DecisionStatus.PENDING, None)
        unit.decisions.set_effective_day([decision.id], day)
        return
    unit.decisions.set_status([decision.id], DecisionStatus.IN_FORCE, None)
    supersede_predecessors(unit, [decision])


def supersede_predecessors(unit: WriteUnit, decisions: Collection[StoredDecision]) -> None:
    """Supersede the decisions that newly binding decisions replace.

    If a replaced decision was revoked meanwhile, the decisions that it had replaced are in force again; they
    are superseded instead.
    """
    replaced_ids = [replaced_id for decision in decisions for replaced_id in decision.supersedes]
    while replaced_ids:
        replaced = unit.decisions.by_ids(replaced_ids).values()
        in_force = [old.id for old in replaced if old.status is DecisionStatus.IN_FORCE]
        unit.decisions.set_status(in_force, DecisionStatus.SUPERSEDED, unit.commit_no)
        replaced_ids = [
            replaced_id
            for old in replaced
            if old.status is DecisionStatus.REVOKED
            for replaced_id in old.supersedes
        ]


def find_affected_records(unit: ReadUnit, decision_ids: Collection[int]) -> set[int]:
    """Return every record named by decisions or by decisions that they replace."""
    return find_records_of_decisions(unit, unit.decisions.by_ids(decision_ids).values())


def find_records_of_decisions(unit: ReadUnit, decisions: Collection[StoredDecision]) -> set[int]:
    """Return every record named by loaded decisions or by those they replace."""
    level = {decision.id: decision for decision in decisions}
    closure = dict(level)
    while (
        replaced_ids := {old for decision in level.values() for old in decision.supersedes} - closure.keys()
    ):
        level = unit.decisions.by_ids(replaced_ids)
        closure |= level
    return {record for decision in closure.values() for group in decision.groups for record in group}


def find_connected_decisions(unit: ReadUnit, record_ids: Collection[int]) -> list[StoredDecision]:
    """Return visible decisions in force that chains of decisions reach from records."""
    connected: dict[int, StoredDecision] = {}
    visited: set[int] = set()
    frontier = set(record_ids)
    while frontier:
        visited |= frontier
        decision_ids = {
            named.decision.id for named in unit.decisions_in_force.in_force_about(frontier)
        } - connected.keys()
        next_records: set[int] = set()
        decisions = unit.decisions.by_ids(decision_ids)
        groups_by_decision = find_visible_groups(unit, decisions.values())
        for decision_id, decision in decisions.items():
            groups = groups_by_decision[decision_id]
            if groups is not None and decision.authority is not Authority.HOLD:
                connected[decision_id] = decision
                next_records.update(record for group in groups for record in group)
        frontier = next_records - visited
    return [connected[decision_id] for decision_id in sorted(connected)]


def to_visible_decisions(unit: ReadUnit, decisions: Sequence[StoredDecision]) -> list[Decision]:
    """Convert stored decisions to plain decisions over visible records."""
    groups_by_decision = find_visible_groups(unit, decisions)
    return [
        Decision(stored.id, stored.kind, stored.authority, groups)
        for stored in decisions
        if (groups := groups_by_decision[stored.id]) is not None
    ]


def find_conflict_chain(unit: ReadUnit, suspended: StoredDecision) -> tuple[int, ...] | None:
    """Return the chain of decisions that suspended a decision.

    Returns:
        Decision numbers; None where the chain runs over records that the viewer may not see.
    """
    connected = to_visible_decisions(unit, find_connected_decisions(unit, suspended.seen))
    own = next((decision for decision in connected if decision.id == suspended.id), None)
    others = [decision for decision in connected if decision.id != suspended.id]
    return None if own is None else find_contradiction(own, others)


def revoke_decisions(unit: WriteUnit, decisions: Sequence[StoredDecision]) -> None:
    """Revoke decisions; those that only they had replaced are in force again."""
    decision_ids = [decision.id for decision in decisions]
    unit.decisions.set_status(decision_ids, DecisionStatus.REVOKED, unit.commit_no)
    unit.pending_approvals.delete_decisions(decision_ids)
    replaced_ids = [old for decision in decisions for old in decision.supersedes]
    while replaced_ids:
        replaced_id = replaced_ids.pop()
        [old] = unit.decisions.by_ids([replaced_id]).values()
        if _is_superseded(unit, replaced_id):
            continue
        if old.status is DecisionStatus.SUPERSEDED:
            unit.decisions.set_status([replaced_id], DecisionStatus.IN_FORCE, None)
        elif old.status is DecisionStatus.REVOKED:
            replaced_ids += old.supersedes


def find_retained_records(
    unit: ReadUnit, affected: Collection[int], commit_no: int
) -> dict[int, frozenset[int]]:
    """Return affected records that each person already held before a step.

    After the step, the enterprise ID of a person stays with these records.

    Args:
        unit: the transaction.
        affected: records that the step affects.
        commit_no: the commit of the step.

    Returns:
        Record numbers, by person.
    """
    retained = {}
    persons = set(unit.persons.current_persons(affected).values())
    earlier_records = unit.persons.members_by_person_at(persons, commit_no - 1)
    for person, current_records in unit.persons.members(persons).items():
        common = set(current_records) & earlier_records.get(person, set())
        if common:
            retained[person] = frozenset(common)
    return retained


def _is_superseded(unit: ReadUnit, decision_id: int) -> bool:
    """Return whether a decision in force replaces another, directly or not."""
    superseders = unit.decisions.by_ids(unit.decisions.superseders(decision_id))
    return any(
        superseder.status is DecisionStatus.IN_FORCE
        or (superseder.status not in _NOT_YET_IN_FORCE and _is_superseded(unit, superseder.id))
        for superseder in superseders.values()
    )


def _require_supersedable(unit: ReadUnit, decision_ids: Collection[int]) -> None:
    for decision_id in decision_ids:
        old = require_decision(unit, decision_id)
        if old.status is not DecisionStatus.IN_FORCE:
            raise ConflictError(f"decision {decision_id} is not in force: there is nothing to supersede")
        if not may_undo(unit, old):
            raise ConflictError(f"decision {decision_id} is another's: only its maker may supersede it")


def _require_no_contradiction(unit: ReadUnit, draft: DecisionDraft) -> None:
    """Check a steward's decision against visible decisions of equal or higher authority.

    A decision of weaker authority is never refused: the partition resolves its conflicts.
    """
    if draft.authority < Authority.STEWARD or draft.kind is DecisionKind.UNSURE:
        return
    connected = [
        decision
        for decision in find_connected_decisions(unit, draft.record_ids)
        if decision.authority >= draft.authority and decision.id not in set(draft.supersedes)
    ]
    chain = find_contradiction(
        Decision(0, draft.kind, draft.authority, draft.groups), to_visible_decisions(unit, connected)
    )
    if chain is not None:
        listed = ", ".join(str(decision_id) for decision_id in chain)
        raise DecisionConflict(
            f"it contradicts what is in force (decisions {listed}); supersede one of them to take its place",
            chain,
        )
