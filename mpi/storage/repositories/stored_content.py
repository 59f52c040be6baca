"""Repository of content to encrypt, to encrypt anew, or to check.

Each call does a page of rows and tells where it ended, so that long work runs in short transactions. What is
left to do follows from the rows themselves, so that interrupted work can begin again at the first row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, tuple_, update

from mpi.domain.errors import StoreError
from mpi.storage.encryption import envelope
from mpi.storage.encryption.envelope import AlteredContentError
from mpi.storage.repositories.access.research_projects import salt_place
from mpi.storage.repositories.access.rights_cases import text_place
from mpi.storage.repositories.notices.webhooks import former_secret_place, webhook_secret_place
from mpi.storage.repositories.payload_keys import PayloadKeys, RecordCipher
from mpi.storage.repositories.review.owner_questions import note_place
from mpi.storage.repositories.review.task_work import action_note_place
from mpi.storage.repositories.rosters.child_items import item_place
from mpi.storage.repositories.sign_in.second_factors import secret_place
from mpi.storage.repositories.sources.record_erasure import ERASED_PAYLOAD
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.steps.idempotent_answers import answer_place
from mpi.storage.repositories.steps.steps import decision_note_place
from mpi.storage.tables import (
    ChildItemRow,
    KeptAnswerRow,
    NoteRow,
    OwnerQuestionRow,
    RecordRow,
    RecordVersionRow,
    ResearchProjectRow,
    RightsTextRow,
    SecondFactorRow,
    TaskActionRow,
    WebhookRow,
    table_of,
)

_record = table_of(RecordRow)
_version = table_of(RecordVersionRow)
_note = table_of(NoteRow)
_action = table_of(TaskActionRow)
_owner_question = table_of(OwnerQuestionRow)
_answer = table_of(KeptAnswerRow)
_rights_text = table_of(RightsTextRow)
_second_factor = table_of(SecondFactorRow)
_project = table_of(ResearchProjectRow)
_webhook = table_of(WebhookRow)
_item = table_of(ChildItemRow)

_TEXTS: dict[str, tuple[Any, tuple[Any, ...], Any]] = {
    "note.body": (_note.c.body, (_note.c.id,), decision_note_place),
    "task_action.note": (_action.c.note, (_action.c.id,), action_note_place),
    "owner_question.note": (_owner_question.c.note, (_owner_question.c.id,), note_place),
    "kept_answer.answer": (_answer.c.answer, (_answer.c.client, _answer.c.key), answer_place),
    "rights_text.text": (_rights_text.c.text, (_rights_text.c.code, _rights_text.c.kind), text_place),
    "child_item.value": (_item.c.value, (_item.c.record_id, _item.c.kind, _item.c.from_commit), item_place),
    "second_factor.secret": (_second_factor.c.secret, (_second_factor.c.account_id,), secret_place),
    "research_project.salt": (_project.c.salt, (_project.c.code,), salt_place),
    "webhook.secret": (_webhook.c.secret, (_webhook.c.code,), webhook_secret_place),
    "webhook.former_secret": (_webhook.c.former_secret, (_webhook.c.code,), former_secret_place),
}
"""Encrypted text columns: the column, its table's primary key, and the function of a row's place."""
TEXT_COLUMNS = tuple(_TEXTS)
"""Names of the encrypted text columns."""
_VERSION_PAGE = (
    select(
        _version.c.id, _version.c.record_id, _version.c.payload, _version.c.content_hash, _record.c.data_key
    )
    .join(_record, _record.c.id == _version.c.record_id)
    .where(_version.c.id > bindparam("after"))
    .order_by(_version.c.id)
    .limit(bindparam("most"))
)
_DATA_KEY_PAGE = (
    select(_record.c.id, _record.c.data_key)
    .where(_record.c.id > bindparam("after"), _record.c.data_key.is_not(None))
    .order_by(_record.c.id)
    .limit(bindparam("most"))
)
_CURRENT_PAGE = (
    select(_record.c.id, _record.c.source_id, _record.c.version_id, _record.c.data_key, _version.c.payload)
    .join(_version, _version.c.id == _record.c.version_id)
    .where(
        _record.c.id > bindparam("after"),
        _record.c.state.in_([RecordState.ACTIVE, RecordState.HELD, RecordState.SEALED]),
    )
    .order_by(_record.c.id)
    .limit(bindparam("most"))
)
_SET_PAYLOAD = (
    update(_version).where(_version.c.id == bindparam("number")).values(payload=bindparam("stored"))
)
_SET_DATA_KEY = (
    update(_record).where(_record.c.id == bindparam("number")).values(data_key=bindparam("stored"))
)


@dataclass(frozen=True, slots=True)
class PageResult:
    """What one call did with a page of rows.

    Args:
        last: key of the last row that it read; None at the end.
        written: number of rows that it wrote.
    """

    last: Any
    written: int


@dataclass(frozen=True, slots=True)
class AlteredVersion:
    """A version whose payload is not what the index stored.

    Args:
        record_id: number of the record.
        version_id: number of its version.
    """

    record_id: int
    version_id: int


class StoredContent:
    """Repository of stored content, as it is encrypted.

    Args:
        connection: connection with an open transaction.
        payload_keys: payload keys in use.
    """

    def __init__(self, connection: Connection, payload_keys: PayloadKeys) -> None:
        self._connection = connection
        self._keys = payload_keys

    def last_version(self) -> int:
        """Return the highest number of a record version, or 0."""
        return int(self._connection.execute(select(func.max(_version.c.id))).scalar() or 0)

    def last_record(self) -> int:
        """Return the highest number of a record, or 0."""
        return int(self._connection.execute(select(func.max(_record.c.id))).scalar() or 0)

    def encrypt_payloads(self, after: int, most: int) -> PageResult:
        """Encrypt the readable payloads among the next record versions."""
        rows = self._connection.execute(_VERSION_PAGE, {"after": after, "most": most}).all()
        cipher = RecordCipher(self._keys)
        readable = [
            row
            for row in rows
            if row.payload != ERASED_PAYLOAD and not envelope.is_encrypted(bytes(row.payload))
        ]
        new_keys = []
        for row in readable:
            cipher.remember(row.record_id, row.data_key)
            if cipher.without_key([row.record_id]):
                new_keys.append({"number": row.record_id, "stored": cipher.make_key(row.record_id)})
        payloads = [
            {"number": row.id, "stored": cipher.encrypt(row.record_id, row.id, row.payload)}
            for row in readable
        ]
        self._write(_SET_DATA_KEY, new_keys)
        self._write(_SET_PAYLOAD, payloads)
        return PageResult(rows[-1].id if rows else None, len(payloads))

    def rewrap_data_keys(self, after: int, most: int) -> PageResult:
        """Encrypt the next records' data keys under the current payload key.

        Raises:
            StoreError: a data key was altered, or its payload key is missing.
        """
        rows = self._connection.execute(_DATA_KEY_PAGE, {"after": after, "most": most}).all()
        current = self._keys.current
        cipher = RecordCipher(self._keys)
        try:
            rewrapped = [
                {"number": row.id, "stored": cipher.rewrap(row.id, row.data_key)}
                for row in rows
                if current is not None and envelope.key_number_of(row.data_key) != current.number
            ]
        except AlteredContentError:
            raise StoreError("the data key of a record was altered: run mpi verify") from None
        self._write(_SET_DATA_KEY, rewrapped)
        return PageResult(rows[-1].id if rows else None, len(rewrapped))

    def encrypt_texts(self, name: str, after: tuple[Any, ...] | None, most: int) -> PageResult:
        """Encrypt the next texts of a column under the current payload key.

        Args:
            name: one of ``TEXT_COLUMNS``.
            after: primary key of the last row already done; None at the beginning.
            most: most rows.

        Raises:
            StoreError: a text was altered, or its payload key is missing.
        """
        column, key_columns, place_of = _TEXTS[name]
        rows = self._read_texts(name, after, most)
        current, written = self._keys.current, 0
        for *key, text in rows:
            if current is None or _number_of(text) == current.number:
                continue
            place = place_of(*key)
            stored = self._keys.encrypt_text(place, self._keys.decrypt_text(place, text))
            condition = tuple_(*key_columns) == tuple_(*key)
            self._connection.execute(update(column.table).where(condition).values({column.name: stored}))
            written += 1
        return PageResult(tuple(rows[-1][:-1]) if rows else None, written)

    def find_altered_payloads(self, after: int, most: int) -> tuple[int | None, list[AlteredVersion]]:
        """Check the payloads of the next record versions.

        A readable payload counts as altered where content is encrypted, except if it was destroyed.

        Returns:
            The last version that was read, None at the end, and those that were altered.
        """
        rows = self._connection.execute(_VERSION_PAGE, {"after": after, "most": most}).all()
        cipher = RecordCipher(self._keys)
        altered = [AlteredVersion(row.record_id, row.id) for row in rows if not self._is_intact(cipher, row)]
        return (rows[-1].id if rows else None), altered

    def read_current_payloads(self, after: int, most: int) -> tuple[int | None, list[tuple[int, bytes]]]:
        """Read the content of the next records that may be compared.

        These are active, held and sealed records; not withdrawn ones, which come back when they are sent.

        Returns:
            The last record that was read, None at the end, and source and payload of each record.

        Raises:
            StoreError: a payload was altered, or its key is missing.
        """
        rows = self._connection.execute(_CURRENT_PAGE, {"after": after, "most": most}).all()
        cipher = RecordCipher(self._keys)
        contents = [
            (row.source_id, cipher.decrypt(row.id, row.version_id, row.data_key, bytes(row.payload)))
            for row in rows
            if row.payload != ERASED_PAYLOAD
        ]
        return (rows[-1].id if rows else None), contents

    def count_altered_texts(self, name: str, after: tuple[Any, ...] | None, most: int) -> PageResult:
        """Check the next texts of a column; count those that were altered."""
        _, _, place_of = _TEXTS[name]
        rows, altered = self._read_texts(name, after, most), 0
        for *key, text in rows:
            try:
                number = _number_of(text)
                if number is not None:
                    envelope.decrypt_text(self._keys.ring.get(number), place_of(*key), text)
            except AlteredContentError:
                altered += 1
        return PageResult(tuple(rows[-1][:-1]) if rows else None, altered)

    def _is_intact(self, cipher: RecordCipher, row: Any) -> bool:  # noqa: ANN401 - a database row
        payload = bytes(row.payload)
        if not envelope.is_encrypted(payload):
            return payload == ERASED_PAYLOAD and row.content_hash == ""
        try:
            cipher.open(row.record_id, row.id, row.data_key, payload)
        except AlteredContentError:
            return False
        return True

    def _read_texts(self, name: str, after: tuple[Any, ...] | None, most: int) -> Sequence[Any]:
        """Return primary key and text of the next rows of a column."""
        column, key_columns, _ = _TEXTS[name]
        query = select(*key_columns, column).where(column.is_not(None)).order_by(*key_columns).limit(most)
        if after is not None:
            query = query.where(tuple_(*key_columns) > tuple_(*after))
        return self._connection.execute(query).all()

    def _write(self, statement: Any, rows: list[dict[str, Any]]) -> None:  # noqa: ANN401 - an update
        if rows:
            self._connection.execute(statement, rows)


def _number_of(text: str) -> int | None:
    try:
        return envelope.text_key_number(text)
    except AlteredContentError:
        return None
