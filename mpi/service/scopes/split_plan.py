"""Plan of a split, which moves sources into a scope.

One person makes the plan, and a second one approves it. The approval closes the sources.
"""

import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from mpi.domain.errors import ConflictError, InputError
from mpi.domain.source import check_scope_code
from mpi.domain.survivorship.values import STEWARD_SOURCE_KIND
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.access.setup import hash_token
from mpi.service.core.index import Index
from mpi.service.core.second_person import find_obstacle
from mpi.service.holdings.settings import find_limited_sources
from mpi.service.scopes.split_blockers import (
    Login,
    find_agreement_blockers,
    find_legal_blockers,
    find_login_blockers,
    find_order_blockers,
    find_scope_blockers,
)
from mpi.service.scopes.split_decisions import DecisionChoice, choose_decisions
from mpi.storage.repositories.derived.proposals import ProposalStatus
from mpi.storage.repositories.review.owner_questions import OPEN
from mpi.storage.repositories.sources.batches import LOADING, UNDOING
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.repositories.sources.splits import ACCOUNT, CLIENT, Split, SplitState
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

_TOKEN_BYTES = 9
_OPEN_PROPOSALS = frozenset({ProposalStatus.OPEN, ProposalStatus.APPLYING})
UNFINISHED_STATES = frozenset(
    {SplitState.APPROVED, SplitState.COPYING, SplitState.OPENING, SplitState.UNDOING}
)
"""States in which sources are closed. Another run goes on from there."""


@dataclass(frozen=True, slots=True)
class SplitRequest:
    """Sources to move into a scope.

    Args:
        scope: code of the scope.
        name: its name for people; the code where None. An existing scope keeps its name.
        sources: codes of the sources.
    """

    scope: str
    name: str | None
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """What a split would move, and what keeps it from being approved.

    Args:
        scope: code of the scope.
        name: its name for people.
        sources: codes of the sources.
        records: number of records by state.
        clients: names of the clients that go along.
        accounts: names of the accounts that go along.
        decisions: number of decisions that go along.
        decisions_staying: number of decisions about these records that stay in the shared index alone.
        blockers: what has to be done first; empty if the plan can be approved.
        token: names the plan when it is approved; None where it is not stored.
        is_addition: whether the scope exists, and has other sources already.
    """

    scope: str
    name: str
    sources: tuple[str, ...]
    records: dict[str, int]
    clients: tuple[str, ...]
    accounts: tuple[str, ...]
    decisions: int
    decisions_staying: int
    blockers: tuple[str, ...]
    token: str | None = None
    is_addition: bool = False


@dataclass(frozen=True, slots=True)
class _PlanInputs:
    """What a plan is made of, read in one transaction."""

    sources: tuple[Source, ...]
    clients: tuple[str, ...]
    accounts: tuple[str, ...]
    choice: DecisionChoice
    blockers: tuple[str, ...]
    scope_name: str | None

    def to_json(self, unit: ReadUnit) -> dict[str, Any]:
        """Return the plan as it is stored."""
        return {
            "sources": [source.code for source in self.sources],
            "paused": [source.code for source in self.sources if source.paused],
            "records": _count_records(unit, self.sources),
            "clients": list(self.clients),
            "accounts": list(self.accounts),
            "decisions": [[moved.stored.id, moved.status.value] for moved in self.choice.moved],
            "decisions_staying": self.choice.staying,
            "is_addition": self.scope_name is not None,
        }


_BINDING = ("sources", "clients", "accounts", "decisions")
"""Parts of a plan that must be the same when it is approved. Records may arrive meanwhile."""


