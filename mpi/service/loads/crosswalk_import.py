"""Import of another system's crosswalk, for a cut-over.

The system that gave the old IDs is a source of this index, and each old ID becomes a record of that source
without content. Such a record is no evidence and no member of a person: the crosswalk answers for an old ID
with the holders of the records that it linked. Its membership is a SAME decision of authority ``migration``,
weaker than any source's assertion. If the model takes two old IDs for one person, the old crosswalk stays in
force and the difference is held, for a person to release or refuse.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import add_step, check_reason
from mpi.service.core.visibility import find_nameable_records
from mpi.service.gates.holds import add_hold, require_whole_index
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.loads.id_adoption import adopt_old_ids
from mpi.service.resolution.publication import publish
from mpi.service.resolution.resolve import plan_settlement
from mpi.service.resolution.settlement import Settlement
from mpi.service.statements.placeholders import add_placeholders
from mpi.service.statements.sources import require_data_source
from mpi.service.statements.tombstones import merge_buried_records
from mpi.standardize.fields.scalars import parse_local_id
from mpi.standardize.record_validation import refuse_ssn
from mpi.storage.repositories.derived.proposals import ProposalItem
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.repositories.steps.decisions import DecisionStatus, NewDecision
from mpi.storage.unit_of_work.units import WriteUnit

ORIGIN = "import"


@dataclass(frozen=True, slots=True)
class OldCrosswalkLine:
    """Line of another system's crosswalk: a record and its person ID there."""

    source: str
    local_id: str
    old_id: str


@dataclass(frozen=True, slots=True)
class CrosswalkImportResult:
    """Counts of what the import of another system's person IDs did.

    Args:
        step: number of the import step, which undo takes.
        old_ids: number of old IDs that the index now knows.
        records: number of records that they link.
        unknown: lines whose record is not in the index, is sealed or is a correction.
        held: persons of the model that the old crosswalk splits, held for a person's approval.
        moved: records that changed person.
        adopted: old IDs that are enterprise IDs of this index from now on.
    """

    step: int
    old_ids: int
    records: int
    unknown: int
    held: int
    moved: int
    adopted: int = 0


def import_crosswalk(
    index: Index,
    viewer: Viewer,
    source_code: str,
    lines: Iterable[OldCrosswalkLine],
    reason: str = "cut-over",
    *,
    adopt_ids: bool = False,
    progress: Progress = ignore_progress,
) -> CrosswalkImportResult:
    """Import the person IDs of another system.

    Args:
        index: the open index, with the records loaded.
        viewer: who imports.
        source_code: the source that stands for the other system.
        lines: the other system's crosswalk: records and their person IDs there.
        reason: a reason code.
        adopt_ids: let persons keep old IDs that are enterprise IDs of an earlier index. Other old IDs stay
            known as records of the source alone. An undo leaves the enterprise IDs as they are.
        progress: receives the progress of long steps.

    Raises:
        NotFoundError: no such source.
        RecordError: an old ID is no valid local ID, or is written as an SSN.
        ConflictError: the source is that of stewards' corrections.
        AccessDenied: the viewer may not load, or may not see every source.
    """
    require_permission(viewer, Action.LOAD, source_code)
    require_whole_index(viewer)
    code = check_reason(reason)
    lines_by_old_id = _group_by_old_id(lines)
    local_id_of_old = {old_id: parse_local_id(old_id) for old_id in lines_by_old_id}
    for local_id in local_id_of_old.values():
        refuse_ssn("local_id", local_id)
    with index.database.write(viewer, ORIGIN) as unit:
        source = unit.sources.get_by_code(source_code)
        require_data_source(source)
        old_id_records = _store_old_ids(unit, index, source, local_id_of_old.values())
        progress("old IDs", len(local_id_of_old), len(local_id_of_old))
        members, unknown_count = _find_linked_records(unit, lines_by_old_id)
        step_id = add_step(unit, ORIGIN, code, {"source": source.id})
        # A line may link an old ID to the record that stands for that old ID.
        groups = {
            old_id: tuple(dict.fromkeys((old_id_records[local_id], *members.get(old_id, ()))))
            for old_id, local_id in local_id_of_old.items()
        }
        for group in groups.values():
            if len(group) > 1:
                _add_same_decision(unit, index, step_id, group)
        affected_records = {record for group in groups.values() for record in group}
        settlement = plan_settlement(unit, index, affected_records)
        differences = list(_find_differences(settlement, groups))
        if differences:
            _hold_differences(unit, step_id, differences)
            settlement = plan_settlement(unit, index, affected_records)
        adopted_count = 0
        if adopt_ids:
            settlement, adopted_count = adopt_old_ids(unit, settlement, members, test=index.settings.is_test)
        publish(unit, settlement, ORIGIN, test=index.settings.is_test)
        return CrosswalkImportResult(
            step=step_id,
            old_ids=len(groups),
            records=sum(len(group) - 1 for group in groups.values()),
            unknown=unknown_count,
            held=len(differences),
            moved=_count_moved_records(unit, settlement),
            adopted=adopted_count,
        )


