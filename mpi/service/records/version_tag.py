"""Tag of a record's versions; it shows another writer's change."""

from mpi.service.core.index import Index
from mpi.storage.repositories.sources.records import StoredRecord
from mpi.storage.unit_of_work.units import ReadUnit

CHANGED = "the record has changed since it was read: look at it again"
"""What is wrong where a tag is not that of the stored record."""


def make_version_tag(unit: ReadUnit, index: Index, record: StoredRecord) -> str:
    """Return a tag that changes with each version or state.

    It is a keyed hash: the numbers of versions would tell how much others write.
    """
    versions = unit.record_versions.versions_of_records([record.id]).get(record.id, [])
    latest = max((version.id for version in versions), default=0)
    return index.keyed_hash.to_token("record-version", f"{record.id}:{record.state}:{latest}")