def plan_split(
    index: Index,
    viewer: Viewer,
    request: SplitRequest,
    *,
    has_scope_index: bool,
    store: bool,
    scope_index: Index | None = None,
) -> SplitPlan:
    """Count what a split would move, and store the plan.

    Args:
        index: the shared index.
        viewer: who plans.
        request: the scope and its sources.
        has_scope_index: whether there is an index of that scope already.
        store: whether the plan is stored; nothing else is changed in any case.
        scope_index: the open index of a scope that exists.

    Raises:
        InputError: the code is invalid, or no source is named.
        NotFoundError: a source does not exist.
        ConflictError: a split into this scope has begun.
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    check_scope_code(request.scope)
    if not request.sources:
        raise InputError("name the sources to move with --source")
    with index.database.read(viewer) as unit:
        _require_not_begun(unit.splits.latest(request.scope))
        inputs = _read_inputs(unit, request.scope, request.sources)
        values = inputs.to_json(unit)
    blockers = list(inputs.blockers)
    if inputs.scope_name is None and has_scope_index:
        blockers.append(_describe_taken_code(request.scope))
    if inputs.scope_name is not None:
        blockers += _find_scope_blockers(scope_index, viewer, request.scope, inputs)
    plan = SplitPlan(
        scope=request.scope,
        name=inputs.scope_name or request.name or request.scope,
        sources=tuple(values["sources"]),
        records=values["records"],
        clients=inputs.clients,
        accounts=inputs.accounts,
        decisions=len(values["decisions"]),
        decisions_staying=values["decisions_staying"],
        blockers=tuple(blockers),
        token=secrets.token_hex(_TOKEN_BYTES) if store and not blockers else None,
        is_addition=values["is_addition"],
    )
    if plan.token is not None:
        _store_plan(index, viewer, plan, values)
    return plan


def approve_split(index: Index, viewer: Viewer, scope: str, token: str) -> Split:
    """Approve a plan as a second person, and close its sources.

    From now on the shared index takes no records of the sources, and refuses their clients and accounts.

    Args:
        index: the shared index.
        viewer: who approves; not who planned.
        scope: code of the scope.
        token: the token of the plan.

    Raises:
        InputError: there is no such plan.
        ConflictError: the viewer is no second person for the plan, what it would move has changed
            since, or something has to be done first.
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    with index.database.write(viewer, "split-approve") as unit:
        split = unit.splits.latest(scope)
        is_named = split is not None and secrets.compare_digest(split.token_hash, hash_token(token))
        if split is None or not is_named or split.state is not SplitState.PLANNED:
            raise InputError(f"there is no plan of a split into {scope} with this token: make one first")
        if obstacle := find_obstacle(unit, split.planned_commit):
            raise ConflictError(f"this plan is {obstacle}: somebody else has to approve it")
        inputs = _read_inputs(unit, scope, split.plan["sources"])
        blockers = list(inputs.blockers)
        if split.is_addition and inputs.scope_name is None:
            blockers.append(f"there is no scope {scope} any more: make a new plan")
        if not split.is_addition and inputs.scope_name is not None:
            blockers.append(_describe_taken_code(scope))
        if blockers:
            raise ConflictError(f"this has to be done first: {'; '.join(blockers)}")
        values = inputs.to_json(unit)
        if any(values[part] != split.plan[part] for part in _BINDING):
            raise ConflictError("clients, accounts or decisions have changed since: make a new plan")
        _close_sources(unit, split, inputs)
        unit.splits.approve(split.id, values, unit.commit_no)
        return replace(split, plan=values, state=SplitState.APPROVED, approved_commit=unit.commit_no)


def _close_sources(unit: WriteUnit, split: Split, inputs: _PlanInputs) -> None:
    """Let the shared index refuse records, clients and accounts of the sources."""
    unit.sources.set_scope([source.id for source in inputs.sources], split.scope)
    for name in inputs.clients:
        unit.clients.revoke(name, unit.commit_no)
    unit.splits.move_logins(CLIENT, inputs.clients, split)
    unit.splits.move_logins(ACCOUNT, inputs.accounts, split)
    for name in inputs.accounts:
        account = unit.accounts.find_by_name(name)
        if account is not None:
            unit.sign_ins.end_all_of_account(account.id)


def _store_plan(index: Index, viewer: Viewer, plan: SplitPlan, values: dict[str, Any]) -> None:
    """Store a plan in place of an earlier one."""
    with index.database.write(viewer, "split-plan") as unit:
        earlier = unit.splits.latest(plan.scope)
        _require_not_begun(earlier)
        if earlier is not None and earlier.state is SplitState.PLANNED:
            unit.splits.set_state(earlier.id, SplitState.REPLACED, unit.commit_no)
        unit.splits.add(
            Split(
                id=unit.counters.take("split"),
                scope=plan.scope,
                name=plan.name,
                state=SplitState.PLANNED,
                plan=values,
                progress={},
                token_hash=hash_token(plan.token or ""),
                planned_commit=unit.commit_no,
                approved_commit=None,
                state_commit=unit.commit_no,
            )
        )


def _require_not_begun(split: Split | None) -> None:
    """Raise if a split into the scope is under way.

    Raises:
        ConflictError: it is so. The message says how to go on.
    """
    if split is None or split.state not in UNFINISHED_STATES:
        return
    raise ConflictError(
        f"the split into {split.scope} is {split.state}: run mpi scope split {split.scope} to go on, or add "
        "--undo to take it back"
    )


