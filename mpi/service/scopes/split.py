"""Split: move sources into a scope, new or existing, or back.

The shared index keeps the records and all its enterprise IDs. It follows the scope from the cut on. Each
transaction of a split leaves a state from which another run goes on, or takes the split back. An existing
scope stays open meanwhile, and keeps what it has begun to take.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from mpi.domain.errors import ConflictError
from mpi.domain.source import SHARED_SCOPE
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.scopes.login_safeguards import add_safeguards, read_safeguards
from mpi.service.scopes.split_blockers import has_changed_rule
from mpi.service.scopes.split_copy import (
    SCOPE_TERMS,
    SPLIT,
    SplitContent,
    begin_copy,
    copy_decisions,
    copy_records,
    find_own_split,
    read_content,
)
from mpi.service.scopes.split_plan import UNFINISHED_STATES
from mpi.storage.repositories.sources.scopes import ChangedItem, end_of_commit
from mpi.storage.repositories.sources.splits import ACCOUNT, CLIENT, Split, SplitState
from mpi.storage.unit_of_work.units import WriteUnit

PAGE_RECORDS = 2_000
"""Records that one transaction of the scope writes."""
PAGE_COPIES = 10_000
"""Copies that one transaction of the shared index records."""


@dataclass(frozen=True, slots=True)
class SplitView:
    """A split as operators see it.

    Args:
        scope: code of the scope.
        sources: codes of the sources.
        state: how far the split is.
        clients: names of the clients that go along.
        accounts: names of the accounts that go along.
        is_addition: whether the scope existed before.
    """

    scope: str
    sources: tuple[str, ...]
    state: SplitState
    clients: tuple[str, ...]
    accounts: tuple[str, ...]
    is_addition: bool = False


def require_unfinished(index: Index, viewer: Viewer, code: str) -> Split:
    """Return the split into a scope that is approved and not done.

    Raises:
        ConflictError: there is none.
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    split = _require_split(index, viewer, code)
    if split.state not in UNFINISHED_STATES:
        raise ConflictError(f"the split into {code} is {split.state}: nothing is to be done")
    return split


def run_split(
    shared_index: Index,
    scope_index: Index,
    viewer: Viewer,
    code: str,
    progress: Progress = ignore_progress,
    *,
    page: int = PAGE_RECORDS,
) -> SplitView:
    """Carry out an approved split, or go on with it.

    Args:
        shared_index: the open shared index.
        scope_index: the open index of the scope, new or begun by this split.
        viewer: who asks.
        code: code of the scope.
        progress: callback that reports the records copied.
        page: records that one transaction of the scope writes.

    Raises:
        ConflictError: no split into this scope is approved, or its index holds something else.
        AccessDenied: the viewer may not administer sources.
    """
    split = require_unfinished(shared_index, viewer, code)
    if split.state is SplitState.UNDOING:
        return undo_split(shared_index, scope_index, viewer, code)
    if split.state in (SplitState.APPROVED, SplitState.COPYING):
        _require_same_tokens(shared_index, scope_index, code)
    if split.is_addition:
        # From here on no sync runs: it would meet records of which no copies are recorded yet.
        _advance(shared_index, viewer, split, SplitState.APPROVED, SplitState.COPYING)
    content = begin_copy(shared_index, scope_index, viewer, split, read_content(shared_index, viewer, split))
    _advance(shared_index, viewer, split, SplitState.APPROVED, SplitState.COPYING)
    copy_records(shared_index, scope_index, viewer, split, content, page, progress)
    last_commit = copy_decisions(scope_index, viewer, split, content)
    _write_copies(shared_index, viewer, split, content)
    _register(shared_index, scope_index, viewer, split, last_commit)
    _open_scope(shared_index, scope_index, viewer, split)
    _end_split(shared_index, scope_index, viewer, split)
    return _view(split, SplitState.DONE)


def _require_same_tokens(shared_index: Index, scope_index: Index, code: str) -> None:
    """Raise if the scope compares no SSN of its new records.

    Each record of the shared index has a token of the oldest token key in force there.
    """
    stored, compared = shared_index.keyed_hash.token_keys[0], scope_index.keyed_hash.token_keys[0]
    if stored != compared:
        raise ConflictError(
            f"the scope {code} compares SSNs by token key {compared}, and the shared index by key {stored}: "
            "run mpi keys rotate token in each index, and then mpi keys drop token, first in the shared index"
        )


