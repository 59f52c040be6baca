"""Visibility of source records to a viewer.

A record of the viewer's own source is visible. A record of another party's source is visible if the viewer's
agreement covers this child; else no answer may tell that it exists.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from mpi.domain import clock
from mpi.domain.decision import CORRECTION
from mpi.domain.errors import NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.source import SHARED_SCOPE
from mpi.domain.survivorship.values import STEWARD_SOURCE_KIND
from mpi.domain.viewer import RecordAccess, StatedFacts, StatedPopulations, Viewer
from mpi.service.core.disclosure_consents import read_consents
from mpi.standardize.fields.dates import is_within_period
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.units import ReadUnit

RecordGroups = tuple[tuple[int, ...], ...]
"""Record numbers, by group."""


def find_record_numbers(unit: ReadUnit, groups: Sequence[Sequence[RecordRef]]) -> RecordGroups:
    """Return the numbers of records that a caller names by local ID.

    Args:
        unit: the transaction of the viewer.
        groups: groups of record labels, each a source and a local ID.

    Raises:
        NotFoundError: a record does not exist for this viewer: it never existed, is sealed, is of a source
            that the viewer may not see, or is a correction. The message does not tell which.
    """
    sources = {source.code: source.id for source in unit.sources.all() if unit.viewer.may_see(source.code)}
    local_ids_by_source: dict[str, set[str]] = {}
    for label in (label for group in groups for label in group):
        local_ids_by_source.setdefault(label.source, set()).add(label.local_id)
    record_by_label: dict[RecordRef, StoredRecord] = {}
    for source, local_ids in local_ids_by_source.items():
        if source in sources:
            visible_records = find_nameable_records(unit, sources[source], local_ids)
            record_by_label.update(
                {RecordRef(source, local_id): record for local_id, record in visible_records.items()}
            )
    for group_position, group in enumerate(groups, 1):
        for record_position, label in enumerate(group, 1):
            if label not in record_by_label:
                raise NotFoundError(
                    f"group {group_position}, record {record_position}: there is no such record"
                )
    return tuple(tuple(record_by_label[label].id for label in group) for group in groups)


def find_shown_record_numbers(unit: ReadUnit, labels: Iterable[RecordRef]) -> set[int]:
    """Return the numbers of records that an answer names by local ID.

    Stewards' corrections are included.
    """
    sources = {source.code: source.id for source in unit.sources.all()}
    local_ids_by_source: dict[str, set[str]] = {}
    for label in labels:
        local_ids_by_source.setdefault(label.source, set()).add(label.local_id)
    return {
        record.id
        for source, local_ids in local_ids_by_source.items()
        for record in unit.records.find_by_local_ids(sources[source], local_ids).values()
    }


def find_nameable_records(
    unit: ReadUnit, source_id: int, local_ids: Collection[str]
) -> dict[str, StoredRecord]:
    """Return visible records that a decision may name, by local ID.

    Corrections are left out. A correction that was bound to a second record would join the two records,
    unseen by a viewer who looks at one of them.
    """
    records = find_visible_records(unit, source_id, local_ids)
    return {local_id: record for local_id, record in records.items() if record.state != RecordState.ASIDE}


def find_visible_records(
    unit: ReadUnit, source_id: int, local_ids: Collection[str]
) -> dict[str, StoredRecord]:
    """Return a source's records that the viewer may see, by local ID.

    Sealed records are left out. So are records of a child whom the viewer's agreement does not cover, and
    corrections that are not in force, or that correct a record which the viewer may not see.

    Returns:
        Records by local ID.
    """
    records = _keep_covered_records(unit, source_id, unit.records.find_by_local_ids(source_id, local_ids))
    corrections = {record.id for record in records.values() if record.state == RecordState.ASIDE}
    decisions_in_force = [
        decision
        for decision in _visible_correction_decisions(unit, corrections)
        if decision.status is DecisionStatus.IN_FORCE
    ]
    hidden = corrections - {record for decision in decisions_in_force for record in decision.seen}
    return {
        local_id: record
        for local_id, record in records.items()
        if record.state != RecordState.SEALED and record.id not in hidden
    }


def visible_labels(unit: ReadUnit, record_ids: Collection[int]) -> dict[int, RecordRef]:
    """Return source and local ID of records that the viewer may see.

    Corrections are included, in force or not, if the viewer may see the record that they correct.

    Returns:
        Labels by record number.
    """
    labels = _labels_of_visible_sources(unit, record_ids)
    if unit.viewer.sources is None:
        return labels
    steward_codes = {source.code for source in unit.sources.all() if source.kind == STEWARD_SOURCE_KIND}
    corrections = {record_id for record_id, label in labels.items() if label.source in steward_codes}
    hidden = corrections - {
        record for decision in _visible_correction_decisions(unit, corrections) for record in decision.seen
    }
    return {record_id: label for record_id, label in labels.items() if record_id not in hidden}


def find_sealed_at(unit: ReadUnit, record_ids: Collection[int], commit_no: int) -> set[int]:
    """Return records that were sealed after a commit, and are no longer.

    A question about that time is answered as it was answered then.
    """
    return {
        record_id
        for record_id, intervals in unit.boundary_orders.lifted_seals(record_ids).items()
        if is_within(intervals, commit_no)
    }


def is_within(intervals: Iterable[tuple[int, int]], commit_no: int) -> bool:
    """Return whether a commit lies in one of some half-open intervals."""
    return any(begin <= commit_no < end for begin, end in intervals)


def _labels_of_visible_sources(unit: ReadUnit, record_ids: Collection[int]) -> dict[int, RecordRef]:
    """Return source and local ID of unsealed records of the viewer's sources."""
    labels = unit.records.labels(record_ids)
    labels = {record_id: label for record_id, label in labels.items() if unit.viewer.may_see(label.source)}
    hidden = _find_uncovered(unit, {record_id: label.source for record_id, label in labels.items()})
    return {record_id: label for record_id, label in labels.items() if record_id not in hidden}