def _read_inputs(unit: ReadUnit, scope: str, codes: Collection[str]) -> _PlanInputs:
    """Read what a split moves, and what blocks it."""
    sources = tuple(unit.sources.get_by_code(code) for code in sorted(set(codes)))
    choice = choose_decisions(unit, {source.id for source in sources})
    clients = [client for client in unit.clients.active() if client.sources]
    accounts = [
        account for account in unit.accounts.all() if account.sources and account.ended_commit is None
    ]
    moved_accounts = {name for account in accounts if (name := account.name) and _is_moved(unit, name)}
    accounts = [account for account in accounts if account.name not in moved_accounts]
    own = frozenset(source.code for source in sources)
    logins = [
        Login(f"client {client.name}", client.sources or frozenset(), client.agreement) for client in clients
    ]
    logins += [
        Login(f"account {account.name}", account.sources or frozenset(), account.agreement)
        for account in accounts
    ]
    blockers = (
        *find_login_blockers(own, logins),
        *find_agreement_blockers(unit, own, logins),
        *_find_source_blockers(unit, sources),
        *_find_work_blockers(unit, sources, choice),
    )
    return _PlanInputs(
        sources=sources,
        clients=tuple(sorted(client.name for client in clients if (client.sources or set()) <= own)),
        accounts=tuple(sorted(account.name for account in accounts if (account.sources or set()) <= own)),
        choice=choice,
        blockers=blockers,
        scope_name=next((known.name for known in unit.scopes.all() if known.code == scope), None),
    )


def _is_moved(unit: ReadUnit, account_name: str) -> bool:
    return unit.splits.scope_of_account(account_name) is not None


def _find_source_blockers(unit: ReadUnit, sources: Collection[Source]) -> Iterator[str]:
    """Name what is open about the records of the sources."""
    limited = find_limited_sources(unit)
    for source in sources:
        if source.kind == STEWARD_SOURCE_KIND:
            yield f"{source.code} takes stewards' corrections and cannot be moved"
        if source.scope is not None:
            yield (
                f"source {source.code} belongs to the scope {source.scope}, and a source has one scope: two "
                "would judge the same record, and one's answers would tell what the other has seen"
            )
        if source.code in limited:
            yield f"of {source.code} only records of children in care are held, or once were"
        if unit.record_rows.count_waiting([source.id]):
            yield f"record versions of {source.code} wait: resume the source and answer the open questions"
    codes = {source.code for source in sources}
    for code in sorted({row.source_code for row in unit.record_erasure.pending_expunges()} & codes):
        yield f"records of {code} wait to be expunged: answer with mpi expunge"
    yield from find_order_blockers(unit, sources)
    yield from find_legal_blockers(unit, sources)
    for batch in unit.batches.all():
        if batch.source in codes and batch.status in (LOADING, UNDOING):
            yield f"load {batch.id} of {batch.source} is {batch.status}: let it end"


def _find_work_blockers(unit: ReadUnit, sources: Collection[Source], choice: DecisionChoice) -> Iterator[str]:
    """Name what stewards, owners and operators have begun."""
    if choice.waiting:
        yield f"{choice.waiting} decisions wait for a day, an approver or an owner: see mpi waiting"
    questions = unit.owner_questions.all_of_sources([source.id for source in sources], OPEN)
    if questions:
        yield f"{len(questions)} questions to owners of the sources are open"
    if any(proposal.status in _OPEN_PROPOSALS for proposal in unit.proposals.all()):
        yield "a re-cluster proposal is open: apply or reject it"
    if unit.runs.find_open() is not None:
        yield "a re-cluster is running: let it end"


def _find_scope_blockers(
    scope_index: Index | None, viewer: Viewer, scope: str, inputs: _PlanInputs
) -> list[str]:
    """Name what keeps sources from an existing scope."""
    if scope_index is None:
        return [f"the index of the scope {scope} cannot be opened: restore it first"]
    sources = [source.code for source in inputs.sources]
    return find_scope_blockers(scope_index, viewer, sources, inputs.clients, inputs.accounts)


def _describe_taken_code(scope: str) -> str:
    return f"there is an index of the scope {scope} already: choose another code, or move it away"


def _count_records(unit: ReadUnit, sources: Collection[Source]) -> dict[str, int]:
    """Count the records of sources by state."""
    counts: dict[str, int] = {}
    for source in sources:
        for state, count in unit.records.count_by_state(source.id).items():
            counts[state] = counts.get(state, 0) + count
    return counts
