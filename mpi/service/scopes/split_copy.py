"""Copy of moved sources' records and decisions into a scope.

Records keep their versions, former local IDs and states. They get enterprise IDs of the scope, by the
scope's own records alone. All numbers are new and without gaps. They follow from the closed sources, so that
a copy that was interrupted goes on with the same numbers.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import ConflictError
from mpi.domain.source import SHARED_SCOPE
from mpi.domain.viewer import Viewer
from mpi.policy.agreement import HOUSE
from mpi.service.core.index import Index, canonical_key
from mpi.service.indexing.changed_record import ChangedRecord
from mpi.service.indexing.reindex import Progress
from mpi.service.resolution.resolve import resettle, resolve
from mpi.service.scopes.split_blockers import find_taken_names
from mpi.service.scopes.split_decisions import (
    MovedDecision,
    find_decided_records,
    read_chosen,
    write_moved_decisions,
)
from mpi.service.statements.care_times import write_periods
from mpi.service.statements.current_version import read_changed_records
from mpi.service.statements.tombstones import SURROGATE_MARK, make_surrogate_id
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.repositories.sources.record_rows import CopiedNumbers, RecordRowSet
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.repositories.sources.splits import ACCOUNT, CLIENT, Split, SplitState
from mpi.storage.repositories.steps.freeze_windows import StoredFreezeWindow
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

SCOPE_TERMS = {"agreement": HOUSE, "party": None}
"""Agreement of clients and accounts that go along.

