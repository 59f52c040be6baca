"""Records named by their sources' words, as the viewer may know of them."""

from collections.abc import Collection, Sequence

from mpi.domain.errors import NotFoundError
from mpi.storage.repositories.records import Label, RecordState, StoredRecord
from mpi.storage.unit import ReadUnit

Groups = tuple[tuple[int, ...], ...]
"""Record numbers, by group."""


def numbers_of(unit: ReadUnit, groups: Sequence[Sequence[Label]]) -> Groups:
    """The numbers of records that a caller names.

    Raises:
        NotFoundError: one is not there for this viewer: it never was, is sealed, or is of a source that the
            viewer may not see; the message does not tell which.
    """
    known = {source.code: source.id for source in unit.sources.all() if unit.viewer.may_see(source.code)}
    wanted: dict[str, set[str]] = {}
    for label in (label for group in groups for label in group):
        wanted.setdefault(label.source, set()).add(label.local_id)
    found: dict[Label, StoredRecord] = {}
    for source, local_ids in wanted.items():
        if source in known:
            records = unit.records.find(known[source], local_ids)
            found.update({Label(source, local_id): record for local_id, record in records.items()})
    for place, group in enumerate(groups, 1):
        for number, label in enumerate(group, 1):
            if label not in found or found[label].state == RecordState.SEALED:
                raise NotFoundError(f"group {place}, record {number}: there is no such record")
    return tuple(tuple(found[label].id for label in group) for group in groups)


def visible(unit: ReadUnit, record_ids: Collection[int]) -> dict[int, Label]:
    """Labels of those records that exist for the viewer."""
    labels = unit.records.labels(record_ids)
    return {number: label for number, label in labels.items() if unit.viewer.may_see(label.source)}