def _keep_covered_records(
    unit: ReadUnit, source_id: int, records: Mapping[str, StoredRecord]
) -> dict[str, StoredRecord]:
    """Return a source's records of children whom the viewer's agreement covers."""
    rights = unit.viewer.rights
    if rights is None or not rights.needs_populations:
        return dict(records)
    code = next(source.code for source in unit.sources.all() if source.id == source_id)
    hidden = _find_uncovered(unit, {record.id: code for record in records.values()})
    return {local_id: record for local_id, record in records.items() if record.id not in hidden}


def _find_uncovered(unit: ReadUnit, source_by_record: Mapping[int, str]) -> set[int]:
    """Return the records of children whom the viewer's agreement does not cover."""
    rights = unit.viewer.rights
    if rights is None or not rights.needs_populations:
        return set()
    uncertain = {
        record: source
        for record, source in source_by_record.items()
        if rights.find_access(source) is RecordAccess.HIDDEN
    }
    stated = read_facts_by_record(unit, uncertain)
    return {
        record
        for record, source in uncertain.items()
        if rights.find_access(source, stated[record]) is RecordAccess.HIDDEN
    }


def read_populations_by_child(
    unit: ReadUnit, records_by_child: Mapping[int, Collection[int]]
) -> dict[int, StatedPopulations]:
    """Return the populations that the records of each child state today.

    The number of queries does not depend on the number of children.

    Args:
        unit: the transaction.
        records_by_child: record numbers, by any number that stands for the child.
    """
    labels = unit.records.labels({record for records in records_by_child.values() for record in records})
    day = clock.today()
    stated: dict[int, set[tuple[str, str]]] = {}
    for row in unit.record_versions.flags(labels):
        if row.value == "Y" and is_within_period(row.begin, row.end, day):
            fact = (labels[row.record_id].source, row.population)
            stated.setdefault(row.record_id, set()).add(fact)
    return {
        child: frozenset(fact for record in records for fact in stated.get(record, ()))
        for child, records in records_by_child.items()
    }


def read_facts_by_record(unit: ReadUnit, record_ids: Collection[int]) -> dict[int, StatedFacts]:
    """Return what the policy may need to know of each record.

    These are the populations that all records of the child state, and the consents to disclose this record.
    """
    if not record_ids:
        return {}
    consents = read_consents(unit, record_ids)
    person_by_record = unit.persons.current_persons(record_ids)
    # A record of no person stands for a child of its own, under its negative number.
    child_by_record = {record: person_by_record.get(record, -record) for record in record_ids}
    records_by_child: dict[int, Collection[int]] = {
        -record: [record] for record in record_ids if record not in person_by_record
    }
    records_by_child |= unit.persons.members(set(person_by_record.values()))
    populations = read_populations_by_child(unit, records_by_child)
    return {
        record: consents.get(record, frozenset()) | populations[child]
        for record, child in child_by_record.items()
    }


def _visible_correction_decisions(unit: ReadUnit, corrections: Collection[int]) -> list[StoredDecision]:
    """Return decisions of any status that bind corrections to visible records."""
    if not corrections:
        return []
    decisions = [
        decision
        for decision in unit.decisions.of_records(corrections).values()
        if decision.origin == CORRECTION
    ]
    labels = _labels_of_visible_sources(unit, {record for decision in decisions for record in decision.seen})
    return [decision for decision in decisions if decision.seen.keys() <= labels.keys()]


def may_learn_block_sizes(unit: ReadUnit) -> bool:
    """Return whether the viewer may learn of too large blocks.

    In the shared index, a viewer of some sources would learn it of records that it may not see.
    """
    if unit.viewer.sources is None:
        return True
    info = unit.configs.index_info()
    return info is not None and info.scope != SHARED_SCOPE


def visible_source_ids(unit: ReadUnit) -> frozenset[int] | None:
    """Return the numbers of sources of which the viewer sees every record.

    A source is left out if the agreement covers it for some children alone.

    Returns:
        None for all.
    """
    viewer = unit.viewer
    if viewer.sources is None:
        return None
    return frozenset(source.id for source in unit.sources.all() if sees_whole_source(viewer, source.code))


def sees_whole_source(viewer: Viewer, source: str) -> bool:
    """Return whether the viewer sees every record of a source.

    It does not if the agreement covers the source for some children or by consent only.
    """
    if viewer.sources is None or not viewer.may_see(source):
        return viewer.sources is None
    return viewer.rights is None or viewer.rights.find_access(source) is not RecordAccess.HIDDEN
