"""End of earlier token keys, once nothing needs them (ADR 0134, 0140)."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from mpi.domain.errors import ConflictError
from mpi.domain.source import SHARED_SCOPE
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.gates.holds import require_whole_index
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.maintenance.other_token_keys import OtherTokenKeys
from mpi.service.maintenance.token_rotation import (
    TokenKeyResult,
    TokenKeyStatus,
    describe_token_keys,
    finish_interrupted,
    put_in_force,
    require_ring,
)

_NO_OTHERS: Mapping[str, OtherTokenKeys] = MappingProxyType({})
_KEPT = "the earlier token keys stay"


def drop_token_keys(
    index: Index,
    viewer: Viewer,
    progress: Progress = ignore_progress,
    others: Mapping[str, OtherTokenKeys] = _NO_OTHERS,
) -> TokenKeyResult:
    """Put only the newest token key in force; delete the earlier ones.

    Called again, it finishes an interrupted call.

    Args:
        index: the open index.
        viewer: who asks.
        progress: receives the progress.
        others: token keys of the indexes beside this one, by scope. Keys that they need are not deleted.

    Raises:
        AccessDenied: the viewer may not administer clients and keys, or may not re-cluster the whole index.
        ConflictError: a source has not sent all of its records again since the last rotation; the shared
            index has not yet what a scope holds under the newest key; a scope would come before the shared
            index; or a re-cluster run is under way.
        StoreError: a key cannot be read or deleted.
    """
    require_permission(viewer, Action.CLIENT_ADMIN)
    require_whole_index(viewer)
    ring = require_ring(index)
    index, _ = finish_interrupted(index, viewer, progress)
    status = describe_token_keys(index, viewer)
    if status.unfinished:
        raise ConflictError("the last rotation was interrupted: run mpi keys rotate token first")
    moved = 0
    if len(status.in_force) > 1:
        _require_in_step(index, viewer, status, others)
        _require_sent(index, viewer, status, others)
        index, moved = put_in_force(index, viewer, (status.newest,), progress)
        # A load may have dropped rows meanwhile, under the keys that were in force.
        status = describe_token_keys(index, viewer)
    if status.rows_to_send:
        raise ConflictError(
            f"{_describe(status.rows_to_send, 'dropped rows')}: keep the earlier token keys until its next "
            "full file, and then run mpi keys drop token again"
        )
    earlier = tuple(number for number in sorted(ring.read()) if number < status.newest)
    needed = frozenset[int]().union(*(keys.needed for keys in others.values()))
    dropped = tuple(number for number in earlier if number not in needed)
    kept = tuple(number for number in earlier if number in needed)
    return TokenKeyResult((status.newest,), moved, 0, dropped, kept, are_deleted=ring.drop_keys(dropped))


def _require_sent(
    index: Index, viewer: Viewer, status: TokenKeyStatus, others: Mapping[str, OtherTokenKeys]
) -> None:
    """Raise if a source has yet to send records again.

    Records of a scope that makes all tokens with the newest key alone are not waited for: they come with the
    next sync, which the shared index cannot take before it does the same. A shared index that was restored
    may hold such records.

    Raises:
        ConflictError: it has. The message names the sources.
    """
    with index.database.read(viewer) as unit:
        scope_of = {source.code: source.scope for source in unit.sources.all()}
    ready = {code for code, keys in others.items() if keys.in_force == (status.newest,)}
    to_send = {
        source: count for source, count in status.records_to_send.items() if scope_of[source] not in ready
    }
    if to_send:
        raise ConflictError(f"{_describe(to_send, 'records')}: {_KEPT}")


def _require_in_step(
    index: Index, viewer: Viewer, status: TokenKeyStatus, others: Mapping[str, OtherTokenKeys]
) -> None:
    """Raise if another index needs the earlier keys in force.

    Raises:
        ConflictError: they are not. The message names each reason.
    """
    if index.settings.scope == SHARED_SCOPE:
        reasons = list(_list_unready_scopes(index, viewer, status, others))
    else:
        reasons = list(_list_unready_shared(status, others.get(SHARED_SCOPE)))
    if reasons:
        raise ConflictError(f"{_KEPT}, since {'; '.join(reasons)}")


def _list_unready_shared(status: TokenKeyStatus, shared: OtherTokenKeys | None) -> Iterator[str]:
    """Say why the earlier keys of a scope may not end yet.

    The shared index compares by its oldest key. Changes of a scope that has dropped that key could never be
    taken over, and the shared index would wait for them to drop it too.
    """
    if shared is None:
        yield "the shared index of this scope was not found"
    elif shared.in_force != (status.newest,):
        yield (
            f"the shared index makes its tokens with the keys {_list_keys(shared)}: run mpi keys drop token "
            "there first, without MPI_SCOPE"
        )


def _list_unready_scopes(
    index: Index, viewer: Viewer, status: TokenKeyStatus, others: Mapping[str, OtherTokenKeys]
) -> Iterator[str]:
    """Say which scopes owe the shared index tokens, and why."""
    with index.database.read(viewer) as unit:
        scopes = [scope.code for scope in unit.scopes.all()]
        sources = {source.code: source.scope for source in unit.sources.all()}
    for scope in scopes:
        keys = others.get(scope)
        if keys is None:
            yield f"the index of the scope {scope} was not found"
        elif keys.in_force == (status.newest,):
            # It has dropped them already. The shared index can take its changes over once it has too.
            continue
        elif keys.in_force[-1] != status.newest:
            yield (
                f"the scope {scope} makes its tokens with the keys {_list_keys(keys)}, and not yet with key "
                f"{status.newest}: run mpi keys rotate token with MPI_SCOPE={scope}"
            )
        elif keys.records_to_send:
            yield f"the scope {scope} has {_describe(keys.records_to_send, 'records')}"
        elif keys.is_overdue or (
            keys.waiting and any(sources[code] == scope for code in status.records_to_send)
        ):
            yield f"{keys.waiting:,} changes of the scope {scope} wait for a sync: run mpi scope sync {scope}"


def _list_keys(keys: OtherTokenKeys) -> str:
    return ", ".join(map(str, keys.in_force))


def _describe(counts: Mapping[str, int], what: str) -> str:
    listed = ", ".join(f"{source} {count:,}" for source, count in sorted(counts.items()))
    return f"{what} that their source must send again: {listed}"
