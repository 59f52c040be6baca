"""Records named by their sources' words, as the viewer may know of them."""

from collections.abc import Collection, Iterable, Sequence

from mpi.domain.decision import CORRECTION
from mpi.domain.errors import NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.survivorship import STEWARD_SOURCE_KIND
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.unit import ReadUnit

RecordGroups = tuple[tuple[int, ...], ...]
"""Record numbers, by group."""


def find_record_numbers(unit: ReadUnit, groups: Sequence[Sequence[RecordRef]]) -> RecordGroups:
    """The numbers of records that a caller names.

    Raises:
        NotFoundError: one is not there for this viewer: it never was, is sealed, is of a source that the
            viewer may not see, or is a correction; the message does not tell which.
    """
    sources = {source.code: source.id for source in unit.sources.all() if unit.viewer.may_see(source.code)}
    wanted: dict[str, set[str]] = {}
    for label in (label for group in groups for label in group):
        wanted.setdefault(label.source, set()).add(label.local_id)
    found: dict[RecordRef, StoredRecord] = {}
    for source, local_ids in wanted.items():
        if source in sources:
            records = find_nameable_records(unit, sources[source], local_ids)
            found.update({RecordRef(source, local_id): record for local_id, record in records.items()})
    for place, group in enumerate(groups, 1):
        for number, label in enumerate(group, 1):
            if label not in found:
                raise NotFoundError(f"group {place}, record {number}: there is no such record")
    return tuple(tuple(found[label].id for label in group) for group in groups)


def find_shown_record_numbers(unit: ReadUnit, labels: Iterable[RecordRef]) -> set[int]:
    """The numbers of records whose labels an answer shows to the viewer, corrections among them."""
    sources = {source.code: source.id for source in unit.sources.all()}
    wanted: dict[str, set[str]] = {}
    for label in labels:
        wanted.setdefault(label.source, set()).add(label.local_id)
    return {
        record.id
        for source, local_ids in wanted.items()
        for record in unit.records.find_by_local_ids(sources[source], local_ids).values()
    }


def find_nameable_records(unit: ReadUnit, source_id: int, local_ids: Collection[str]) -> dict[str, StoredRecord]:
    """Of ``find_visible_records`` records those about which something can be said: no correction.

    One that was bound to another record as well would join the two, unseen by who looks at one of them.
    """
    found = find_visible_records(unit, source_id, local_ids)
    return {name: record for name, record in found.items() if record.state != RecordState.ASIDE}


def find_visible_records(unit: ReadUnit, source_id: int, local_ids: Collection[str]) -> dict[str, StoredRecord]:
    """Records of a source that the viewer may see, by local ID, as far as they exist for it.

    A sealed record does not, nor does a correction that does not stand, or is of a record that does not.
    """
    found = unit.records.find_by_local_ids(source_id, local_ids)
    aside = {record.id for record in found.values() if record.state == RecordState.ASIDE}
    binding = [one for one in _visible_correction_decisions(unit, aside) if one.status is DecisionStatus.IN_FORCE]
    hidden = aside - {record for one in binding for record in one.seen}
    return {
        name: record
        for name, record in found.items()
        if record.state != RecordState.SEALED and record.id not in hidden
    }


def visible_labels(unit: ReadUnit, record_ids: Collection[int]) -> dict[int, RecordRef]:
    """Labels of those records that exist for the viewer, and of corrections that did."""
    labels = _labels_of_visible_sources(unit, record_ids)
    if unit.viewer.sources is None:
        return labels
    stewards = {source.code for source in unit.sources.all() if source.kind == STEWARD_SOURCE_KIND}
    aside = {number for number, label in labels.items() if label.source in stewards}
    hidden = aside - {record for one in _visible_correction_decisions(unit, aside) for record in one.seen}
    return {number: label for number, label in labels.items() if number not in hidden}


def _labels_of_visible_sources(unit: ReadUnit, record_ids: Collection[int]) -> dict[int, RecordRef]:
    """Labels of records that are not sealed, of sources that the viewer may see."""
    labels = unit.records.labels(record_ids)
    return {number: label for number, label in labels.items() if unit.viewer.may_see(label.source)}


def _visible_correction_decisions(unit: ReadUnit, aside: Collection[int]) -> list[StoredDecision]:
    """What binds corrections, whatever its status, to records that exist for the viewer."""
    if not aside:
        return []
    made = [one for one in unit.decisions.of_records(aside).values() if one.origin == CORRECTION]
    labels = _labels_of_visible_sources(unit, {record for one in made for record in one.seen})
    return [one for one in made if one.seen.keys() <= labels.keys()]


def visible_source_ids(unit: ReadUnit) -> frozenset[int] | None:
    """Numbers of the sources that the reader may see; None for all."""
    if unit.viewer.sources is None:
        return None
    return frozenset(source.id for source in unit.sources.all() if unit.viewer.may_see(source.code))
