"""Check that a live index keeps its laws (invariants), without writing."""

from collections.abc import Iterator
from dataclasses import dataclass

from mpi.domain import eid
from mpi.domain.errors import EidError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.matching.scoring.engines import DUCKDB_ENGINE, BatchEngine
from mpi.service.core.index import Index, canonical_key
from mpi.service.holdings.runs import find_unfinished_work, is_intact
from mpi.service.holdings.tokens import count_tokens_of_buried, count_tokens_of_held
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.maintenance.large_blocks import count_waiting_work
from mpi.service.processes.pacing import disable_garbage_collection
from mpi.service.recluster.key_verification import are_keys_consistent
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.rosters.derivation import count_wrong_rows
from mpi.service.statements.tombstones import is_buried
from mpi.storage.repositories.derived.recluster_runs import RunStage
from mpi.storage.repositories.persons.persons import PersonStatus
from mpi.storage.repositories.sources.boundary_orders import OrderKind
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.repositories.stored_content import TEXT_COLUMNS
from mpi.storage.unit_of_work.units import ReadUnit

_CONTENT_PAGE = 1_000
"""Rows of stored content that are read at a time."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Breach of an index invariant ("law"), located by number, never by value."""

    law: int
    detail: str


@disable_garbage_collection()
def verify(
    index: Index, viewer: Viewer, progress: Progress = ignore_progress, engine: BatchEngine = DUCKDB_ENGINE
) -> list[Finding]:
    """Check that the index keeps its invariants ("laws").

    Law 1: a re-cluster proposes nothing, except what an open run has still to publish or the worker to
    search; and the lists of children in care are those that the records state.
    Law 2: every ID is well formed,
    no record has two persons, the status of each ID fits its records.
    Law 3: no decision that waits for approvals is in force.
    Law 5: no record has a stopped blocking key, and records are found by the keys that they have.
    Law 6: every active record has a version and a person; and no encrypted content was altered or moved.
    Law 7: no line of the ledger is missing; every client and account acts under an agreement that exists; no
    record is held that a run should have dropped; and no record takes part that an order has sealed.

    Args:
        index: the open index.
        viewer: who asks.
        progress: receives the progress of long steps.
        engine: scores the pairs of the re-cluster.

    Returns:
        The breaches; empty if the index is sound. Where content was altered, the other laws are not checked.

    Raises:
        AccessDenied: the viewer may not read reports.
    """
    require_permission(viewer, Action.REPORT)
    with index.database.read(viewer) as unit:
        if altered := list(_check_content(unit)):
            return altered
        findings = [
            *_check_ids(unit),
            *_check_memberships(unit),
            *_check_records(unit, index),
            *_check_pending_decisions(unit),
            *_check_stopped_keys(unit, index),
            *_check_keys(unit, index),
            *_check_purged_blocks(unit, index),
            *_check_holdings(unit, index),
            *_check_ledger(unit),
            *_check_agreements(unit),
            *_check_orders(unit),
            *_check_rosters(unit, index),
        ]
        run = unit.runs.find_open()
        pending = count_waiting_work(unit, index)
    held_by_run = run is not None and run.stage != RunStage.DERIVING
    plan = recluster(index, viewer, index.matcher, apply=False, progress=progress, engine=engine)
    if not plan.is_empty and not held_by_run and not pending:
        findings.append(Finding(1, f"a re-cluster would move {plan.moved} records"))
    return findings


def _check_stopped_keys(unit: ReadUnit, index: Index) -> Iterator[Finding]:
    """Check that no record has a stopped blocking key."""
    config_id = index.config_id(unit)
    stopped_keys = index.shared_values_of(unit, config_id).stopped
    records = {
        record for _, record in unit.keys.find_records(config_id, unit.sources.group_ids(), stopped_keys)
    }
    if records:
        yield Finding(5, f"{len(records)} records have a blocking key that is stopped")


def _check_keys(unit: ReadUnit, index: Index) -> Iterator[Finding]:
    """Check that the blocking-key index equals the records' own keys."""
    config_id = index.config_id(unit)
    if not are_keys_consistent(unit, config_id):
        yield Finding(5, "the blocking keys that are searched are not those of the records: run mpi rebuild")


def _check_purged_blocks(unit: ReadUnit, index: Index) -> Iterator[Finding]:
    """Check that exactly the keys of too large blocks are purged."""
    config_id = index.config_id(unit)
    if unit.keys.purged_blocks.count_due(config_id):
        return
    large = {key for key, _ in unit.keys.large_keys(config_id, index.settings.block_limits.paired)}
    if large != set(unit.keys.purged_blocks.all(config_id).tolist()):
        yield Finding(1, "the blocks that bring no pairs are not the large ones: run mpi rebuild")


def _check_rosters(unit: ReadUnit, index: Index) -> Iterator[Finding]:
    """Check that the lists of children in care match the records."""
    if wrong := count_wrong_rows(unit, index):
        yield Finding(1, f"{wrong} rows of the lists of children in care are wrong: run mpi rebuild")


def _check_ids(unit: ReadUnit) -> Iterator[Finding]:
    """Check the form and status of every enterprise ID."""
    current = set(unit.persons.all_current_persons().values())
    for person in unit.persons.all():
        try:
            if eid.parse_eid(person.eid) != person.eid:
                yield Finding(2, f"person {person.id} has an ID that is not in its written form")
        except EidError:
            yield Finding(2, f"person {person.id} has an ID that fails its check")
        if (person.status == PersonStatus.ACTIVE) != (person.id in current):
            yield Finding(2, f"person {person.id} is {person.status} and that does not fit its records")


