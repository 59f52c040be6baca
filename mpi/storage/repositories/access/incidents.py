"""Repository of incidents: wrong links, their records and the corrections sent."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass

import orjson
from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, select, update

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import AnyRow, CorrectionRow, IncidentRecordRow, IncidentRow, table_of

_incident = table_of(IncidentRow)
_record = table_of(IncidentRecordRow)
_correction = table_of(CorrectionRow)
_LATEST_FIRST = select(_incident).order_by(_incident.c.opened_commit.desc(), _incident.c.code)


@dataclass(frozen=True, slots=True)
class IncidentRecord:
    """A record of an incident.

    Args:
        record_id: number of the record.
        person_id: number of the person that it was taken for.
        part: number of the part that it is in since the step.
    """

    record_id: int
    person_id: int
    part: int


@dataclass(frozen=True, slots=True)
class StoredIncident:
    """A wrong link that was found, or a reversal of its corrections.

    Args:
        code: code of the incident.
        kind: kind of the step that parted the records, or made them one person again.
        opened_commit: commit number of the step.
        sent_commit: commit number of the sending of corrections; None before.
        due: last day (ISO) of the clock of the recipients' agreements; None where none has one.
        closed_commit: commit number of the closing; None while it is open.
        closed_by: name of the person who closed it.
        note: why it is closed; names no child.
        scope: code of the scope in which the step was made; None where it was made in this index.
        reversed_commit: commit number that made all its records one person again; None before.
        reverses: code of the incident whose corrections it reverses; None for a wrong link.
    """

    code: str
    kind: str
    opened_commit: int
    sent_commit: int | None = None
    due: str | None = None
    closed_commit: int | None = None
    closed_by: str | None = None
    note: str | None = None
    scope: str | None = None
    reversed_commit: int | None = None
    reverses: str | None = None


@dataclass(frozen=True, slots=True)
class StoredCorrection:
    """A correction sent to one recipient.

    Args:
        code: code of the incident.
        client: client or account that received the answers.
        agreement: code of the agreement that it acted under; None for none.
        record_ids: records that it was told of, ascending.
        since: when it was told first (ISO, UTC).
        until: when it was told last (ISO, UTC).
        answers: number of answers.
        sent_commit: commit number of the sending.
        acknowledged_commit: commit number of the acknowledgement; None before.
        acknowledged_by: who acknowledged it.
        withdrawn_commit: commit number from which on it holds no longer; None while it holds.
    """

    code: str
    client: str
    agreement: str | None
    record_ids: tuple[int, ...]
    since: str
    until: str
    answers: int
    sent_commit: int
    acknowledged_commit: int | None = None
    acknowledged_by: str | None = None
    withdrawn_commit: int | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether it holds and is not acknowledged."""
        return self.acknowledged_commit is None and self.withdrawn_commit is None


