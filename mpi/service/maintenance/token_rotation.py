"""Rotation of the token key, while the index serves.

A re-cluster run derives features, blocking keys and pairs anew, under a configuration that names the newer
token keys, and puts it in force in one transaction (ADR 0133). The kept tokens of SSNs are hashed again under
the new key. Tokens of dropped rows are hashed again page by page. ``token_key_drop``
ends earlier keys.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mpi.domain.errors import ConflictError, InputError
from mpi.domain.keyed_hash import parse_kept_tokens
from mpi.domain.source import SHARED_SCOPE
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.access.setup import make_token_check, require_token_keys
from mpi.service.core.index import Index
from mpi.service.gates.holds import require_whole_index
from mpi.service.holdings.tokens import hash_tokens_again, make_label, parse_label
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.maintenance.list_translation import translate_lists
from mpi.service.processes.pacing import Pace
from mpi.service.recluster.run_executor import execute_run, resume
from mpi.service.recluster.run_state import TOKEN_KEYS_KEY, is_alive, new_run_request
from mpi.service.resolution.resolve import get_plan_date
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.encryption.token_keys import TokenKeyRing
from mpi.storage.repositories.derived.recluster_runs import RunKind, RunStage
from mpi.storage.unit_of_work.units import ReadUnit

PAGE_ROWS = 250
"""Rows of dropped pupils of one transaction."""
SCAN_RECORDS = 2_000
"""Records whose content is read at a time."""
DROPPED_ROWS_STEP = "tokens of dropped rows"
_TOKEN_FIELDS = frozenset(("ssn_token", "ssn_last4_token"))
_NO_OTHERS: Mapping[str, tuple[int, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class TokenKeyStatus:
    """State of the token keys of an index.

    Args:
        in_force: numbers of the keys that make tokens now, oldest first.
        place: where the token keys come from.
        records_to_send: records, by source, whose SSN has no token under the newest key alone. The earlier
            keys stay in force until the source has sent them again.
        rows_to_send: dropped rows, by source, whose tokens an earlier key helped to make. Such a key must be
            kept until the source's next full file.
        unfinished: dropped rows whose tokens the newest key has not reached: the rotation was interrupted.
    """

    in_force: tuple[int, ...]
    place: str
    records_to_send: dict[str, int]
    rows_to_send: dict[str, int]
    unfinished: int

    @property
    def newest(self) -> int:
        """Number of the newest key in force."""
        return self.in_force[-1]


@dataclass(frozen=True, slots=True)
class TokenKeyResult:
    """Result of a rotation of the token key, or of a drop.

    Args:
        in_force: numbers of the keys that make tokens now, oldest first.
        moved: records whose person changed; 0 in a sound index.
        rows: dropped rows whose tokens were hashed again.
        dropped: numbers of the keys that nothing needs any more.
        kept: numbers of the keys that only other indexes need still.
        are_deleted: whether these are gone from the key file; otherwise the operator must delete them.
    """

    in_force: tuple[int, ...]
    moved: int = 0
    rows: int = 0
    dropped: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()
    are_deleted: bool = True


def describe_token_keys(index: Index, viewer: Viewer) -> TokenKeyStatus:
    """Return the state of the token keys.

    After a rotation, all records are read.

    Raises:
        AccessDenied: the viewer may not administer clients and keys.
    """
    require_permission(viewer, Action.CLIENT_ADMIN)
    with index.database.read(viewer) as unit:
        in_force = read_keys_in_force(unit)
        codes = {source.id: source.code for source in unit.sources.all()}
        rows: Counter[str] = Counter()
        unfinished = 0
        for (label, source), count in unit.pupil_tokens.count_by_keys().items():
            made, again = parse_label(label)
            unfinished += count if (*made, *again)[-1] != in_force[-1] else 0
            if set(made) | set(again) != {in_force[-1]}:
                rows[codes[source]] += count
        waiting = _count_waiting(unit, in_force[-1]) if len(in_force) > 1 else {}
        records = {codes[source]: count for source, count in waiting.items()}
    return TokenKeyStatus(in_force, require_ring(index).source.place, records, dict(rows), unfinished)


def rotate_token_key(
    index: Index,
    viewer: Viewer,
    progress: Progress = ignore_progress,
    others: Mapping[str, tuple[int, ...]] = _NO_OTHERS,
) -> TokenKeyResult:
    """Make all tokens and blocking keys with a new token key.

    The new key is the highest number among the token keys; where there is none yet, it is added to the key
    file. Called again, it finishes an interrupted rotation. A process that was open before must read the new
    key; those that serve do so by themselves.

    Args:
        index: the open index.
        viewer: who asks.
        progress: receives the progress.
        others: numbers of the token keys in force, oldest first, of the indexes beside this one, by scope.

    Raises:
        AccessDenied: the viewer may not administer clients and keys, or may not re-cluster the whole index.
        InputError: the content of the index is not encrypted.
        ConflictError: a re-cluster run is under way; or the drop after an earlier rotation has yet to run in
            the shared index or in a scope.
        StoreError: the keys come from elsewhere than a file and have no new one.
    """
    require_permission(viewer, Action.CLIENT_ADMIN)
    require_whole_index(viewer)
    ring = require_ring(index)
    with index.database.read(viewer) as unit:
        if not unit.payload_keys.all():
            raise InputError("the content of this index is not encrypted: run mpi keys encrypt first")
    index, was_resumed = finish_interrupted(index, viewer, progress)
    moved = 0
    if not was_resumed and not _count_unfinished(index, viewer):
        _require_same_oldest_key(index, others)
        index, moved = _begin_rotation(index, viewer, ring, progress)
    rows = _hash_rows_again(index, viewer, progress)
    return TokenKeyResult(index.keyed_hash.token_keys, moved, rows)


def refresh_token_keys(index: Index, viewer: Viewer) -> Index:
    """Return the index with the token keys that are in force now.

    Raises:
        StoreError: a key cannot be read.
    """
    with index.database.read(viewer) as unit:
        return index.with_token_keys(read_keys_in_force(unit))


def finish_interrupted(index: Index, viewer: Viewer, progress: Progress) -> tuple[Index, bool]:
    """Resume a rotation that was interrupted after its keys were in force.

    Returns:
        The index with the keys in force, and whether there was one.
    """
    index = refresh_token_keys(index, viewer)
    with index.database.read(viewer) as unit:
        run = unit.runs.find_open()
    if (
        run is None
        or run.stage == RunStage.DERIVING
        or is_alive(run)
        or tuple(run.detail.get(TOKEN_KEYS_KEY) or ()) != index.keyed_hash.token_keys
    ):
        return index, False
    resume(index, viewer, index.matcher, run.id, progress)
    return index, True


def _require_same_oldest_key(index: Index, others: Mapping[str, tuple[int, ...]]) -> None:
    """Raise if the shared index and a scope use different SSN keys.

    A record stores tokens of the oldest and the newest key in force. A rotation would make another key the
    newest, and the shared index could compare no more changes of the scope. Then neither index could drop its
    earlier keys, since each would wait for the other (ADR 0140).

    Raises:
        ConflictError: they do. The message names where earlier keys have to be dropped first.
    """
    own = index.settings.scope
    compared = {scope: keys for scope, keys in others.items() if SHARED_SCOPE in (own, scope)}
    compared[own] = index.keyed_hash.token_keys
    newest_first = max(keys[0] for keys in compared.values())
    late = [scope for scope in sorted(compared) if compared[scope][0] != newest_first]
    if late:
        raise ConflictError(
            "the last rotation has not ended everywhere: run mpi keys drop token "
            + " and ".join(_name_place(scope) for scope in late)
            + " first"
        )


def _name_place(scope: str) -> str:
    return "without MPI_SCOPE" if scope == SHARED_SCOPE else f"with MPI_SCOPE={scope}"


def _begin_rotation(
    index: Index, viewer: Viewer, ring: TokenKeyRing, progress: Progress
) -> tuple[Index, int]:
    """Put a new token key in force, and return its index."""
    with index.database.write(viewer, "keys") as unit:
        # Under the index lock: two calls must not write two keys of one number.
        number = ring.find_or_add_key(read_keys_in_force(unit)[-1])
        require_token_keys(unit, ring, [number])
        if number not in unit.configs.token_checks():
            unit.configs.add_token_check(number, make_token_check(ring.make_keyed_hash((number,))))
    return put_in_force(index, viewer, (*index.keyed_hash.token_keys, number), progress)


def put_in_force(
    index: Index, viewer: Viewer, numbers: tuple[int, ...], progress: Progress
) -> tuple[Index, int]:
    """Derive everything under token keys; return the index, and records moved."""
    after = index.with_token_keys(numbers)
    with index.database.read(viewer) as unit:
        lists = translate_lists(unit, index, after.keyed_hash, progress)
    detail: dict[str, object] = {"lists": lists.to_text(), TOKEN_KEYS_KEY: list(numbers)}
    request = new_run_request(RunKind.RECLUSTER, get_plan_date(), None, **detail)
    result = execute_run(index, viewer, index.matcher, request, progress)
    return after, result.run.moved


def _hash_rows_again(index: Index, viewer: Viewer, progress: Progress) -> int:
    """Hash tokens of dropped rows under the newest key; count the rows."""
    newest = index.keyed_hash.token_keys[-1]
    keyed_hash = index.with_token_keys((newest,)).keyed_hash
    pace = Pace(index.database, viewer, "keys", tuning=index.tuning.pacing)
    written = 0
    for label, total in _list_unfinished(index, viewer).items():
        made, again = parse_label(label)
        new_label = make_label(made, (*again, newest))
        while True:
            with pace.transaction() as unit:
                page = unit.pupil_tokens.page_of_keys(label, PAGE_ROWS)
                rows = [(source, pupil, hash_tokens_again(own, keyed_hash)) for source, pupil, own in page]
                unit.pupil_tokens.rewrite(rows, new_label)
            if not page:
                break
            written += len(page)
            progress(DROPPED_ROWS_STEP, written, total)
    return written


def _list_unfinished(index: Index, viewer: Viewer) -> dict[str, int]:
    """Count dropped rows by label whose tokens lack the newest key."""
    newest = index.keyed_hash.token_keys[-1]
    counts: Counter[str] = Counter()
    with index.database.read(viewer) as unit:
        for (label, _), count in unit.pupil_tokens.count_by_keys().items():
            made, again = parse_label(label)
            if (*made, *again)[-1] != newest:
                counts[label] += count
    return dict(counts)


def _count_unfinished(index: Index, viewer: Viewer) -> int:
    return sum(_list_unfinished(index, viewer).values())


def read_keys_in_force(unit: ReadUnit) -> tuple[int, ...]:
    """Return the numbers of the token keys in force, oldest first.

    Raises:
        InputError: there is no index yet.
    """
    active = unit.configs.active_config()
    if active is None:
        raise InputError("there is no index here yet: run mpi init")
    return active.token_keys


def _count_waiting(unit: ReadUnit, newest: int) -> dict[int, int]:
    """Count, by source, records whose tokens lack the newest key."""
    waiting: Counter[int] = Counter()
    last: int | None = 0
    while last is not None:
        last, contents = unit.stored_content.read_current_payloads(last, SCAN_RECORDS)
        waiting.update(source for source, payload in contents if not _has_newest(payload, newest))
    return dict(waiting)


def _has_newest(payload: bytes, newest: int) -> bool:
    """Return whether all SSNs of a record have the newest token."""
    record = record_from_bytes(payload, _TOKEN_FIELDS)
    kept: Collection[str | None] = (record.ssn_token, record.ssn_last4_token)
    return all(newest in parse_kept_tokens(each) for each in kept if each is not None)


def require_ring(index: Index) -> TokenKeyRing:
    """Return the token keys that the process was given.

    Raises:
        InputError: it was given none.
    """
    if index.token_ring is None:
        raise InputError("this process was given no token keys")
    return index.token_ring
