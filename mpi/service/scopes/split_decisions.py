"""Decisions that go along when sources move into a scope.

A steward of all sources may have decided because of records that the scope does not hold. A copy of such a
decision would tell of them. So only decisions go along that name records of the moved sources alone, and
that were made by people and systems who could see no others. What a source says of its own merges goes along
too. The undo of such a decision by somebody else does not.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from mpi.domain.decision import Authority
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import add_step
from mpi.service.resolution.source_assertions import MERGED_INTO, STATED_MERGE, STATED_SPLIT
from mpi.service.stewardship.apply_step import APPROVED
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.sources.record_rows import CopiedNumbers
from mpi.storage.repositories.steps.decisions import DecisionStatus, NewDecision, StoredDecision
from mpi.storage.repositories.steps.steps import Step
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

ACCOUNT_CHANGE = "account-change"
"""Kind of the commits that change the sources of an account."""
UNDO = "undo"
"""Kind of the approvals of an undo."""
_OWN_MERGES = frozenset({MERGED_INTO, STATED_MERGE, STATED_SPLIT})
"""Origins of what a source says of its own local IDs."""
_OPEN = frozenset({DecisionStatus.AWAITING, DecisionStatus.PENDING})


@dataclass(frozen=True, slots=True)
class MovedDecision:
    """A decision that goes along, as the scope gets it.

    Args:
        stored: the decision in the shared index.
        status: its status in the scope.
        step: the step that made it.
    """

    stored: StoredDecision
    status: DecisionStatus
    step: Step | None

    @property
    def commits(self) -> set[int]:
        """The commits of the shared index that the scope needs for it."""
        undone_commit = None if self.step is None else self.step.undone_commit
        if self.status is not DecisionStatus.REVOKED or undone_commit is None:
            return {self.stored.commit_no}
        return {self.stored.commit_no, undone_commit}


@dataclass(frozen=True, slots=True)
class DecisionChoice:
    """Decisions about records of the moved sources.

    Args:
        moved: those that go along, by number.
        staying: number of decisions that stay in the shared index.
        waiting: number of decisions that wait for a day, an approver or an owner.
    """

    moved: tuple[MovedDecision, ...]
    staying: int
    waiting: int


def choose_decisions(unit: ReadUnit, source_ids: Collection[int]) -> DecisionChoice:
    """Choose the decisions that go along with sources.

    Args:
        unit: a transaction of the shared index.
        source_ids: numbers of the sources.
    """
    decisions = list(unit.decisions.iterate_all())
    sources = unit.records.source_ids_of({record for decision in decisions for record in decision.seen})
    own_records = {record for record, source in sources.items() if source in source_ids}
    about = [decision for decision in decisions if not own_records.isdisjoint(decision.seen)]
    named_only = [decision for decision in about if own_records.issuperset(decision.seen)]
    # The revocation of a decision can wait too.
    awaited = {row.decision_id for row in unit.pending_approvals.all()}
    waiting = [decision for decision in about if decision.status in _OPEN or decision.id in awaited]
    moved = _DecisionChooser(unit, source_ids, named_only).choose()
    return DecisionChoice(moved, len(about) - len(moved), len(waiting))


def read_chosen(unit: ReadUnit, chosen: Sequence[tuple[int, str]]) -> tuple[MovedDecision, ...]:
    """Return decisions that were chosen when a split was approved.

    Args:
        unit: a transaction of the shared index.
        chosen: number of each decision, and its status in the scope.
    """
    stored = unit.decisions.by_ids([number for number, _ in chosen])
    return tuple(
        MovedDecision(stored[number], DecisionStatus(status), unit.steps.get(stored[number].step_id or 0))
        for number, status in chosen
    )


class _DecisionChooser:
    """Chooses which of some decisions go along.

    Args:
        unit: a transaction of the shared index.
        source_ids: numbers of the moved sources.
        decisions: decisions that name records of these sources alone.
    """

    def __init__(
        self, unit: ReadUnit, source_ids: Collection[int], decisions: Sequence[StoredDecision]
    ) -> None:
        self._unit = unit
        self._decisions = {decision.id: decision for decision in decisions}
        self._approvals = unit.steps.approvals_of(list(self._decisions))
        steps = {decision.step_id for decision in decisions if decision.step_id is not None}
        self._steps = {number: step for number in steps if (step := unit.steps.get(number)) is not None}
        self._consents = unit.consents.consents_of_steps(steps)
        self._clients = _find_limited_clients(unit, source_ids)
        self._accounts = _find_limited_accounts(unit, source_ids)
        self._last_account_change = unit.splits.last_commit_of(ACCOUNT_CHANGE)
        self._superseders: dict[int, list[int]] = {}
        for decision in decisions:
            for old in decision.supersedes:
                self._superseders.setdefault(old, []).append(decision.id)
        self._outcomes: dict[int, DecisionStatus | None] = {}
        commits = [(decision.commit_no, decision.ended_commit) for decision in decisions]
        answers = [consent.commit_no for consents in self._consents.values() for consent in consents]
        approvals = [number for rows in self._approvals.values() for _, number in rows]
        numbers = {number for pair in commits for number in pair}.union(answers, approvals)
        makers = unit.commit_info({number for number in numbers if number is not None})
        self._makers = {number: client for number, (_, client, _) in makers.items()}

    def choose(self) -> tuple[MovedDecision, ...]:
        """Return the decisions that go along, by number."""
        moved = []
        # Whatever replaces a decision is younger.
        for number in sorted(self._decisions, reverse=True):
            decision = self._decisions[number]
            status = self._outcomes[number] = self._find_status(decision)
            if status is not None:
                moved.append(MovedDecision(decision, status, self._steps.get(decision.step_id or 0)))
        return tuple(reversed(moved))

    def _find_status(self, decision: StoredDecision) -> DecisionStatus | None:
        """Return a decision's status in the scope; None if it stays."""
        if not self._is_of_scope(decision) or decision.status in _OPEN:
            return None
        if decision.status is DecisionStatus.REVIEW:
            return None  # a claim asks the stewards of the index in which it was made
        is_replaced = any(
            self._outcomes.get(number) in (DecisionStatus.IN_FORCE, DecisionStatus.SUPERSEDED)
            for number in self._superseders.get(decision.id, ())
        )
        if is_replaced:
            return DecisionStatus.SUPERSEDED
        if decision.status is not DecisionStatus.REVOKED:
            return DecisionStatus.IN_FORCE
        return self._find_status_of_revoked(decision)

    def _find_status_of_revoked(self, decision: StoredDecision) -> DecisionStatus | None:
        """Return the status in the scope of a decision that was ended.

        What somebody ended who sees more than the scope is in force there.
        """
        step = self._steps.get(decision.step_id or 0)
        is_undone = step is not None and step.undone_commit is not None
        is_of_source = decision.authority is Authority.SOURCE
        if is_of_source and not is_undone:
            return None  # the source states it no more
        commits = self._approval_commits(decision, is_undo=True)
        if self._are_limited(commits | ({decision.ended_commit} if decision.ended_commit else set())):
            # The source may state a merge again, which somebody has undone.
            return DecisionStatus.REVOKED if is_of_source else None
        if is_of_source and not self._is_stated(decision):
            return None
        return DecisionStatus.IN_FORCE

    def _is_of_scope(self, decision: StoredDecision) -> bool:
        """Return whether only people limited to the scope decided."""
        if decision.authority is Authority.SOURCE and decision.origin in _OWN_MERGES:
            return True
        if decision.authority not in (Authority.STEWARD, Authority.SOURCE, Authority.MIGRATION):
            return False
        commits = {decision.commit_no} | self._approval_commits(decision, is_undo=False)
        consents = self._consents.get(decision.step_id or 0, ())
        commits |= {consent.commit_no for consent in consents if consent.commit_no is not None}
        return self._are_limited(commits)

    def _approval_commits(self, decision: StoredDecision, *, is_undo: bool) -> set[int]:
        """Return the commits that approved a decision, or its undo."""
        approvals = self._approvals.get(decision.id, ())
        return {commit for kind, commit in approvals if (kind == UNDO) == is_undo}

    def _are_limited(self, commits: Collection[int]) -> bool:
        """Return whether commits were made by those who see no other sources.

        An account may have seen other sources before its rights were changed.
        """
        return all(
            self._makers[number] in self._clients
            or (self._makers[number] in self._accounts and number > self._last_account_change)
            for number in commits
        )

    def _is_stated(self, decision: StoredDecision) -> bool:
        """Return whether the source of a record states a merge now.

        What it states of its local IDs apart from its records stays stated until it takes that back.
        """
        if decision.origin != MERGED_INTO:
            return decision.origin in _OWN_MERGES
        record_id = decision.asserting_record or 0
        payloads = self._unit.record_versions.payloads([record_id])
        if record_id not in payloads:
            return False
        source_id, payload = payloads[record_id]
        target_id = record_from_bytes(payload).merged_into
        if target_id is None:
            return False
        target = self._unit.records.find_by_local_ids(source_id, [target_id]).get(target_id)
        return target is not None and target.id in decision.seen


