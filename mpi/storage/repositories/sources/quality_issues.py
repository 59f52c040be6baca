"""Repository of quality issues: versions with issues, and rejected rows."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, bindparam, exists, func, literal_column, select

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.repositories.sources.records import IS_ACTIVE, RecordState
from mpi.storage.tables import (
    BatchRow,
    CommitRow,
    RecordAliasRow,
    RecordRow,
    RecordVersionRow,
    RejectRow,
    table_of,
)

_alias = table_of(RecordAliasRow)
_batch = table_of(BatchRow)
_commit = table_of(CommitRow)
_record = table_of(RecordRow)
_reject = table_of(RejectRow)
_version = table_of(RecordVersionRow)

_HIDDEN_STATES = (RecordState.SEALED.value, RecordState.ASIDE.value)
# Written out, so that both stores use the index of versions with issues.
_HAS_ISSUES = _version.c.issues != literal_column("'[]'")
# The addition keeps the index of a source's records unused: a source has many more records than versions with
# issues, and a page must not read them all.
_IS_OF_SOURCE = _record.c.source_id + 0 == bindparam("source")
_CURRENT_ISSUES = (
    select(_version.c.issues, func.count().label("records"))
    .join(_record, (_record.c.id == _version.c.record_id) & (_record.c.version_id == _version.c.id))
    .where(_HAS_ISSUES, _version.c.record_id > 0, IS_ACTIVE, _IS_OF_SOURCE)
    .group_by(_version.c.issues)
)
_WITH_ISSUES = (
    select(_record.c.id, _record.c.local_id, _record.c.last_seen)
    .join(_version, _version.c.record_id == _record.c.id)
    .where(
        _HAS_ISSUES,
        _version.c.record_id > bindparam("after"),
        _IS_OF_SOURCE,
        _record.c.state.not_in(_HIDDEN_STATES),
    )
    .order_by(_version.c.record_id)
    .limit(bindparam("limit"))
)
_OPEN_NOW = _WITH_ISSUES.where(IS_ACTIVE, _record.c.version_id == _version.c.id)
# The canonical key is a keyed hash, so that its order is random, and the same whenever it is asked.
_DRAWN = select(_record.c.id).where(IS_ACTIVE).order_by(_record.c.canonical_key).limit(bindparam("limit"))
_DRAWN_OF_SOURCE = _DRAWN.where(_record.c.source_id == bindparam("source"))
_VERSION_COUNTS = (
    select(_version.c.record_id)
    .where(is_in(_version.c.record_id, "ids"), _version.c.state.in_(("active", "superseded")))
    .group_by(_version.c.record_id)
    .having(func.count() > 1)
)
_ISSUES_OF = select(_version.c.id, _version.c.issues).where(is_in(_version.c.record_id, "ids"), _HAS_ISSUES)
_IS_HIDDEN = exists().where(
    _record.c.source_id == _batch.c.source_id,
    _record.c.local_id == _reject.c.local_id,
    _record.c.state.in_(_HIDDEN_STATES),
)
_WAS_HIDDEN = exists().where(
    _alias.c.source_id == _batch.c.source_id,
    _alias.c.local_id == _reject.c.local_id,
    _alias.c.record_id == _record.c.id,
    _record.c.state.in_(_HIDDEN_STATES),
)
_REJECTED_ROWS = (
    select(
        _reject.c.local_id,
        func.coalesce(_reject.c.field, "").label("field"),
        _reject.c.reason,
        _reject.c.batch_id,
        _batch.c.as_of,
        _batch.c.commit_no,
        _commit.c.at,
    )
    .join(_batch, _batch.c.id == _reject.c.batch_id)
    .join(_commit, _commit.c.no == _batch.c.commit_no)
    .where(
        _batch.c.source_id == bindparam("source"),
        _batch.c.status == "loaded",
        _reject.c.local_id > bindparam("after"),
        ~_IS_HIDDEN,
        ~_WAS_HIDDEN,
    )
    .order_by(_reject.c.local_id, _reject.c.batch_id, _reject.c.seq)
    .limit(bindparam("limit"))
)


@dataclass(frozen=True, slots=True)
class RecordWithIssues:
    """A record that has, or had, a version with a quality issue.

    Args:
        id: number of the record.
        local_id: its local ID.
        last_seen: latest as-of date at which its source confirmed the active version (ISO, UTC).
    """

    id: int
    local_id: str
    last_seen: str


@dataclass(frozen=True, slots=True)
class NamedReject:
    """A rejected row of a loaded file whose local ID was readable.

    Args:
        local_id: local ID of the row.
        field: canonical field; empty for the row as a whole.
        reason: stable code of the reason.
        batch_id: number of the load.
        as_of: when the file was true at its source, or else when it was loaded (ISO, UTC).
        commit_no: first commit of the load.
    """

    local_id: str
    field: str
    reason: str
    batch_id: int
    as_of: str
    commit_no: int


class QualityIssues:
    """Repository of quality issues, which are read from what sources stated.

    Nothing is stored for them besides the versions of records and the rejected rows of loads. So an undone
    load leaves no issue behind, and a destroyed record has none.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def count_current(self, source_id: int) -> dict[tuple[str, str], int]:
        """Count a source's active records by field and code of an issue."""
        counts: dict[tuple[str, str], int] = {}
        for row in self._connection.execute(_CURRENT_ISSUES, {"source": source_id}):
            for issue in parse_issues(row.issues):
                counts[issue] = counts.get(issue, 0) + row.records
        return counts

    def find_records(
        self, source_id: int, after: int, limit: int, *, is_open: bool
    ) -> list[RecordWithIssues]:
        """Return a source's records that have or had an issue, by number.

        Sealed records are left out.

        Args:
            source_id: number of the source.
            after: only records with a greater number.
            limit: most versions with an issue that are read.
            is_open: only records whose active version has an issue.
        """
        query = _OPEN_NOW if is_open else _WITH_ISSUES
        rows = self._connection.execute(query, {"source": source_id, "after": after, "limit": limit})
        # A row for each version with an issue.
        return list({row.id: RecordWithIssues(row.id, row.local_id, row.last_seen) for row in rows}.values())

    def issues_of_versions(self, record_ids: Collection[int]) -> dict[int, frozenset[tuple[str, str]]]:
        """Return fields and codes of issues by version.

        Versions without issues are left out.
        """
        issues: dict[int, frozenset[tuple[str, str]]] = {}
        for chunk in iter_chunks(record_ids):
            for row in self._connection.execute(_ISSUES_OF, {"ids": chunk}):
                issues[row.id] = frozenset(parse_issues(row.issues))
        return issues

    def draw_records(self, limit: int, source_id: int | None = None) -> list[int]:
        """Return active records in random order, always the same.

        Args:
            limit: most records.
            source_id: number of their source; None for records of all.
        """
        statement = _DRAWN if source_id is None else _DRAWN_OF_SOURCE
        return [row.id for row in self._connection.execute(statement, {"source": source_id, "limit": limit})]

    def with_several_versions(self, record_ids: Collection[int]) -> set[int]:
        """Return the records among those given that have an earlier version."""
        found: set[int] = set()
        for chunk in iter_chunks(record_ids):
            found |= {row.record_id for row in self._connection.execute(_VERSION_COUNTS, {"ids": chunk})}
        return found

    def find_rejects(self, source_id: int, after: str, limit: int) -> list[NamedReject]:
        """Return rejected rows of a source's loads, by local ID and load.

        Rows of undone loads and of sealed records are left out.

        Args:
            source_id: number of the source.
            after: only rows with a greater local ID.
            limit: most rows.
        """
        rows = self._connection.execute(_REJECTED_ROWS, {"source": source_id, "after": after, "limit": limit})
        return [
            NamedReject(row.local_id, row.field, row.reason, row.batch_id, row.as_of or row.at, row.commit_no)
            for row in rows
        ]


def parse_issues(issues_json: str) -> list[tuple[str, str]]:
    """Return the field and code of each issue of a version.

    Args:
        issues_json: column ``issues`` of the version.
    """
    issues: list[Mapping[str, str]] = orjson.loads(issues_json)
    return [(issue["field"], issue["code"]) for issue in issues]
