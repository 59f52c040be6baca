"""Repository of everything sources asserted about records.

Assertions are versions, restatements of a version, and statements that a record is gone.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, FromClause, exists, func, insert, select, union

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.repositories.sources.batches import UNDOING, UNDONE
from mpi.storage.tables import BatchRow, RecordVersionRow, SightingRow, TakenBackRow, table_of

_batch = table_of(BatchRow)
_sighting = table_of(SightingRow)
_taken_back = table_of(TakenBackRow)
_version = table_of(RecordVersionRow)


class SightingKind(StrEnum):
    """What a source asserts without content: record unchanged, or record gone."""

    SAME = "same"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A source's assertion that a record is unchanged or gone.

    Args:
        record_id: number of the record.
        kind: whether the assertion restates a record version or says that the record is gone.
        as_of: when it was true at the source.
        version_id: version that it restates.
        batch_id: load that contained it.
    """

    record_id: int
    kind: SightingKind
    as_of: str
    version_id: int | None = None
    batch_id: int | None = None


@dataclass(frozen=True, slots=True, order=True)
class RecordAssertion:
    """One thing that a source asserted about a record: content or absence.

    Undone assertions are left out. They are ordered by as-of date, then receipt.

    Args:
        as_of: when it was true at the source.
        commit_no: commit number of its receipt.
        version_id: version that it asserts; None if the record is gone.
        is_held: whether it has no effect yet, because its source is paused or it would make the record
            another child (an overlay) and nobody has answered.
        is_doubted: whether it is an overlay that nobody has answered.
        batch_id: load that contained it; not part of the order.
        content_hash: hash of the version's content; empty if the record is gone. Not part of the order.
    """

    as_of: str
    commit_no: int
    version_id: int | None
    is_held: bool
    is_doubted: bool = False
    batch_id: int | None = field(default=None, compare=False)
    content_hash: str = field(default="", compare=False)

    @property
    def sort_key(self) -> tuple[str, int]:
        """As-of date and commit number, by which the latest assertion is found."""
        return self.as_of, self.commit_no


def _is_undone(assertion: FromClause) -> ColumnElement[bool]:
    """Return the SQL condition that a row's load was undone.

    An undo proceeds record by record; the row's record must have been reached.
    """
    is_record_undone = (
        exists()
        .where(
            _taken_back.c.batch_id == assertion.c.batch_id, _taken_back.c.record_id == assertion.c.record_id
        )
        # By default SQLAlchemy does not correlate a nested EXISTS with the outer row.
        .correlate(assertion)
    )
    return exists().where(
        _batch.c.id == assertion.c.batch_id,
        (_batch.c.status == UNDONE) | ((_batch.c.status == UNDOING) & is_record_undone),
    )


class RecordAssertions:
    """Repository of what sources asserted about records, and when."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, sightings: Iterable[Sighting], commit_no: int) -> None:
        """Add assertions that records are unchanged or gone, one a record."""
        rows = [
            {
                "record_id": sighting.record_id,
                "commit_no": commit_no,
                "kind": sighting.kind.value,
                "as_of": sighting.as_of,
                "version_id": sighting.version_id,
                "batch_id": sighting.batch_id,
            }
            for sighting in sightings
        ]
        if rows:
            self._connection.execute(insert(_sighting), rows)

    def assertions_about(self, record_ids: Collection[int]) -> dict[int, list[RecordAssertion]]:
        """Return what sources asserted about records, except undone and refused.

        During the undo of a load, records that are not undone yet keep their assertions.
        """
        assertions: dict[int, list[RecordAssertion]] = {record: [] for record in record_ids}
        for chunk in iter_chunks(record_ids):
            versions = self._connection.execute(
                select(
                    _version.c.record_id,
                    _version.c.as_of,
                    _version.c.received_commit,
                    _version.c.id,
                    _version.c.state,
                    _version.c.batch_id,
                    _version.c.content_hash,
                ).where(
                    _version.c.record_id.in_(chunk),
                    _version.c.state != "refused",
                    ~_is_undone(_version),
                )
            )
            for row in versions:
                assertions[row.record_id].append(
                    RecordAssertion(
                        as_of=row.as_of,
                        commit_no=row.received_commit,
                        version_id=row.id,
                        is_held=row.state in ("held", "overlay"),
                        is_doubted=row.state == "overlay",
                        batch_id=row.batch_id,
                        content_hash=row.content_hash,
                    )
                )
            sightings = self._connection.execute(
                select(_sighting, _version.c.state, _version.c.content_hash)
                .outerjoin(_version, _version.c.id == _sighting.c.version_id)
                .where(
                    _sighting.c.record_id.in_(chunk),
                    func.coalesce(_version.c.state, "") != "refused",
                    ~_is_undone(_sighting),
                )
            )
            for row in sightings:
                assertions[row.record_id].append(
                    RecordAssertion(
                        row.as_of,
                        row.commit_no,
                        None if row.kind == SightingKind.GONE else row.version_id,
                        is_held=row.state == "overlay",
                        is_doubted=row.state == "overlay",
                        batch_id=row.batch_id,
                        content_hash=row.content_hash or "",
                    )
                )
        return assertions

    def records_of_load(self, batch_id: int) -> set[int]:
        """Return the records that a file load contained."""
        rows = self._connection.execute(
            union(
                select(_version.c.record_id).where(_version.c.batch_id == batch_id),
                select(_sighting.c.record_id).where(_sighting.c.batch_id == batch_id),
            )
        )
        return {row[0] for row in rows}