def _find_limited_clients(unit: ReadUnit, source_ids: Collection[int]) -> frozenset[str]:
    """Return names of clients that could never see other sources than these."""
    codes = {source.code for source in unit.sources.all() if source.id in source_ids}
    return frozenset(
        client.name
        for client, _, _ in unit.clients.all_with_commits()
        if client.sources is not None and client.sources <= codes
    )


def _find_limited_accounts(unit: ReadUnit, source_ids: Collection[int]) -> frozenset[str]:
    """Return names of accounts that see no other sources than these now."""
    codes = {source.code for source in unit.sources.all() if source.id in source_ids}
    return frozenset(
        account.name
        for account in unit.accounts.all()
        if account.sources is not None and account.sources <= codes
    )


def write_moved_decisions(
    unit: WriteUnit, index: Index, numbers: CopiedNumbers, decisions: Sequence[MovedDecision], first: int
) -> None:
    """Write decisions that go along.

    Args:
        unit: a transaction of the scope, which holds the records already.
        index: the index of the scope.
        numbers: numbers of the copies.
        decisions: the decisions, by number.
        first: number of the first one in the scope.
    """
    copies = {moved.stored.id: number for number, moved in enumerate(decisions, first)}
    steps: dict[int, int] = {}
    for moved in decisions:
        step_id = steps.get(moved.stored.step_id or 0)
        if step_id is None:
            step_id = steps[moved.stored.step_id or 0] = _write_step(unit, numbers, moved)
        _write_decision(unit, index, numbers, moved, copies[moved.stored.id], step_id)
    for moved in decisions:
        replaced = [copies[old] for old in moved.stored.supersedes if old in copies]
        unit.decisions.supersede(copies[moved.stored.id], replaced, unit.commit_no, binding=False)


