"""Repository of the disclosure ledger: who received which fields, and why.

The ledger never holds personal values.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import BigInteger, Connection, LargeBinary, Row, Text, and_, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from mpi.domain.ledger.line_hash import PersonalPart, PublicPart, commit_to, draw_nonce, hash_line
from mpi.storage.driver.bulk_rows import insert_rows
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import DisclosedRecordRow, DisclosureRow, table_of

_disclosure = table_of(DisclosureRow)
_disclosed = table_of(DisclosedRecordRow)
HANDLE_RECORD_ID = 0
"""Record number 0, which stands for records named by a handle."""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One line of the disclosure ledger: an answer that left the index.

    Args:
        at: when the answer left (ISO, UTC).
        client: who received it.
        purpose: purpose of use that the call named.
        action: action that was performed.
        record_ids: records in the answer, ascending.
        fields: names of the fields in the answer.
        handle: name of the set of records, such as ``all@12`` as of commit 12, if too many to list.
        agreement: code of the agreement that the client acted under.
        lost_records: whether the answer named a record too that was destroyed since.
    """

    at: str
    client: str
    purpose: str | None
    action: str
    record_ids: tuple[int, ...]
    fields: tuple[str, ...]
    handle: str | None = None
    agreement: str | None = None
    lost_records: bool = False


_SCALAR_COLUMNS = ("at", "client", "purpose", "agreement", "action", "handle")
_HASH_COLUMNS = ("nonce", "leaf")
_ARRAY_COLUMNS = (*_SCALAR_COLUMNS, "record_ids", "fields", *_HASH_COLUMNS)
_NUMBER_AND_INSERT = text(
    "WITH taken AS ("
    "INSERT INTO counter (name, next) VALUES ('disclosure', 1 + :count) "
    "ON CONFLICT (name) DO UPDATE SET next = counter.next + :count RETURNING next - :count AS first"
    "), line AS ("
    f"INSERT INTO disclosure (id, {', '.join(_ARRAY_COLUMNS)}) "
    f"SELECT taken.first + one.n - 1, {', '.join(f'one.{name}' for name in _ARRAY_COLUMNS)} "
    f"FROM taken, unnest({', '.join(f':{name}' for name in _ARRAY_COLUMNS)}) "
    f"WITH ORDINALITY AS one({', '.join(_ARRAY_COLUMNS)}, n)"
    ") INSERT INTO disclosed_record (record_id, disclosure_id) "
    "SELECT about.record, taken.first + about.place "
    "FROM taken, unnest(:named, :places) AS about(record, place)"
).bindparams(
    bindparam("count", type_=BigInteger()),
    *(bindparam(name, type_=ARRAY(Text())) for name in _ARRAY_COLUMNS if name not in _HASH_COLUMNS),
    *(bindparam(name, type_=ARRAY(LargeBinary())) for name in _HASH_COLUMNS),
    *(bindparam(name, type_=ARRAY(BigInteger())) for name in ("named", "places")),
)
"""One PostgreSQL statement that numbers and inserts ledger lines.

It takes numbers from the counter as ``Counters.take`` does.
"""


_IS_ANSWER = and_(
    _disclosure.c.client == bindparam("client"),
    _disclosure.c.action == bindparam("action"),
    _disclosure.c.at > bindparam("since"),
)
_TIMES_OF_ANSWERS = select(_disclosure.c.at).where(_IS_ANSWER).order_by(_disclosure.c.at)
_TIME_OF_ANSWER = (
    select(_disclosure.c.at)
    .where(_IS_ANSWER)
    .order_by(_disclosure.c.at.desc())
    .limit(1)
    .offset(bindparam("later", type_=BigInteger()))
)
_ANSWERS_ABOUT_RECORDS = (
    select(_disclosed.c.record_id, _disclosure.c.id, _disclosure.c.at)
    .select_from(_disclosed.join(_disclosure, _disclosed.c.disclosure_id == _disclosure.c.id))
    .where(is_in(_disclosed.c.record_id, "ids"), _IS_ANSWER)
    # SQLite has no statistics, and would read all answers of the client. Lines are found by number then.
    .with_hint(_disclosure, "NOT INDEXED", "sqlite")
)
_TIMES_ABOUT_RECORD = (
    select(_disclosure.c.at)
    .select_from(_disclosed.join(_disclosure, _disclosed.c.disclosure_id == _disclosure.c.id))
    .where(
        _disclosed.c.record_id == bindparam("record"),
        _disclosure.c.agreement.is_not_distinct_from(bindparam("agreement")),
        _disclosure.c.action == bindparam("action"),
        _disclosure.c.at > bindparam("since"),
    )
    .order_by(_disclosure.c.at)
    .with_hint(_disclosure, "NOT INDEXED", "sqlite")
)
_OF_AGREEMENT = _disclosure.c.agreement == bindparam("agreement")
_FIRST_RECIPIENT = select(func.min(_disclosure.c.client).label("client")).where(_OF_AGREEMENT)
_RECIPIENT = _FIRST_RECIPIENT.cte("recipient", recursive=True)
_NEXT_RECIPIENT = _FIRST_RECIPIENT.where(_disclosure.c.client > _RECIPIENT.c.client).scalar_subquery()
_EACH_RECIPIENT = _RECIPIENT.union_all(select(_NEXT_RECIPIENT).where(_RECIPIENT.c.client.is_not(None)))
_RECIPIENTS = select(_EACH_RECIPIENT.c.client).where(_EACH_RECIPIENT.c.client.is_not(None))
_FIRST_ANSWER = select(func.min(_disclosure.c.at)).where(
    _OF_AGREEMENT, _disclosure.c.client == bindparam("client"), _disclosure.c.at >= bindparam("since")
)
_LOCK_CLIENT = text(
    "SELECT pg_advisory_xact_lock(CAST(:kind AS integer), "
    "hashtext(concat(nullif(current_schema(), 'public'), ':', CAST(:client AS text))))"
)
_CLIENT_LOCK = 0x6D706964
"""Kind of the advisory lock of one client: "mpid" in ASCII.

PostgreSQL keeps locks of two numbers apart from locks of one, such as that of the whole index. The schema is
part of the key: the locks are of the whole database, and scopes may have clients of one name.
"""


