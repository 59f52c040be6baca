"""Restart of a transfer after a scope was restored from a backup.

The restored scope numbers its commits and records anew from the backup on. So the shared index forgets which
of its records are copies, takes everything over again by source and local ID, and at the end withdraws
what the restored scope does not hold.
"""

from mpi.domain import clock
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.decisions.decision_log import revoke_decisions
from mpi.service.resolution.resolve import ResolveInputs, resettle, resolve
from mpi.service.scopes.copies import read_generation
from mpi.service.scopes.record_copies import TRANSFER
from mpi.service.statements.current_version import recompute_current_versions
from mpi.storage.repositories.sources.record_assertions import Sighting, SightingKind
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.scopes import FIRST_CHANGE, ChangedItem
from mpi.storage.repositories.steps.decisions import DecisionStatus


def restart_transfer(scope_index: Index, shared_index: Index, viewer: Viewer, code: str) -> None:
    """Let the next transfer take all records and decisions of a scope over anew.

    Args:
        scope_index: the open index of the scope, restored.
        shared_index: the open shared index.
        viewer: who asks.
        code: code of the scope.

    Raises:
        NotFoundError: the shared index knows no such scope.
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    with scope_index.database.read(viewer) as unit:
        generation = read_generation(unit)
    with shared_index.database.write(viewer, TRANSFER) as unit:
        unit.scopes.get(code)
        decisions = [
            decision
            for decision in unit.decisions.by_ids(unit.scopes.forget_copies(code)).values()
            if decision.status is not DecisionStatus.REVOKED
        ]
        revoke_decisions(unit, decisions)
        unit.scopes.move_position(code, FIRST_CHANGE, generation)
        unit.scopes.set_restarted(code, is_restarted=True)
        named_records = {record for decision in decisions for record in decision.seen}
        if named_records:
            resettle(unit, shared_index, named_records, TRANSFER)
        unit.ensure_commit()


def finish_restart(shared_index: Index, viewer: Viewer, code: str) -> None:
    """Withdraw records of a scope's sources that the restored scope does not hold.

    Args:
        shared_index: the open shared index, which has taken over all that the scope holds.
        viewer: who asks.
        code: code of the scope.
    """
    with shared_index.database.write(viewer, TRANSFER) as unit:
        source_ids = [source.id for source in unit.sources.all() if source.scope == code]
        record_ids = [
            number for source_id in source_ids for number in unit.records.ids_of_source(source_id, 0, None)
        ]
        held_by_scope = unit.scopes.originals_of(code, ChangedItem.RECORD, record_ids)
        lost = [
            record
            for record in unit.records.get(
                [number for number in record_ids if number not in held_by_scope]
            ).values()
            if record.state in (RecordState.ACTIVE, RecordState.HELD)
        ]
        now = clock.format_timestamp(clock.now())
        unit.record_assertions.add(
            [Sighting(record.id, SightingKind.GONE, max(record.last_seen, now)) for record in lost],
            unit.commit_no,
        )
        changes = recompute_current_versions(unit, shared_index, [record.id for record in lost])
        inputs = ResolveInputs(further_records=changes.overlay_suspects)
        resolve(unit, shared_index, {}, changes.removed, TRANSFER, further_inputs=inputs)
        unit.scopes.set_restarted(code, is_restarted=False)