def _write_step(unit: WriteUnit, numbers: CopiedNumbers, moved: MovedDecision) -> int:
    """Write the step that made a decision, without its details."""
    if moved.step is None:
        return add_step(unit, moved.stored.origin or "decision", moved.stored.reason, {})
    is_undone = moved.status is DecisionStatus.REVOKED
    step_id = unit.counters.take("step")
    unit.steps.add(
        Step(
            id=step_id,
            kind=moved.step.kind,
            commit_no=numbers.commits.copy_of(moved.stored.commit_no),
            undone_commit=numbers.commits.copy_of_optional(moved.step.undone_commit) if is_undone else None,
            reason=moved.step.reason,
            # Its undo needs a second person too.
            detail={APPROVED: True} if moved.step.detail.get(APPROVED) else {},
        )
    )
    return step_id


def _write_decision(
    unit: WriteUnit,
    index: Index,
    numbers: CopiedNumbers,
    moved: MovedDecision,
    decision_id: int,
    step_id: int,
) -> None:
    """Write a decision with the numbers of the scope."""
    stored, record = moved.stored, numbers.records.copy_of
    groups = tuple(tuple(record(number) for number in group) for group in stored.groups)
    unit.decisions.add(
        NewDecision(
            id=decision_id,
            kind=stored.kind,
            authority=stored.authority,
            status=moved.status,
            groups=groups,
            seen={
                record(number): numbers.versions.copy_of_optional(version)
                for number, version in stored.seen.items()
            },
            reason=stored.reason,
            evidence=_copy_evidence(stored.evidence, numbers),
            config_id=index.config_id(unit),
            step_id=step_id,
            origin=stored.origin or "decision",
            effective_from=stored.effective_from,
            recheck_on=stored.recheck_on,
            asserting_record=None if stored.asserting_record is None else record(stored.asserting_record),
        ),
        numbers.commits.copy_of(stored.commit_no),
    )
    if moved.status in (DecisionStatus.SUPERSEDED, DecisionStatus.REVOKED):
        unit.decisions.set_status([decision_id], moved.status, unit.commit_no)


def _copy_evidence(evidence: dict[str, Any], numbers: CopiedNumbers) -> dict[str, Any]:
    """Return a decision's evidence with the numbers of the scope.

    Numbers keep their order, so the lower record of a pair stays the lower one.
    """
    if "pairs" not in evidence:
        return evidence
    pairs = [
        {**pair, "records": [numbers.records.copy_of(record) for record in pair["records"]]}
        for pair in evidence["pairs"]
    ]
    return {**evidence, "pairs": pairs}


def find_decided_records(numbers: CopiedNumbers, decisions: Collection[MovedDecision]) -> set[int]:
    """Return the records of the scope that decisions in force name."""
    return {
        numbers.records.copy_of(record)
        for moved in decisions
        if moved.status is DecisionStatus.IN_FORCE
        for record in moved.stored.seen
    }