class Disclosures:
    """Repository of the disclosure ledger: who received which records, and why."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, number: int, disclosure: Disclosure) -> None:
        """Write a line to the disclosure ledger."""
        self.add_all(number, [disclosure])

    def add_all(self, first: int, disclosures: Sequence[Disclosure]) -> None:
        """Write lines to the disclosure ledger, numbered from ``first``."""
        numbered = list(enumerate(disclosures, first))
        insert_rows(
            self._connection,
            _disclosure,
            [{"id": number, **_to_columns(disclosure)} for number, disclosure in numbered],
        )
        insert_rows(
            self._connection,
            _disclosed,
            [
                {"record_id": record, "disclosure_id": number}
                for number, disclosure in numbered
                for record in _indexed_record_ids(disclosure)
            ],
        )

    def add_in_one_statement(self, disclosures: Sequence[Disclosure]) -> None:
        """Number and write disclosure-ledger lines in one statement.

        Only PostgreSQL supports this.
        """
        rows = [_to_columns(disclosure) for disclosure in disclosures]
        arrays = {name: [row[name] for row in rows] for name in _ARRAY_COLUMNS}
        record_places = [
            (record, place)
            for place, disclosure in enumerate(disclosures)
            for record in _indexed_record_ids(disclosure)
        ]
        record_arrays = {
            "named": [record for record, _ in record_places],
            "places": [place for _, place in record_places],
        }
        self._connection.execute(_NUMBER_AND_INSERT, {"count": len(disclosures), **arrays, **record_arrays})

    def all(self) -> list[Disclosure]:
        """Return every line of the disclosure ledger, oldest first."""
        rows = self._connection.execute(select(_disclosure).order_by(_disclosure.c.id))
        return [build_disclosure(row) for row in rows]

    def last_number(self) -> int:
        """Return the number of the disclosure ledger's last line, or 0."""
        return int(self._connection.execute(select(func.max(_disclosure.c.id))).scalar() or 0)

    def max_record_id(self) -> int:
        """Return the highest record number in the disclosure ledger, or 0."""
        return int(self._connection.execute(select(func.max(_disclosed.c.record_id))).scalar() or 0)

    def count_and_last(self) -> tuple[int, int]:
        """Return the disclosure ledger's count of lines and last line number.

        Both are equal unless a line is missing, since numbers have no gaps.
        """
        row = self._connection.execute(select(func.count(), func.max(_disclosure.c.id))).one()
        return row[0], row[1] or 0

    def lock_client(self, client: str) -> None:
        """Let no other transaction that also calls this count a client's answers.

        The lock is held until the transaction ends. On SQLite a writing transaction has no other beside it.
        """
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(_LOCK_CLIENT, {"kind": _CLIENT_LOCK, "client": client})

    def of_actions(self, actions: Collection[str]) -> list[Disclosure]:
        """Return the ledger's lines of some kinds of requests, oldest first."""
        rows = self._connection.execute(
            select(_disclosure).where(_disclosure.c.action.in_(actions)).order_by(_disclosure.c.id)
        )
        return [build_disclosure(row) for row in rows]

    def lines_of_client(self, client: str, actions: Collection[str], since: str) -> list[Disclosure]:
        """Return a client's lines of some kinds since a moment.

        The oldest line comes first.

        Args:
            client: name of the client or account.
            actions: kinds of requests.
            since: moment (ISO, UTC).
        """
        rows = self._connection.execute(
            select(_disclosure)
            .where(
                _disclosure.c.client == client, _disclosure.c.action.in_(actions), _disclosure.c.at >= since
            )
            .order_by(_disclosure.c.id)
        )
        return [build_disclosure(row) for row in rows]

    def recipients(self, agreement: str) -> list[str]:
        """Return the clients that were answered under an agreement, by name.

        Each is found by one search of an index, however many lines it has.
        """
        rows = self._connection.execute(_RECIPIENTS, {"agreement": agreement})
        return [row.client for row in rows]

    def first_answer(self, agreement: str, client: str, since: str) -> str | None:
        """Return a client's first answer under an agreement since a moment.

        Args:
            agreement: code of the agreement.
            client: name of the client or account.
            since: moment (ISO, UTC; a date is its first instant).
        """
        bound = {"agreement": agreement, "client": client, "since": since}
        return self._connection.execute(_FIRST_ANSWER, bound).scalar()

    def times_of_answers(self, client: str, action: str, since: str) -> list[str]:
        """Return when a client was answered after a moment, ascending.

        Args:
            client: name of the client or account.
            action: kind of request.
            since: moment (ISO, UTC).
        """
        rows = self._connection.execute(
            _TIMES_OF_ANSWERS, {"client": client, "action": action, "since": since}
        )
        return [row.at for row in rows]

    def time_of_answer(self, client: str, action: str, since: str, nth: int) -> str | None:
        """Return when a client had its n-th latest answer after a moment.

        Args:
            client: name of the client or account.
            action: kind of request.
            since: moment (ISO, UTC).
            nth: which answer, counted from 1, the latest.

        Returns:
            None if there are fewer answers.
        """
        bound = {"client": client, "action": action, "since": since, "later": nth - 1}
        at: str | None = self._connection.execute(_TIME_OF_ANSWER, bound).scalar()
        return at

    def records_answered(self, client: str, purpose: str, since: str) -> set[int]:
        """Return the records disclosed to a client since a moment.

        Args:
            client: name of the client or account.
            purpose: purpose of use.
            since: moment (ISO, UTC).
        """
        rows = self._connection.execute(
            select(_disclosure.c.record_ids).where(
                _disclosure.c.client == client, _disclosure.c.purpose == purpose, _disclosure.c.at >= since
            )
        )
        return {record for row in rows for record in orjson.loads(row.record_ids)}

    def times_of_answers_about(
        self, client: str, action: str, since: str, record_ids: Collection[int]
    ) -> dict[int, dict[int, str]]:
        """Return when a client was answered about records after a moment.

        Args:
            client: name of the client or account.
            action: kind of request.
            since: moment (ISO, UTC).
            record_ids: the records; lines that name a set of records by a handle are left out.

        Returns:
            Number and time of each line of the ledger, by record.
        """
        times_by_record: dict[int, dict[int, str]] = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(
                _ANSWERS_ABOUT_RECORDS, {"client": client, "action": action, "since": since, "ids": chunk}
            )
            for row in rows:
                times_by_record.setdefault(row.record_id, {})[row.id] = row.at
        return times_by_record

    def times_about_record(self, agreement: str | None, action: str, since: str, record_id: int) -> list[str]:
        """Return when anybody under an agreement was told of a record.

        Only times after a moment, ascending.

        Args:
            agreement: code of the agreement; None for callers without one.
            action: kind of request.
            since: moment (ISO, UTC).
            record_id: the record.
        """
        bound = {"agreement": agreement, "action": action, "since": since, "record": record_id}
        return list(self._connection.execute(_TIMES_ABOUT_RECORD, bound).scalars())


