"""Repository of stewards' questions to the owners of records."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection, insert, select, update

from mpi.storage.driver.chunks import MAX_BIGINT, iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.repositories.payload_keys import PayloadKeys
from mpi.storage.tables import AnyRow, OwnerQuestionRow, table_of

_owner_question = table_of(OwnerQuestionRow)

OPEN, ANSWERED, WITHDRAWN = "open", "answered", "withdrawn"


@dataclass(frozen=True, slots=True)
class StoredOwnerQuestion:
    """A steward's question to a record's owner, with its answer.

    Args:
        id: number of the question to the owner.
        question: key of the steward's question that it is about.
        record_id: the record.
        source_id: source of the record, whose owner is asked.
        asks: code of what is asked.
        asked_by: who asks.
        asked_at: when it was asked (ISO, UTC).
        due_on: day by which an answer is wanted.
        state: ``open``, ``answered`` or ``withdrawn``.
        answer: code of the answer.
        answered_by: who answered.
        answered_at: when it was answered (ISO, UTC).
        note: free text of the owner.
    """

    id: int
    question: str
    record_id: int
    source_id: int
    asks: str
    asked_by: str
    asked_at: str
    due_on: str
    state: str = OPEN
    answer: str | None = None
    answered_by: str | None = None
    answered_at: str | None = None
    note: str | None = None


class OwnerQuestions:
    """Repository of stewards' questions to source owners about records."""

    def __init__(self, connection: Connection, payload_keys: PayloadKeys) -> None:
        self._connection = connection
        self._keys = payload_keys

    def add(self, question: StoredOwnerQuestion) -> None:
        """Add a steward's question to the owner of a record."""
        self._connection.execute(insert(_owner_question).values(**asdict(self._encrypt(question))))

    def get(self, number: int) -> StoredOwnerQuestion | None:
        """Return a steward's question to a source owner by number, or None."""
        if abs(number) > MAX_BIGINT:
            return None
        row = self._connection.execute(select(_owner_question).where(_owner_question.c.id == number)).first()
        return None if row is None else self._to_question(row)

    def all_of_questions(self, questions: Collection[str]) -> list[StoredOwnerQuestion]:
        """Return questions to source owners asked for given review questions.

        The oldest comes first.
        """
        owner_questions: list[StoredOwnerQuestion] = []
        for chunk in iter_chunks(questions):
            rows = self._connection.execute(
                select(_owner_question)
                .where(is_in(_owner_question.c.question, chunk))
                .order_by(_owner_question.c.id)
            )
            owner_questions += map(self._to_question, rows)
        return owner_questions

    def all_of_sources(self, source_ids: Collection[int], *states: str) -> list[StoredOwnerQuestion]:
        """Return questions to sources' owners in given states, first due first."""
        owner_questions: list[StoredOwnerQuestion] = []
        for chunk in iter_chunks(source_ids):
            rows = self._connection.execute(
                select(_owner_question).where(
                    is_in(_owner_question.c.source_id, chunk), _owner_question.c.state.in_(states)
                )
            )
            owner_questions += map(self._to_question, rows)
        return sorted(owner_questions, key=lambda question: (question.due_on, question.id))

    def answer(self, number: int, answer: str, answered_by: str, moment: str, note: str | None) -> None:
        """Store a source owner's answer to a steward's question about a record."""
        stored = self._keys.encrypt_optional_text(note_place(number), note)
        self._set(
            number, state=ANSWERED, answer=answer, answered_by=answered_by, answered_at=moment, note=stored
        )

    def withdraw(self, number: int) -> None:
        """Withdraw a steward's question to a source owner."""
        self._set(number, state=WITHDRAWN)

    def withdraw_all_of_questions(self, questions: Collection[str]) -> None:
        """Withdraw the unanswered questions to source owners of given review questions."""
        for chunk in iter_chunks(questions):
            unanswered = (is_in(_owner_question.c.question, chunk), _owner_question.c.state == OPEN)
            self._connection.execute(update(_owner_question).where(*unanswered).values(state=WITHDRAWN))

    def erase_notes(self, record_id: int) -> None:
        """Destroy the free text of source owners' answers about a record."""
        is_about_record = _owner_question.c.record_id == record_id
        self._connection.execute(update(_owner_question).where(is_about_record).values(note=None))

    def _set(self, number: int, **values: Any) -> None:  # noqa: ANN401 - columns
        self._connection.execute(
            update(_owner_question).where(_owner_question.c.id == number).values(**values)
        )

    def _encrypt(self, question: StoredOwnerQuestion) -> StoredOwnerQuestion:
        return replace(
            question, note=self._keys.encrypt_optional_text(note_place(question.id), question.note)
        )

    def _to_question(self, row: AnyRow) -> StoredOwnerQuestion:
        question = StoredOwnerQuestion(**row._mapping)  # noqa: SLF001 - SQLAlchemy's own name for it
        return replace(
            question, note=self._keys.decrypt_optional_text(note_place(question.id), question.note)
        )


def note_place(number: int) -> str:
    """Return the place of an owner's note, which binds its encryption."""
    return f"owner_question.note|{number}"