def _group_by_old_id(lines: Iterable[OldCrosswalkLine]) -> dict[str, list[OldCrosswalkLine]]:
    lines_by_old_id: dict[str, list[OldCrosswalkLine]] = {}
    for line in lines:
        lines_by_old_id.setdefault(line.old_id, []).append(line)
    return lines_by_old_id


def _store_old_ids(
    unit: WriteUnit, index: Index, source: Source, local_ids: Collection[str]
) -> dict[str, int]:
    """Return the record of each old ID, added where it is new."""
    present = unit.records.find_by_local_ids(source.id, local_ids)
    known = merge_buried_records(unit, index, (source.id, source.code), local_ids, present)
    new_local_ids = [local_id for local_id in local_ids if local_id not in known]
    added = add_placeholders(unit, index, (source.id, source.code, source.group_id), new_local_ids)
    return {local_id: record.id for local_id, record in known.items()} | added


def _hold_differences(unit: WriteUnit, step_id: int, differences: Iterable[Mapping[str, Any]]) -> None:
    """Hold the persons that the old crosswalk splits, for approval."""
    for number, difference in enumerate(differences, 1):
        item = ProposalItem(
            no=number, fingerprint="", kind="merge", status="held", detail={**difference, "step": step_id}
        )
        add_hold(unit, None, item)


def _count_moved_records(unit: WriteUnit, settlement: Settlement) -> int:
    """Return how many records changed their person."""
    after = unit.persons.current_persons(settlement.persons_before)
    return sum(person != after.get(record) for record, person in settlement.persons_before.items())


def _find_linked_records(
    unit: WriteUnit, lines_by_old_id: Mapping[str, Sequence[OldCrosswalkLine]]
) -> tuple[dict[str, list[int]], int]:
    """Return the records of each old ID, and the unknown lines' number."""
    local_ids: dict[str, set[str]] = {}
    for line in (line for links in lines_by_old_id.values() for line in links):
        local_ids.setdefault(line.source, set()).add(line.local_id)
    sources = {source.code: source.id for source in unit.sources.all()}
    record_of_label = {
        (code, local_id): record.id
        for code, ids in local_ids.items()
        if code in sources
        for local_id, record in find_nameable_records(unit, sources[code], ids).items()
    }
    members: dict[str, list[int]] = {}
    linked: set[int] = set()
    unknown_count = 0
    for old_id, links in lines_by_old_id.items():
        for line in links:
            record_id = record_of_label.get((line.source, line.local_id))
            if record_id is None or record_id in linked:
                unknown_count += 1
            else:
                linked.add(record_id)
                members.setdefault(old_id, []).append(record_id)
    return members, unknown_count


def _add_same_decision(unit: WriteUnit, index: Index, step_id: int, group: tuple[int, ...]) -> None:
    """Store a migration's decision that the given records are one person."""
    unit.decisions.add(
        NewDecision(
            id=unit.counters.take("decision"),
            kind=DecisionKind.SAME,
            authority=Authority.MIGRATION,
            status=DecisionStatus.IN_FORCE,
            groups=(group,),
            seen={},
            reason=ORIGIN,
            evidence={},
            config_id=index.config_id(unit),
            step_id=step_id,
            origin=ORIGIN,
        ),
        unit.commit_no,
    )


def _find_differences(
    settlement: Settlement, groups: Mapping[str, tuple[int, ...]]
) -> Iterable[dict[str, Any]]:
    """Yield computed persons that hold records of several old person IDs."""
    old_id_of = {record: old_id for old_id, group in groups.items() for record in group}
    for bearer in settlement.assignments:
        records = bearer.records
        old_ids = sorted({old_id_of[record] for record in records if record in old_id_of})
        if len(old_ids) > 1:
            parts = [[record for record in records if old_id_of.get(record) == old_id] for old_id in old_ids]
            parts_before = [(None, part) for part in parts]
            yield {"before": parts_before, "after": [(bearer.person, list(records))]}