def _to_columns(disclosure: Disclosure) -> dict[str, Any]:
    """Return the columns of a line, with its hash in the tree."""
    record_ids = orjson.dumps(disclosure.record_ids).decode()
    fields = orjson.dumps(disclosure.fields).decode()
    nonce = draw_nonce()
    public = PublicPart(
        disclosure.at, disclosure.client, disclosure.purpose, disclosure.agreement, str(disclosure.action)
    )
    commitment = commit_to(nonce, PersonalPart(record_ids, fields, disclosure.handle))
    return {
        "at": disclosure.at,
        "client": disclosure.client,
        "purpose": disclosure.purpose,
        "agreement": disclosure.agreement,
        "action": disclosure.action,
        "handle": disclosure.handle,
        "record_ids": record_ids,
        "fields": fields,
        "nonce": nonce,
        "leaf": hash_line(public, commitment),
    }


def _indexed_record_ids(disclosure: Disclosure) -> list[int]:
    """Return the record numbers under which a disclosure is indexed."""
    return sorted({*disclosure.record_ids, *([HANDLE_RECORD_ID] if disclosure.handle is not None else [])})


def build_disclosure(row: Row[Any]) -> Disclosure:
    """Build a line of the ledger from its row."""
    return Disclosure(
        at=row.at,
        client=row.client,
        purpose=row.purpose,
        action=row.action,
        record_ids=tuple(orjson.loads(row.record_ids)),
        fields=tuple(orjson.loads(row.fields)),
        handle=row.handle,
        agreement=row.agreement,
        lost_records=row.commitment is not None,
    )