def _check_memberships(unit: ReadUnit) -> Iterator[Finding]:
    """Check that no record has two persons at one time."""
    last_end: dict[int, int | None] = {}
    for membership in unit.persons.all_memberships():
        ended = last_end.get(membership.record_id, 0)
        if ended is None or membership.from_commit < ended:
            yield Finding(2, f"record {membership.record_id} belongs to two persons at one time")
        last_end[membership.record_id] = membership.to_commit


def _check_pending_decisions(unit: ReadUnit) -> Iterator[Finding]:
    """Check that decisions and their pending approvals agree."""
    step_of_decision = {row.decision_id: row.step_id for row in unit.pending_approvals.all()}
    for number, decision in sorted(unit.decisions.by_ids(step_of_decision).items()):
        if decision.step_id != step_of_decision[number]:
            continue
        if decision.status is not DecisionStatus.AWAITING:
            yield Finding(3, f"decision {number} waits for others, and is {decision.status}")
    for number in unit.decisions.ids_with_status(DecisionStatus.AWAITING):
        if number not in step_of_decision:
            yield Finding(3, f"decision {number} waits for others, and nobody is awaited")


def _check_records(unit: ReadUnit, index: Index) -> Iterator[Finding]:
    """Check that active records have persons, versions and correct canonical keys.

    A canonical key is a hash of source and local ID.
    """
    active = unit.records.active_canonical_keys()
    current = unit.persons.all_current_persons()
    labels = unit.records.labels(active)
    for record in sorted(set(active) - set(current)):
        yield Finding(6, f"active record {record} has no person")
    for record in sorted(set(current) - set(active)):
        yield Finding(2, f"record {record} takes no part and still has a person")
    for record in sorted(set(active) - unit.record_versions.with_version(active)):
        yield Finding(6, f"active record {record} has no active version")
    for record, label in labels.items():
        if active[record] != canonical_key(index.keyed_hash, label.source, label.local_id):
            yield Finding(1, f"record {record} has a canonical key that is not its own")


def _check_agreements(unit: ReadUnit) -> Iterator[Finding]:
    """Check that clients and accounts act under agreements that exist."""
    codes = {history.code for history in unit.agreements.all()}
    bound = {client.agreement for client in unit.clients.active()}
    bound |= {account.agreement for account in unit.accounts.all() if account.ended_commit is None}
    for code in sorted(bound - codes - {None}, key=str):
        yield Finding(7, f"a client or an account acts under the agreement {code!r}, which does not exist")


def _check_holdings(unit: ReadUnit, index: Index) -> Iterator[Finding]:
    """Check what the index holds of sources that hold linked records only.

    Records that became surplus since the last run are dropped by the next one.
    """
    for code, count in count_tokens_of_held(unit, index).items():
        yield Finding(7, f"tokens of {count} records of source {code!r} are kept although they are held")
    for code, count in count_tokens_of_buried(unit, index).items():
        yield Finding(7, f"tokens of {count} records of source {code!r} are kept although destroyed")
    for code, count in find_unfinished_work(unit, index).items():
        yield Finding(7, f"{count} records of source {code!r} may not be held")
    for run in unit.holdings_runs.all():
        if not is_intact(index, run):
            yield Finding(7, f"the certificate of run {run.id} was changed")


def _check_orders(unit: ReadUnit) -> Iterator[Finding]:
    """Check that records are sealed as their last order says.

    A record of a scope takes part again with the next sync. A row without content cannot take part.
    """
    last_orders = {order.record_id: order for order in unit.boundary_orders.orders_after(0)}
    own_source_ids = {source.id for source in unit.sources.all() if source.scope is None}
    for record in unit.records.get(last_orders).values():
        order = last_orders[record.id]
        if order.kind is not OrderKind.UNSEAL and record.state != RecordState.SEALED:
            yield Finding(7, f"record {record.id} is {record.state} against order {order.no}")
        is_released = order.kind is OrderKind.UNSEAL and record.source_id in own_source_ids
        if is_released and record.state == RecordState.SEALED and not is_buried(record):
            yield Finding(7, f"record {record.id} is sealed, although order {order.no} lifted its seal")


def _check_content(unit: ReadUnit) -> Iterator[Finding]:
    """Check that encrypted content is what the index stored there."""
    if not unit.payload_keys.all():
        return
    after: int | None = 0
    while after is not None:
        after, altered = unit.stored_content.find_altered_payloads(after, _CONTENT_PAGE)
        for version in altered:
            yield Finding(
                6, f"the content of version {version.version_id} of record {version.record_id} was altered"
            )
    for name in TEXT_COLUMNS:
        last, count = None, 0
        while (page := unit.stored_content.count_altered_texts(name, last, _CONTENT_PAGE)).last is not None:
            last, count = page.last, count + page.written
        if count:
            yield Finding(6, f"{count} values of {name} were altered")


def _check_ledger(unit: ReadUnit) -> Iterator[Finding]:
    """Check that no line of the disclosure ledger is missing."""
    line_count, last_number = unit.disclosures.count_and_last()
    if line_count != last_number:
        yield Finding(7, f"the ledger has {line_count} lines, and its last is number {last_number}")
