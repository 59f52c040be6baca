"""Token keys of the other indexes of a site.

The shared index and its scopes have one key file, and the shared index copies records of scopes with the
tokens that these have. So a key may end in one index only in step with the others (ADR 0140).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mpi.domain import clock
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.holdings.tokens import parse_label
from mpi.service.maintenance.token_rotation import describe_token_keys
from mpi.storage.unit_of_work.units import ReadUnit

SYNC_GRACE = timedelta(minutes=10)
"""Age up to which a change may wait for a sync: a scope in use always has some that do."""


@dataclass(frozen=True, slots=True)
class OtherTokenKeys:
    """Token keys of another index, and what waits in a scope.

    Args:
        in_force: numbers of the keys that make its tokens, oldest first.
        needed: these, and those that made the tokens of its dropped rows.
        records_to_send: records of a scope, by source, whose SSN has no token under its newest key alone.
        waiting: number of a scope's changes that the shared index has not taken over.
        is_overdue: whether the oldest of these has waited for longer than ``SYNC_GRACE``.
    """

    in_force: tuple[int, ...]
    needed: frozenset[int]
    records_to_send: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0
    is_overdue: bool = False


def read_other_keys(unit: ReadUnit) -> OtherTokenKeys | None:
    """Return the token keys of an index; None without an index."""
    active = unit.configs.active_config()
    if active is None:
        return None
    needed = set(active.token_keys)
    for label, _ in unit.pupil_tokens.count_by_keys():
        made, again = parse_label(label)
        needed.update(made, again)
    return OtherTokenKeys(active.token_keys, frozenset(needed))


def describe_scope_keys(
    keys: OtherTokenKeys, scope_index: Index, shared_index: Index, viewer: Viewer, code: str
) -> OtherTokenKeys:
    """Return the token keys of a scope with what waits there.

    After a rotation, all records of the scope are read.

    Args:
        keys: the keys of the scope.
        scope_index: the open index of the scope.
        shared_index: the open shared index.
        viewer: who asks.
        code: code of the scope.

    Raises:
        AccessDenied: the viewer may not administer clients and keys.
        NotFoundError: the shared index follows no such scope.
        StoreError: a payload of the scope was altered, or its key is missing.
    """
    status = describe_token_keys(scope_index, viewer)
    with shared_index.database.read(viewer) as unit:
        position = unit.scopes.get(code).position
    with scope_index.database.read(viewer) as unit:
        waiting = unit.scopes.count_changes_after(position)
        is_overdue = False
        if waiting:
            [first] = unit.scopes.changes_after(position, 1)
            made_at, _client, _kind = unit.commit_info({first.commit_no})[first.commit_no]
            is_overdue = datetime.fromisoformat(made_at) <= clock.now() - SYNC_GRACE
    return replace(keys, records_to_send=status.records_to_send, waiting=waiting, is_overdue=is_overdue)
