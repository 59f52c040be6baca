"""Check that the shared index holds what a scope's records and decisions say.

Both are compared as of the last change that the shared index has taken over. What has changed in the scope
since is left out, because the next sync takes it over. Nothing is written.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mpi.domain.record import CanonicalRecord
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.maintenance.verify import Finding
from mpi.service.scopes.copies import DecisionCopy, RecordCopy, read_page
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.repositories.sources.scopes import FIRST_CHANGE, Change, ChangedItem, Scope
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.unit_of_work.units import ReadUnit

PAGE_CHANGES = 2_000
"""Changes whose records and decisions are compared at a time."""


@dataclass(slots=True)
class CopyCheck:
    """Result of comparing a scope with its copies in the shared index.

    Args:
        records: number of records compared.
        decisions: number of decisions compared.
        waiting: records and decisions that have changed since the last sync, and were not compared.
        findings: differences.
    """

    records: int = 0
    decisions: int = 0
    waiting: int = 0
    findings: list[Finding] = field(default_factory=list)


def check_copies(
    scope_index: Index,
    shared_index: Index,
    viewer: Viewer,
    code: str,
    progress: Progress = ignore_progress,
) -> CopyCheck:
    """Compare a scope's records and decisions with their copies.

    Args:
        scope_index: the open index of the scope.
        shared_index: the open shared index.
        viewer: who asks.
        code: code of the scope.
        progress: receives the number of records compared.

    Raises:
        NotFoundError: the shared index knows no such scope.
        AccessDenied: the viewer may not read reports.
    """
    require_permission(viewer, Action.REPORT)
    # The shared index is read first, so that the scope has each change that was taken over.
    with shared_index.database.read(viewer) as shared:
        scope = shared.scopes.get(code)
        with scope_index.database.read(viewer) as own:
            comparison = _Comparison(own, shared, scope)
            check = comparison.check
            check.findings += _check_history(own, scope)
            if not check.findings:
                comparison.run(progress)
    return check


def _check_history(own: ReadUnit, scope: Scope) -> Iterator[Finding]:
    """Check that the scope has the commit that the shared index read last."""
    number = scope.position.commit_no
    if number and own.commit_info({number}).get(number, ("",))[0] != scope.read_at:
        yield Finding(6, f"the scope lacks commit {number}, which was read already: was it restored?")


class _Comparison:
    """Comparison of a scope with its copies.

    Args:
        own: a transaction of the scope's index.
        shared: a transaction of the shared index.
        scope: the scope, as the shared index knows it.

    Attributes:
        check: the result so far.
    """

    def __init__(self, own: ReadUnit, shared: ReadUnit, scope: Scope) -> None:
        self._own, self._shared, self._scope = own, shared, scope
        self._sources = {
            source.id: source.code for source in shared.sources.all() if source.scope == scope.code
        }
        self.check = CopyCheck()

    def run(self, progress: Progress) -> None:
        """Compare all that the shared index has taken over."""
        waiting = self._find_waiting()
        self.check.waiting = len(waiting)
        seen, position = set(waiting), FIRST_CHANGE
        while page := read_page(self._own, position, PAGE_CHANGES):
            position = page.end
            records = [copy for copy in page.records if (ChangedItem.RECORD, copy.number) not in seen]
            decisions = [copy for copy in page.decisions if (ChangedItem.DECISION, copy.number) not in seen]
            seen |= {(ChangedItem.RECORD, copy.number) for copy in records}
            seen |= {(ChangedItem.DECISION, copy.number) for copy in decisions}
            self.check.findings += self._compare_records(records)
            self.check.findings += self._compare_decisions(decisions)
            progress("comparing copies", self.check.records, self.check.records)
        self.check.findings += self._find_unlisted(seen)
        self.check.findings += self._find_foreign()

    def _find_waiting(self) -> set[tuple[int, int]]:
        """Return items and numbers that have changed since the last sync."""
        waiting: set[tuple[int, int]] = set()
        position: Change = self._scope.position
        while changes := self._own.scopes.changes_after(position, PAGE_CHANGES):
            waiting |= {(change.item, change.number) for change in changes}
            position = changes[-1]
        return waiting

    def _copies_of(self, item: ChangedItem, numbers: Collection[int]) -> dict[int, int]:
        return self._shared.scopes.copies_of(self._scope.code, item, numbers)

    def _compare_records(self, records: Sequence[RecordCopy]) -> Iterator[Finding]:
        """Compare records of the scope with their copies."""
        self.check.records += len(records)
        ids = self._copies_of(ChangedItem.RECORD, [record.number for record in records])
        stored = self._shared.records.get(ids.values())
        payloads = {number: payload for number, (_, payload) in self._shared.records.payloads(stored).items()}
        for record in records:
            copy = stored.get(ids.get(record.number, 0))
            if copy is None:
                yield Finding(6, f"record {record.number} is not in the shared index")
            elif difference := self._find_difference(record, copy, payloads):
                yield Finding(6, f"record {record.number} has {difference} than its copy {copy.id}")

    def _find_difference(
        self, record: RecordCopy, copy: StoredRecord, payloads: Mapping[int, bytes]
    ) -> str | None:
        """Return in what a record differs from its copy; None if in nothing."""
        if record.source != self._sources.get(copy.source_id):
            return "another source"
        if record.local_id != copy.local_id:
            return "another local ID"
        if copy.state != _copied_state(record.state) or (record.is_destroyed and copy.content_hash):
            return "another state"
        if record.payload is not None and _content(record.payload) != _content(payloads[copy.id]):
            return "another content"
        return None

    def _compare_decisions(self, decisions: Sequence[DecisionCopy]) -> Iterator[Finding]:
        """Compare decisions of the scope with their copies.

        A steward of the shared index may have ended a copy whose original is in force.
        """
        self.check.decisions += len(decisions)
        ids = self._copies_of(ChangedItem.DECISION, [decision.number for decision in decisions])
        stored = self._shared.decisions.by_ids(ids.values())
        named = {number for decision in decisions for group in decision.groups for number in group}
        records = self._copies_of(ChangedItem.RECORD, named)
        for decision in decisions:
            copy = stored.get(ids.get(decision.number, 0))
            own_groups = {frozenset(records.get(number, 0) for number in group) for group in decision.groups}
            # A decision that names a steward's correction is not taken over.
            is_copied = not any(0 in group for group in own_groups)
            if copy is None:
                if decision.is_in_force and is_copied:
                    yield Finding(3, f"decision {decision.number} is not in the shared index")
            elif copy.status is DecisionStatus.IN_FORCE and not decision.is_in_force:
                yield Finding(3, f"decision {decision.number} has ended, and its copy {copy.id} is in force")
            elif {frozenset(group) for group in copy.groups} != own_groups:
                yield Finding(3, f"decision {decision.number} names other records than its copy {copy.id}")

    def _find_unlisted(self, listed: Collection[tuple[int, int]]) -> Iterator[Finding]:
        """Find active records that the scope's list of changes lacks."""
        known = {number for item, number in listed if item == ChangedItem.RECORD}
        for number in sorted(self._own.records.active_canonical_keys().keys() - known):
            yield Finding(6, f"record {number} is not in the scope's list of changes")

    def _find_foreign(self) -> Iterator[Finding]:
        """Find records of the scope's sources that are copies of nothing."""
        for source_id in self._sources:
            ids = {record.id for record in self._shared.records.all_of_source(source_id).values()}
            copies = self._shared.scopes.select_copies(self._scope.code, ChangedItem.RECORD, ids)
            for number in sorted(ids - copies):
                yield Finding(6, f"record {number} of the shared index is a copy of no record")


def _copied_state(state: RecordState) -> RecordState:
    """Return the state of a copy: what takes no part is withdrawn, for whatever reason."""
    return state if state in (RecordState.ACTIVE, RecordState.SEALED) else RecordState.WITHDRAWN


def _content(payload: bytes) -> CanonicalRecord:
    """Return a record's content without what its copy states otherwise.

    A merge follows as a decision. An earlier content that counts again gets a later as-of, and a version of a
    re-keyed record states the local ID with which it came.
    """
    return record_from_bytes(payload)._replace(as_of=None, local_id="", merged_into=None)