def undo_split(shared_index: Index, scope_index: Index | None, viewer: Viewer, code: str) -> SplitView:
    """Take a split back, until the scope has changed anything.

    The shared index has its sources, clients and accounts again. It has always kept their records and IDs.
    The index of the scope stays, closed and empty, with its commits and its ledger. Sources that are added to
    an existing scope are taken back until the scope has begun to copy them.

    Args:
        shared_index: the open shared index.
        scope_index: the open index of the scope; None where it does not exist yet.
        viewer: who asks.
        code: code of the scope.

    Raises:
        ConflictError: no split into this scope has begun, or the scope has changed something since.
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    split = _require_split(shared_index, viewer, code, has_effect=True)
    with shared_index.database.write(viewer, SPLIT) as unit:
        state = _state_now(unit, split)
        if state is not SplitState.DONE and state not in UNFINISHED_STATES:
            raise ConflictError(f"the split into {code} is {state}: nothing is to be taken back")
        if split.is_addition and state in (SplitState.OPENING, SplitState.DONE):
            raise ConflictError(f"the scope {code} has the sources already: they cannot be taken back")
        unit.splits.set_state(split.id, SplitState.UNDOING, unit.commit_no)
    if split.is_addition:
        _require_not_copied(shared_index, scope_index, viewer, split)
    elif scope_index is not None and not _close_scope(scope_index, viewer, split):
        with shared_index.database.write(viewer, SPLIT) as unit:
            # After a restore, the shared index may not follow yet what the scope has done since.
            is_followed = any(scope.code == code for scope in unit.scopes.all())
            kept_state = SplitState.DONE if is_followed else SplitState.APPROVED
            unit.splits.set_state(split.id, kept_state, unit.commit_no)
        raise ConflictError(
            f"the scope {code} has changed something since it was opened, which would be lost. Keep the "
            "scope: the shared index follows it with mpi scope sync, and its IDs are as before"
        )
    with shared_index.database.write(viewer, SPLIT) as unit:
        if _state_now(unit, split) is SplitState.UNDOING:
            _return_sources(unit, split)
            unit.splits.set_state(split.id, SplitState.UNDONE, unit.commit_no)
    return _view(split, SplitState.UNDONE)


def _require_split(index: Index, viewer: Viewer, code: str, *, has_effect: bool = False) -> Split:
    """Return the latest split into a scope.

    Args:
        index: the shared index.
        viewer: who asks.
        code: code of the scope.
        has_effect: whether one that is only planned, or taken back, is passed over for an earlier one.

    Raises:
        ConflictError: there is none.
    """
    with index.database.read(viewer) as unit:
        split = unit.splits.latest_begun(code) if has_effect else None
        split = split or unit.splits.latest(code)
    if split is None:
        raise ConflictError(f"there is no split into {code}: name its sources with --source to plan one")
    return split


def _state_now(unit: WriteUnit, split: Split) -> SplitState | None:
    stored = unit.splits.get(split.id)
    return None if stored is None else stored.state


def _require_kept(unit: WriteUnit, split: Split) -> SplitState | None:
    """Return the state of a split that nobody takes back.

    Raises:
        ConflictError: somebody takes it back meanwhile.
    """
    state = _state_now(unit, split)
    if state in (SplitState.UNDOING, SplitState.UNDONE):
        raise ConflictError(f"the split into {split.scope} is {state} by somebody else")
    return state


def _advance(index: Index, viewer: Viewer, split: Split, before: SplitState, after: SplitState) -> None:
    """Store that a split has reached a state, unless passed.

    Raises:
        ConflictError: somebody takes the split back meanwhile.
    """
    with index.database.write(viewer, SPLIT) as unit:
        state = _require_kept(unit, split)
        if state is before:
            unit.splits.set_state(split.id, after, unit.commit_no)


def _write_copies(index: Index, viewer: Viewer, split: Split, content: SplitContent) -> None:
    """Record which record of the scope is which shared one."""
    numbers = map(int, content.numbers.records.numbers)
    records = enumerate(numbers, content.numbers.records.first)
    decisions = enumerate((moved.stored.id for moved in content.decisions), content.first_decision)
    for item, pairs in ((ChangedItem.RECORD, records), (ChangedItem.DECISION, decisions)):
        while chunk := dict(islice(pairs, PAGE_COPIES)):
            with index.database.write(viewer, SPLIT) as unit:
                if _require_kept(unit, split) is SplitState.COPYING:
                    unit.scopes.add_copies(split.scope, item, chunk, if_new=True)


def _register(
    shared_index: Index, scope_index: Index, viewer: Viewer, split: Split, last_commit: int
) -> None:
    """Let the shared index follow the scope from now on."""
    with scope_index.database.read(viewer) as unit:
        read_at = unit.commit_info({last_commit})[last_commit][0]
    with shared_index.database.write(viewer, SPLIT) as unit:
        if _require_kept(unit, split) is not SplitState.COPYING:
            return
        if not split.is_addition:
            unit.scopes.add(split.scope, split.name, unit.commit_no)
            unit.scopes.move_position(split.scope, end_of_commit(last_commit), read_at)
        # The scope holds the records that its sources send while they are paused.
        unit.sources.set_paused(_source_ids(unit, split.plan["sources"]), paused=False)
        unit.splits.set_state(split.id, SplitState.OPENING, unit.commit_no)


def _open_scope(shared_index: Index, scope_index: Index, viewer: Viewer, split: Split) -> None:
    """Let the scope take records, and give it its clients and accounts.

    Raises:
        ConflictError: the rule under which they act was changed since the approval.
    """
    with shared_index.database.read(viewer) as unit:
        moved = unit.splits.moved_logins(split.id)
        if moved and has_changed_rule(unit):
            raise ConflictError(_describe_changed_rule(split))
        clients = unit.splits.client_rows([name for kind, name in moved if kind == CLIENT])
        accounts = unit.splits.account_rows([name for kind, name in moved if kind == ACCOUNT])
        safeguards = read_safeguards(unit, [row["name"] for row in accounts])
    with scope_index.database.write(viewer, SPLIT) as unit:
        own_split = find_own_split(unit, split)
        if own_split is None or own_split.state is not SplitState.OPENING:
            return
        if split.is_addition:
            if moved and has_changed_rule(unit):
                raise ConflictError(_describe_changed_rule(split))
            unit.splits.restore_clients([row["name"] for row in clients])
            unit.splits.restore_accounts([row["name"] for row in accounts])
        else:
            _add_logins(unit, clients, accounts)
        add_safeguards(unit, safeguards)
        unit.sources.set_scope(_source_ids(unit, split.plan["sources"]), None)
        unit.sources.set_paused(_source_ids(unit, split.plan["paused"]), paused=True)
        unit.splits.set_state(own_split.id, SplitState.DONE, unit.commit_no)


def _add_logins(
    unit: WriteUnit, clients: Collection[dict[str, Any]], accounts: Collection[dict[str, Any]]
) -> None:
    """Add clients and accounts, with their keys and passwords, to a scope."""
    for row in clients:
        unit.splits.add_client_row(unit.counters.take("client"), row | SCOPE_TERMS, unit.commit_no)
    for row in accounts:
        unit.splits.add_account_row(unit.counters.take("account"), row | SCOPE_TERMS, unit.commit_no)


def _describe_changed_rule(split: Split) -> str:
    """Return what to do where logins would act under another rule."""
    if split.is_addition:
        remedy = (
            "revoke the clients (mpi client revoke) and end the accounts (mpi account end) that go along, "
            f"and go on with mpi scope split {split.scope}"
        )
    else:
        remedy = f"take the split back with mpi scope split {split.scope} --undo"
    return f"the operator's own rule was changed, suspended or ended since the approval: {remedy}"


def _end_split(shared_index: Index, scope_index: Index, viewer: Viewer, split: Split) -> None:
    """Store the end of a split, once no login is revoked meanwhile.

    Raises:
        ConflictError: somebody takes the split back meanwhile.
    """
    while True:
        with shared_index.database.read(viewer) as unit:
            moved = unit.splits.moved_logins(split.id)
        _revoke_released(scope_index, viewer, split, moved)
        with shared_index.database.write(viewer, SPLIT) as unit:
            state = _require_kept(unit, split)
            if state is not SplitState.OPENING:
                return
            if unit.splits.moved_logins(split.id) == moved:
                unit.splits.set_state(split.id, SplitState.DONE, unit.commit_no)
                return


def _revoke_released(
    scope_index: Index, viewer: Viewer, split: Split, moved: Collection[tuple[str, str]]
) -> None:
    """Revoke logins in the scope that were revoked while it was opened."""
    clients = {name for name in split.plan["clients"] if (CLIENT, name) not in moved}
    accounts = {name for name in split.plan["accounts"] if (ACCOUNT, name) not in moved}
    if not clients and not accounts:
        return
    with scope_index.database.write(viewer, SPLIT) as unit:
        open_clients = [client.name for client in unit.clients.active() if client.name in clients]
        open_accounts = [
            account.id
            for account in unit.accounts.all()
            if account.name in accounts and account.ended_commit is None
        ]
        own_split = find_own_split(unit, split)
        if own_split is None or not (open_clients or open_accounts):
            return
        for name in open_clients:
            unit.clients.revoke(name, unit.commit_no)
        for account_id in open_accounts:
            unit.accounts.close(account_id, unit.commit_no)
            unit.sign_ins.end_all_of_account(account_id)
        # This is no change of the scope that keeps the split from being taken back.
        unit.splits.set_state(own_split.id, own_split.state, unit.commit_no)


def _close_scope(scope_index: Index, viewer: Viewer, split: Split) -> bool:
    """Close a scope and empty it; return False if it was changed.

    The shared index has all that the scope holds. A copy would outlive what is expunged there from now on.
    """
    with scope_index.database.write(viewer, SPLIT) as unit:
        own_split = find_own_split(unit, split)
        if own_split is None or own_split.token_hash != split.token_hash:
            return True
        if own_split.state is SplitState.DONE and unit.last_commit() != own_split.state_commit:
            return False
        unit.sources.set_scope([source.id for source in unit.sources.all()], SHARED_SCOPE)
        for client in unit.clients.active():
            unit.clients.revoke(client.name, unit.commit_no)
        for account in unit.accounts.all():
            unit.accounts.close(account.id, unit.commit_no)
            unit.sign_ins.end_all_of_account(account.id)
        unit.splits.delete_content()
        unit.splits.set_state(own_split.id, SplitState.UNDONE, unit.commit_no)
    return True


def _require_not_copied(shared_index: Index, scope_index: Index | None, viewer: Viewer, split: Split) -> None:
    """Keep an existing scope from copying sources, unless it has begun.

    Raises:
        ConflictError: it has begun, or its index cannot be asked.
    """
    is_begun = scope_index is None
    if scope_index is not None:
        with scope_index.database.write(viewer, SPLIT) as unit:
            own_split = find_own_split(unit, split)
            is_begun = own_split is not None and own_split.state is not SplitState.UNDONE
            if own_split is None:
                mark = replace(
                    split,
                    id=len(unit.splits.all()) + 1,
                    state=SplitState.UNDONE,
                    plan={"is_addition": True, "sources": []},
                    progress={},
                    planned_commit=unit.commit_no,
                    approved_commit=None,
                    state_commit=unit.commit_no,
                )
                unit.splits.add(mark)
    if not is_begun:
        return
    with shared_index.database.write(viewer, SPLIT) as unit:
        unit.splits.set_state(split.id, SplitState.COPYING, unit.commit_no)
    raise ConflictError(
        f"the scope {split.scope} has begun to take the sources, and its people may have worked with them: "
        f"go on with mpi scope split {split.scope}"
    )


def _return_sources(unit: WriteUnit, split: Split) -> None:
    """Give the shared index its sources, clients and accounts again."""
    unit.sources.set_scope(_source_ids(unit, split.plan["sources"]), None)
    unit.sources.set_paused(_source_ids(unit, split.plan["paused"]), paused=True)
    moved = unit.splits.moved_logins(split.id)
    unit.splits.restore_clients([name for kind, name in moved if kind == CLIENT])
    unit.splits.return_logins(split.id)
    if not split.is_addition:
        unit.scopes.remove(split.scope)


def _source_ids(unit: WriteUnit, codes: Collection[str]) -> list[int]:
    return [unit.sources.get_by_code(code).id for code in codes]


def _view(split: Split, state: SplitState) -> SplitView:
    return SplitView(
        scope=split.scope,
        sources=tuple(split.plan["sources"]),
        state=state,
        clients=tuple(split.plan["clients"]),
        accounts=tuple(split.plan["accounts"]),
        is_addition=split.is_addition,
    )
