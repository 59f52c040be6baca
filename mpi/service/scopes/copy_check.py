"""Check of the shared index's copies against the scope's records.

Both are compared as of the last change that the shared index has taken over. What has changed in the scope
since is left out, because the next sync takes it over. Nothing is written.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from mpi.domain.record import CanonicalRecord
from mpi.domain.survivorship.values import STEWARD_SOURCE_KIND
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.maintenance.verify import Finding
from mpi.service.scopes.copies import is_copied
from mpi.service.statements.tombstones import is_buried
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.repositories.sources.scopes import ChangedItem, Scope
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(slots=True)
class CopyCheck:
    """Result of comparing a scope with its copies in the shared index.

    Args:
        records: number of records compared.
        decisions: number of decisions compared.
        waiting: records and decisions that have changed since the last sync, and were not compared.
        findings: differences, which name records and decisions by their numbers.
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

    Law 6: each record of the scope has one copy, and each copy its record. Law 3: a decision that ended in
    the scope does not bind in the shared index.

    Args:
        scope_index: the open index of the scope.
        shared_index: the open shared index.
        viewer: who asks.
        code: code of the scope.
        progress: receives the number of records compared, and their total.

    Raises:
        NotFoundError: the shared index knows no such scope.
        AccessDenied: the viewer may not read reports.
    """
    require_permission(viewer, Action.REPORT)
    # The shared index is read first, so that the scope has each change that was taken over.
    with shared_index.database.read(viewer) as shared:
        scope = shared.scopes.get(code)
        with scope_index.database.read(viewer) as own:
            check = CopyCheck(findings=list(_check_history(own, scope)))
            if not check.findings:
                _Comparison(own, shared, scope, check).run(progress)
    return check


def _check_history(own: ReadUnit, scope: Scope) -> Iterator[Finding]:
    """Check that the scope has the commit last read from it."""
    number = scope.position.commit_no
    if number and own.commit_info({number}).get(number, ("",))[0] != scope.read_at:
        yield Finding(6, f"the scope lacks commit {number}, which was read already: was it restored?")


class _Comparison:
    """Comparison of a scope with its copies.

    Args:
        own: a transaction of the scope's index.
        shared: a transaction of the shared index.
        scope: the scope, as the shared index knows it.
        check: collects the result.
    """

    def __init__(self, own: ReadUnit, shared: ReadUnit, scope: Scope, check: CopyCheck) -> None:
        self._own, self._shared, self._check = own, shared, check
        self._record_copies = shared.scopes.all_copies(scope.code, ChangedItem.RECORD)
        self._decision_copies = shared.scopes.all_copies(scope.code, ChangedItem.DECISION)
        self._own_codes = {
            source.id: source.code for source in own.sources.all() if source.kind != STEWARD_SOURCE_KIND
        }
        self._shared_codes = {
            source.id: source.code for source in shared.sources.all() if source.scope == scope.code
        }
        changes = list(own.scopes.all_changes_after(scope.position))
        self._waiting = {
            item: {change.number for change in changes if change.item == item} for item in ChangedItem
        }

    def run(self, progress: Progress) -> None:
        """Compare all that the shared index has taken over."""
        self._check.waiting = sum(map(len, self._waiting.values()))
        own_ids = self._read_record_ids(self._own, self._own_codes)
        shared_ids = self._read_record_ids(self._shared, self._shared_codes)
        self._check.findings += self._find_unmatched(own_ids, shared_ids)
        copies = {
            number: self._record_copies[number]
            for number in sorted(own_ids - self._waiting[ChangedItem.RECORD])
            if self._record_copies.get(number) in shared_ids
        }
        for chunk in iter_chunks(list(copies)):
            self._check.findings += self._compare_records({number: copies[number] for number in chunk})
            self._check.records += len(chunk)
            progress("comparing copies", self._check.records, len(copies))
        self._check.findings += self._compare_decisions()

    @staticmethod
    def _read_record_ids(unit: ReadUnit, sources: Collection[int]) -> set[int]:
        return {record.id for source in sources for record in unit.records.all_of_source(source).values()}

    def _find_unmatched(self, own_ids: set[int], shared_ids: set[int]) -> Iterator[Finding]:
        """Find records without a copy, and copies without a record.

        A restored shared index has rows without content for orders about records that came later.
        """
        copy_ids = set(self._record_copies.values())
        unnamed_ids = shared_ids - copy_ids
        unnamed_ids -= {
            record.id for record in self._shared.records.get(unnamed_ids).values() if is_buried(record)
        }
        for fault, numbers in (
            (
                "is not in the shared index",
                own_ids - self._waiting[ChangedItem.RECORD] - self._record_copies.keys(),
            ),
            ("has a copy and does not exist", self._record_copies.keys() - own_ids),
            ("of the shared index is a copy of no record", unnamed_ids),
            ("of the shared index is a copy of another source", copy_ids - shared_ids),
        ):
            yield from (Finding(6, f"record {number} {fault}") for number in sorted(numbers))

    def _compare_records(self, copies: Mapping[int, int]) -> Iterator[Finding]:
        """Compare records of the scope with their copies."""
        own, shared = self._own.records.get(copies), self._shared.records.get(copies.values())
        own_contents, shared_contents = (
            _read_contents(unit, numbers)
            for unit, numbers in ((self._own, copies), (self._shared, copies.values()))
        )
        for number, copy in copies.items():
            difference = self._find_difference(own[number], shared[copy])
            if difference is None and own_contents.get(number) != shared_contents.get(copy):
                difference = "content"
            if difference is not None:
                yield Finding(6, f"record {number} has another {difference} than its copy {copy}")

    def _find_difference(self, record: StoredRecord, copy: StoredRecord) -> str | None:
        """Return in what a record differs from its copy, contents aside."""
        if self._own_codes[record.source_id] != self._shared_codes[copy.source_id]:
            return "source"
        # A destroyed record keeps no local ID, and its copy another hash of it.
        is_destroyed = is_buried(record) or record.content_hash == ""
        if record.local_id != copy.local_id and not is_destroyed:
            return "local ID"
        if _copied_state(record.state) != _copied_state(copy.state) or (is_destroyed and copy.content_hash):
            return "state"
        return None

    def _compare_decisions(self) -> Iterator[Finding]:
        """Compare decisions of the scope with their copies.

        A steward of the shared index may have ended a copy whose original is in force.
        """
        stored = self._shared.decisions.by_ids(self._decision_copies.values())
        for decision in self._own.decisions.iterate_all():
            if not is_copied(decision) or decision.id in self._waiting[ChangedItem.DECISION]:
                continue
            self._check.decisions += 1
            yield from self._compare_decision(decision, stored.get(self._decision_copies.get(decision.id, 0)))

    def _compare_decision(self, decision: StoredDecision, copy: StoredDecision | None) -> Iterator[Finding]:
        groups = {
            frozenset(self._record_copies.get(number, 0) for number in group) for group in decision.groups
        }
        is_in_force = decision.status is DecisionStatus.IN_FORCE
        # A decision that names a steward's correction is not taken over.
        names_correction = any(0 in group for group in groups)
        if copy is None:
            if is_in_force and not names_correction:
                yield Finding(3, f"decision {decision.id} is not in the shared index")
        elif copy.status is DecisionStatus.IN_FORCE and not is_in_force:
            yield Finding(3, f"decision {decision.id} has ended, and its copy {copy.id} is in force")
        elif {frozenset(group) for group in copy.groups} != groups:
            yield Finding(3, f"decision {decision.id} names other records than its copy {copy.id}")


def _copied_state(state: str) -> str:
    """Return a copy's state: what takes no part is withdrawn."""
    return state if state in (RecordState.ACTIVE, RecordState.SEALED) else RecordState.WITHDRAWN


def _read_contents(unit: ReadUnit, record_ids: Collection[int]) -> dict[int, CanonicalRecord]:
    """Return what active records say, without what a copy states otherwise.

    A merge follows as a decision. An earlier content that counts again gets a later as-of, and a version of a
    re-keyed record states the local ID with which it came.
    """
    return {
        number: record_from_bytes(payload)._replace(as_of=None, local_id="", merged_into=None)
        for number, (_source, payload) in unit.record_versions.payloads(record_ids).items()
    }
