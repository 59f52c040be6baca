"""Repository of incidents: wrong links, their records and the corrections sent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import AnyRow, CorrectionRow, IncidentRecordRow, IncidentRow, table_of

_incident = table_of(IncidentRow)
_record = table_of(IncidentRecordRow)
_correction = table_of(CorrectionRow)


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
    """A wrong link that was found.

    Args:
        code: code of the incident.
        kind: kind of the step that parted the records.
        opened_commit: commit number of the step.
        sent_commit: commit number of the sending of corrections; None before.
        due: last day of the clock (ISO); None where none runs.
        closed_commit: commit number of the closing; None while it is open.
        closed_by: name of the person who closed it.
        note: why it is closed; names no child.
    """

    code: str
    kind: str
    opened_commit: int
    sent_commit: int | None = None
    due: str | None = None
    closed_commit: int | None = None
    closed_by: str | None = None
    note: str | None = None


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


class Incidents:
    """Repository of incidents, their records and corrections."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, incident: StoredIncident, records: Iterable[IncidentRecord]) -> None:
        """Add an incident with its records."""
        self._connection.execute(
            insert(_incident).values(
                code=incident.code, kind=incident.kind, opened_commit=incident.opened_commit
            )
        )
        self._connection.execute(
            insert(_record),
            [
                {
                    "code": incident.code,
                    "record_id": record.record_id,
                    "person_id": record.person_id,
                    "part": record.part,
                }
                for record in records
            ],
        )

    def all(self) -> list[StoredIncident]:
        """Return every incident, the latest first."""
        rows = self._connection.execute(select(_incident).order_by(_incident.c.opened_commit.desc()))
        return [_to_incident(row) for row in rows]

    def find(self, code: str) -> StoredIncident | None:
        """Return an incident, or None."""
        if not code.isascii() or "\0" in code:
            return None  # no code has such a character, and PostgreSQL refuses some
        row = self._connection.execute(select(_incident).where(_incident.c.code == code)).first()
        return None if row is None else _to_incident(row)

    def records_of(self, codes: Iterable[str]) -> dict[str, list[IncidentRecord]]:
        """Return the records of each of some incidents, in the order of their numbers."""
        found: dict[str, list[IncidentRecord]] = {code: [] for code in codes}
        for chunk in iter_chunks(list(found)):
            rows = self._connection.execute(
                select(_record).where(is_in(_record.c.code, chunk)).order_by(_record.c.record_id)
            )
            for row in rows:
                found[row.code].append(IncidentRecord(row.record_id, row.person_id, row.part))
        return found

    def send(
        self, code: str, commit_no: int, due: str | None, corrections: Sequence[StoredCorrection]
    ) -> None:
        """Store the corrections that are sent, and the day by which they are due."""
        self._connection.execute(
            update(_incident).where(_incident.c.code == code).values(sent_commit=commit_no, due=due)
        )
        if corrections:
            self._connection.execute(
                insert(_correction),
                [
                    {
                        "code": sent.code,
                        "client": sent.client,
                        "agreement": sent.agreement,
                        "record_ids": orjson.dumps(sent.record_ids).decode(),
                        "since": sent.since,
                        "until": sent.until,
                        "answers": sent.answers,
                        "sent_commit": sent.sent_commit,
                    }
                    for sent in corrections
                ],
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
        """Return how many corrections a client or account has not acknowledged."""
        query = (
            select(func.count())
            .select_from(_correction)
            .where(_correction.c.client == client, _correction.c.acknowledged_commit.is_(None))
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
        return [
            StoredCorrection(
                code=row.code,
                client=row.client,
                agreement=row.agreement,
                record_ids=tuple(orjson.loads(row.record_ids)),
                since=row.since,
                until=row.until,
                answers=row.answers,
                sent_commit=row.sent_commit,
                acknowledged_commit=row.acknowledged_commit,
                acknowledged_by=row.acknowledged_by,
            )
            for row in rows
        ]


def _to_incident(row: AnyRow) -> StoredIncident:
    return StoredIncident(
        row.code,
        row.kind,
        row.opened_commit,
        row.sent_commit,
        row.due,
        row.closed_commit,
        row.closed_by,
        row.note,
    )