class Incidents:
    """Repository of incidents, their records and corrections."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, incident: StoredIncident, records: Iterable[IncidentRecord]) -> None:
        """Add an incident with its records."""
        self._connection.execute(insert(_incident).values(asdict(incident)))
        self._connection.execute(
            insert(_record), [{"code": incident.code, **asdict(record)} for record in records]
        )

    def all(self) -> list[StoredIncident]:
        """Return every incident, the latest first."""
        return [_to_incident(row) for row in self._connection.execute(_LATEST_FIRST)]

    def all_open(self) -> list[StoredIncident]:
        """Return every incident that is not closed, the latest first."""
        rows = self._connection.execute(_LATEST_FIRST.where(_incident.c.closed_commit.is_(None)))
        return [_to_incident(row) for row in rows]

    def about_records(self, record_ids: Collection[int]) -> list[StoredIncident]:
        """Return all incidents of some records, the earliest first."""
        found: dict[str, StoredIncident] = {}
        for chunk in iter_chunks(record_ids):
            codes = select(_record.c.code).where(is_in(_record.c.record_id, chunk))
            rows = self._connection.execute(select(_incident).where(_incident.c.code.in_(codes)))
            found.update({row.code: _to_incident(row) for row in rows})
        return sorted(found.values(), key=lambda incident: (incident.opened_commit, incident.code))

    def find(self, code: str) -> StoredIncident | None:
        """Return an incident, or None."""
        if not code.isascii() or "\0" in code:
            return None  # no code has such a character, and PostgreSQL refuses some
        row = self._connection.execute(select(_incident).where(_incident.c.code == code)).first()
        return None if row is None else _to_incident(row)

    def reversals_among(self, codes: Collection[str]) -> dict[str, str]:
        """Return the incident whose corrections each of some incidents reverses, if any."""
        found: dict[str, str] = {}
        for chunk in iter_chunks(codes):
            rows = self._connection.execute(
                select(_incident.c.code, _incident.c.reverses).where(
                    is_in(_incident.c.code, chunk), _incident.c.reverses.is_not(None)
                )
            )
            found.update({row.code: row.reverses for row in rows})
        return found

    def records_of(self, codes: Iterable[str]) -> dict[str, list[IncidentRecord]]:
        """Return the records of each incident, by their numbers."""
        found: dict[str, list[IncidentRecord]] = {code: [] for code in codes}
        for chunk in iter_chunks(list(found)):
            rows = self._connection.execute(
                select(_record).where(is_in(_record.c.code, chunk)).order_by(_record.c.record_id)
            )
            for row in rows:
                found[row.code].append(IncidentRecord(row.record_id, row.person_id, row.part))
        return found

    def set_parts(self, code: str, records: Iterable[IncidentRecord]) -> None:
        """Store the parts in which records of an incident are now."""
        rows = [{"record": record.record_id, "new_part": record.part} for record in records]
        if rows:
            self._connection.execute(
                update(_record)
                .where(_record.c.code == code, _record.c.record_id == bindparam("record"))
                .values(part=bindparam("new_part")),
                rows,
            )

    def send(
        self, code: str, commit_no: int, due: str | None, corrections: Sequence[StoredCorrection]
    ) -> None:
        """Store the sent corrections, and the day they are due."""
        self._connection.execute(
            update(_incident).where(_incident.c.code == code).values(sent_commit=commit_no, due=due)
        )
        self.add_corrections(corrections)

    def add_corrections(self, corrections: Sequence[StoredCorrection]) -> None:
        """Store corrections, each of another recipient or incident."""
        rows = [
            {**asdict(sent), "record_ids": orjson.dumps(sent.record_ids).decode()} for sent in corrections
        ]
        if rows:
            self._connection.execute(insert(_correction), rows)

    def withdraw(self, corrections: Sequence[StoredCorrection], commit_no: int) -> None:
        """Store that corrections hold no longer."""
        rows = [{"its_code": sent.code, "its_client": sent.client} for sent in corrections]
        if rows:
            self._connection.execute(
                update(_correction)
                .where(
                    _correction.c.code == bindparam("its_code"),
                    _correction.c.client == bindparam("its_client"),
                )
                .values(withdrawn_commit=commit_no),
                rows,
            )

    def mark_reversed(self, code: str, commit_no: int) -> None:
        """Store that the records of an incident are one person again."""
        self._connection.execute(
            update(_incident).where(_incident.c.code == code).values(reversed_commit=commit_no)
        )

    def acknowledge(self, code: str, client: str, commit_no: int, by: str) -> bool:
        """Store that a correction is acknowledged; return false if it was before."""
        result = self._connection.execute(
            update(_correction)
            .where(
                _correction.c.code == code,
                _correction.c.client == client,
                _correction.c.acknowledged_commit.is_(None),
            )
            .values(acknowledged_commit=commit_no, acknowledged_by=by)
        )
        return result.rowcount == 1

    def close(self, code: str, commit_no: int, by: str, note: str) -> None:
        """Store that a person has closed an incident."""
        self._connection.execute(
            update(_incident)
            .where(_incident.c.code == code)
            .values(closed_commit=commit_no, closed_by=by, note=note)
        )

    def corrections_of_client(self, client: str) -> list[StoredCorrection]:
        """Return the corrections sent to a client or account, the latest first."""
        return self._read_corrections(_correction.c.client == client)

    def count_waiting(self, client: str) -> int:
        """Count corrections in force that a client has not acknowledged."""
        query = (
            select(func.count())
            .select_from(_correction)
            .where(
                _correction.c.client == client,
                _correction.c.acknowledged_commit.is_(None),
                _correction.c.withdrawn_commit.is_(None),
            )
        )
        return int(self._connection.execute(query).scalar() or 0)

    def corrections_of(self, codes: Iterable[str]) -> dict[str, list[StoredCorrection]]:
        """Return the corrections of each of some incidents, by recipient."""
        found: dict[str, list[StoredCorrection]] = {code: [] for code in codes}
        for chunk in iter_chunks(list(found)):
            for correction in self._read_corrections(is_in(_correction.c.code, chunk)):
                found[correction.code].append(correction)
        return found

    def _read_corrections(self, condition: ColumnElement[bool]) -> list[StoredCorrection]:
        rows = self._connection.execute(
            select(_correction)
            .where(condition)
            .order_by(_correction.c.sent_commit.desc(), _correction.c.code, _correction.c.client)
        )
        return [_to_correction(row) for row in rows]


def _to_incident(row: AnyRow) -> StoredIncident:
    return StoredIncident(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it


def _to_correction(row: AnyRow) -> StoredCorrection:
    values = {**row._mapping, "record_ids": tuple(orjson.loads(row.record_ids))}  # noqa: SLF001 - as above
    return StoredCorrection(**values)