Agreements of the shared index do not hold in a scope, and it does not know their parties.
"""
SPLIT = "split-scope"
"""Kind of the commits of a split in the scope, and cause of its memberships."""
_COUNTERS = {
    "records": "record",
    "versions": "record_version",
    "aliases": "record_alias",
    "batches": "batch",
    "commits": "commit",
}


@dataclass(frozen=True, slots=True)
class SplitContent:
    """What a split copies, numbered.

    Args:
        sources: the sources in the shared index.
        decisions: the decisions that go along.
        numbers: numbers of everything else.
        first_decision: number of the first decision in the scope.
    """

    sources: tuple[Source, ...]
    decisions: tuple[MovedDecision, ...]
    numbers: CopiedNumbers
    first_decision: int = 1

    def with_first_numbers(self, first_numbers: Mapping[str, int]) -> "SplitContent":
        """Return the content with the numbers that the scope has given."""
        numbers = CopiedNumbers(
            records=replace(self.numbers.records, first=first_numbers["records"]),
            versions=replace(self.numbers.versions, first=first_numbers["versions"]),
            aliases=replace(self.numbers.aliases, first=first_numbers["aliases"]),
            batches=replace(self.numbers.batches, first=first_numbers["batches"]),
            commits=replace(self.numbers.commits, first=first_numbers["commits"]),
        )
        return replace(self, numbers=numbers, first_decision=first_numbers["decisions"])


def read_content(index: Index, viewer: Viewer, split: Split) -> SplitContent:
    """Read what a split copies, whose sources are closed.

    Args:
        index: the shared index.
        viewer: who asks.
        split: the approved split.
    """
    with index.database.read(viewer) as unit:
        sources = tuple(unit.sources.get_by_code(code) for code in split.plan["sources"])
        decisions = read_chosen(unit, split.plan["decisions"])
        commits = {commit for moved in decisions for commit in moved.commits}
        numbers = unit.record_rows.numbers_of([source.id for source in sources], commits)
    return SplitContent(sources, decisions, numbers)


def begin_copy(
    shared_index: Index, scope_index: Index, viewer: Viewer, split: Split, content: SplitContent
) -> SplitContent:
    """Prepare a scope's empty index for a copy, unless prepared.

    Args:
        shared_index: the shared index.
        scope_index: the index of the scope.
        viewer: who asks.
        split: the approved split.
        content: what is copied.

    Returns:
        The content, with the numbers that the scope has given.

    Raises:
        ConflictError: the index of the scope holds something else, or uses a name that would go along.
    """
    with shared_index.database.read(viewer) as unit:
        batches = unit.record_rows.batch_rows(content.numbers.batches.numbers.tolist())
        windows = unit.freezes.current_windows_of([source.id for source in content.sources], clock.today())
        settings = {source.id: unit.sources.further_settings(source.id) for source in content.sources}
        approval = _read_approval(unit, split, content)
        moved = unit.splits.moved_logins(split.id) if split.is_addition else []
        clients = unit.splits.client_rows([name for kind, name in moved if kind == CLIENT])
        accounts = unit.splits.account_rows([name for kind, name in moved if kind == ACCOUNT])
    with shared_index.database.read(viewer) as shared, scope_index.database.write(viewer, SPLIT) as unit:
        begun = find_own_split(unit, split)
        if begun is not None:
            _require_same_split(begun, split, approval)
            return content.with_first_numbers(begun.progress)
        if split.is_addition:
            _require_free_names(unit, split)
        else:
            _require_empty(unit)
        first_numbers = _take_numbers(unit, content)
        numbered = content.with_first_numbers(first_numbers)
        # A scope that existed has known these records since now. Its commits are in the order of their times.
        at = clock.format_timestamp(clock.now()) if split.is_addition else None
        for chunk in iter_chunks(content.numbers.commits.numbers):
            rows = shared.record_rows.commit_rows([int(number) for number in chunk])
            unit.record_rows.write_commits(rows, numbered.numbers, at)
        source_ids = _add_sources(unit, content.sources, settings)
        unit.record_rows.write_batches(batches, numbered.numbers, source_ids)
        _add_windows(unit, windows, source_ids)
        reserve_logins(unit, clients, accounts)
        unit.splits.add(
            replace(
                split,
                id=len(unit.splits.all()) + 1,
                state=SplitState.COPYING,
                plan=approval,
                progress=first_numbers,
                planned_commit=unit.commit_no,
                approved_commit=None,
                state_commit=unit.commit_no,
            )
        )
    return numbered


def copy_records(
    shared_index: Index,
    scope_index: Index,
    viewer: Viewer,
    split: Split,
    content: SplitContent,
    page: int,
    progress: Progress,
) -> None:
    """Copy the records that the scope lacks, page by page.

    Args:
        shared_index: the shared index.
        scope_index: the index of the scope.
        viewer: who asks.
        split: the approved split.
        content: what is copied.
        page: records that one transaction writes.
        progress: callback that reports the records copied.
    """
    records = content.numbers.records
    while True:
        with scope_index.database.read(viewer) as unit:
            last_copy = unit.record_rows.last_copy(records)
        record_ids = records.after(last_copy, page)
        if not record_ids:
            return
        with shared_index.database.read(viewer) as unit:
            rows = unit.record_rows.read(record_ids)
            former_ids = _find_ids_at(unit, record_ids, split.approved_commit or 0)
            tombstones = unit.tombstones.tokens_of(record_ids)
        with scope_index.database.write(viewer, SPLIT) as unit:
            # Another process may have copied them meanwhile, or taken the split back.
            own_split = find_own_split(unit, split)
            if own_split is None or own_split.state is not SplitState.COPYING:
                return
            if unit.record_rows.last_copy(records) == last_copy:
                _write_records(unit, scope_index, content, rows, former_ids)
                _write_tombstones(unit, content, rows, tombstones)
        progress("copy", records.copy_of(record_ids[-1]) - records.first + 1, len(records))


def copy_decisions(scope_index: Index, viewer: Viewer, approved: Split, content: SplitContent) -> int:
    """Copy the decisions, unless they are copied already.

    Args:
        scope_index: the index of the scope, which holds the records.
        viewer: who asks.
        approved: the split in the shared index.
        content: what is copied.

    Returns:
        The last commit of the copy in the scope.
    """
    with scope_index.database.write(viewer, SPLIT) as unit:
        split = find_own_split(unit, approved)
        if split is None or split.state is not SplitState.COPYING:
            return 0 if split is None else split.progress.get("last_commit", split.state_commit)
        write_moved_decisions(unit, scope_index, content.numbers, content.decisions, content.first_decision)
        decided_records = find_decided_records(content.numbers, content.decisions)
        if decided_records:
            resettle(unit, scope_index, decided_records, SPLIT)
        unit.splits.set_state(split.id, SplitState.OPENING, unit.commit_no)
        unit.splits.set_progress(split.id, {**split.progress, "last_commit": unit.commit_no})
        return unit.commit_no


def find_own_split(unit: ReadUnit, split: Split) -> Split | None:
    """Return a split as the index of its scope has it.

    Args:
        unit: a transaction of the scope.
        split: the split in the shared index. A split that makes the index finds any that has begun to make
            it; one that adds sources finds itself.

    Returns:
        The split; None if it has not begun there.
    """
    if split.is_addition:
        return unit.splits.find(split.token_hash)
    return next(iter(unit.splits.all()), None)


def reserve_logins(
    unit: WriteUnit, clients: Collection[dict[str, Any]], accounts: Collection[dict[str, Any]]
) -> None:
    """Add clients and accounts to a scope that open nothing yet.

    Args:
        unit: a transaction of the scope.
        clients: complete rows of clients.
        accounts: complete rows of accounts.
    """
    for row in clients:
        unit.splits.add_client_row(unit.counters.take("client"), row | SCOPE_TERMS, unit.commit_no)
        unit.clients.revoke(row["name"], unit.commit_no)
    for row in accounts:
        number = unit.counters.take("account")
        unit.splits.add_account_row(number, row | SCOPE_TERMS, unit.commit_no)
        unit.accounts.close(number, unit.commit_no)


def _read_approval(unit: ReadUnit, split: Split, content: SplitContent) -> dict[str, Any]:
    """Return the key of the approval that made a scope.

    After a restore of the shared index, a plan can be approved again, with other records.
    """
    number = split.approved_commit or 0
    approval = {
        "approved_at": unit.commit_info({number})[number][0],
        "records": len(content.numbers.records),
        "versions": len(content.numbers.versions),
    }
    if not split.is_addition:
        return approval
    return {**approval, "is_addition": True, "sources": split.plan["sources"]}


def _require_same_split(begun: Split, split: Split, approval: Mapping[str, Any]) -> None:
    """Raise if another split began the index, or it was undone.

    Raises:
        ConflictError: it was.
    """
    if begun.token_hash != split.token_hash or begun.state is SplitState.UNDONE:
        raise ConflictError(f"the index of the scope {split.scope} is of another split: move it away")
    # A scope opens after the shared index has begun to follow it.
    is_ahead = begun.state is SplitState.DONE and split.state in (SplitState.APPROVED, SplitState.COPYING)
    if begun.plan != approval or is_ahead:
        raise ConflictError(
            f"the index of the scope {split.scope} was made by another approval of this plan. Restore the "
            "shared index to a backup from after the split, or move the index of the scope away"
        )


def _require_empty(unit: ReadUnit) -> None:
    """Raise if the index of a scope holds anything.

    Raises:
        ConflictError: it does.
    """
    if unit.sources.all() or unit.record_rows.count_records():
        raise ConflictError("the index of the scope has sources already: a split needs an empty one")


def _require_free_names(unit: ReadUnit, split: Split) -> None:
    """Raise if an existing scope uses a name that would go along.

    Raises:
        ConflictError: it does.
    """
    names = [*find_taken_names(unit, *(split.plan[part] for part in ("sources", "clients", "accounts")))]
    if names:
        raise ConflictError(
            f"the scope {split.scope} has taken a name since the plan: {'; '.join(names)}. Take the split "
            f"back with mpi scope split {split.scope} --undo"
        )


def _take_numbers(unit: WriteUnit, content: SplitContent) -> dict[str, int]:
    """Take the numbers of all copies from the counters of the scope.

    Numbers of commits come first, since those of the split follow them.
    """
    first_numbers = {
        name: unit.counters.take(counter, len(getattr(content.numbers, name)))
        for name, counter in _COUNTERS.items()
    }
    return first_numbers | {"decisions": unit.counters.take("decision", len(content.decisions))}


def _add_sources(
    unit: WriteUnit, sources: Collection[Source], settings: Mapping[int, Mapping[str, object]]
) -> dict[int, int]:
    """Add closed sources; return their numbers by shared number."""
    source_ids = {}
    for source in sources:
        number = unit.counters.take("source")
        copy = replace(source, id=number, paused=False, scope=SHARED_SCOPE)
        unit.sources.add(number, number, copy, unit.commit_no)
        unit.sources.set_further_settings(number, settings[source.id])
        source_ids[source.id] = number
    return source_ids


def _add_windows(
    unit: WriteUnit, windows: Collection[StoredFreezeWindow], source_ids: Mapping[int, int]
) -> None:
    """Add the freeze windows that are not over to a scope."""
    for window in windows:
        unit.freezes.add(
            replace(
                window,
                id=unit.counters.take("freeze_window"),
                source_id=source_ids[window.source_id],
                created_commit=unit.commit_no,
            )
        )


def _find_ids_at(unit: ReadUnit, record_ids: Collection[int], commit_no: int) -> dict[int, str]:
    """Return the enterprise IDs that records had at a commit."""
    persons = {
        record_id: membership.person_id
        for record_id, memberships in unit.persons.memberships_of(record_ids).items()
        for membership in memberships
        if membership.from_commit <= commit_no
        and (membership.to_commit is None or membership.to_commit > commit_no)
    }
    by_number = unit.persons.by_ids(set(persons.values()))
    return {record_id: by_number[person_id].eid for record_id, person_id in persons.items()}


def _write_records(
    unit: WriteUnit,
    index: Index,
    content: SplitContent,
    rows: RecordRowSet,
    former_ids: Mapping[int, str],
) -> None:
    """Write records and former IDs, and resolve the records."""
    own_ids = {source.code: source.id for source in unit.sources.all()}
    source_ids = {source.id: own_ids[source.code] for source in content.sources}
    copy_of = content.numbers.records.copy_of
    unit.record_rows.write(_renumber_surrogates(rows, index, content), content.numbers, source_ids)
    _write_periods(unit, index, rows, content, source_ids)
    unit.splits.add_former_ids((eid, copy_of(record_id)) for record_id, eid in former_ids.items())
    active_ids = [copy_of(row["id"]) for row in rows.records if row["state"] == RecordState.ACTIVE]
    resolve(unit, index, _read_new_records(unit, index, active_ids), (), SPLIT)


def _write_periods(
    unit: WriteUnit, index: Index, rows: RecordRowSet, content: SplitContent, source_ids: Mapping[int, int]
) -> None:
    """Store the times in care and in school that copied versions state."""
    sources = {source.id: source for source in unit.sources.all()}
    source_of_record = {row["id"]: sources[source_ids[row["source_id"]]] for row in rows.records}
    contents: dict[int, dict[int, bytes]] = {}
    for row in rows.versions:
        of_source = contents.setdefault(source_of_record[row["record_id"]].id, {})
        of_source[content.numbers.versions.copy_of(row["id"])] = row["payload"]
    for source_id, payloads in contents.items():
        write_periods(unit, index.keyed_hash, sources[source_id], payloads)


def _renumber_surrogates(rows: RecordRowSet, index: Index, content: SplitContent) -> RecordRowSet:
    """Name destroyed records by their numbers in the scope.

    The number in the shared index would tell how many records other agencies sent before, and another record
    of the scope may get that name when it is destroyed.
    """
    codes = {source.id: source.code for source in content.sources}
    records = []
    for row in rows.records:
        if row["local_id"].startswith(SURROGATE_MARK):
            name = make_surrogate_id(content.numbers.records.copy_of(row["id"]))
            row |= {"local_id": name}
            if row["version_id"] is None:
                # It came with an order, after a restore, and never had another name.
                row |= {"canonical_key": canonical_key(index.keyed_hash, codes[row["source_id"]], name)}
        records.append(row)
    return replace(rows, records=records)


def _write_tombstones(
    unit: WriteUnit, content: SplitContent, rows: RecordRowSet, tombstones: Mapping[int, Collection[str]]
) -> None:
    """Let the scope refuse the local IDs of destroyed records too."""
    own_ids = {source.code: source.id for source in unit.sources.all()}
    source_ids = {source.id: own_ids[source.code] for source in content.sources}
    copy_of = content.numbers.records.copy_of
    for row in rows.records:
        tokens = tombstones.get(row["id"], ())
        unit.tombstones.add(source_ids[row["source_id"]], [(token, copy_of(row["id"])) for token in tokens])


def _read_new_records(unit: WriteUnit, index: Index, record_ids: Collection[int]) -> dict[int, ChangedRecord]:
    """Return records as new ones, without merges, which follow."""
    records = unit.records.get(record_ids)
    return {
        record_id: replace(change, merged_into=None, canonical_key=records[record_id].canonical_key)
        for record_id, change in read_changed_records(unit, index, records, record_ids).items()
    }
