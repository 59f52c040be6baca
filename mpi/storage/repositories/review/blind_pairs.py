"""Repository of blind samples: random pairs and the stewards' answers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, exists, func, insert, select

from mpi.storage.driver.bulk_rows import insert_rows
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.repositories.derived.features_and_edges import MICROBITS, Edges
from mpi.storage.tables import AnyRow, BlindAnswerRow, BlindPairRow, EdgeRow, RecordRow, table_of

_pair = table_of(BlindPairRow)
_answer = table_of(BlindAnswerRow)
_edge = table_of(EdgeRow)
_record = table_of(RecordRow)

_EDGES_BY_LOWER_RECORD = select(_edge.c.lo, _edge.c.hi, _edge.c.weight).where(
    _edge.c.config_id == bindparam("config"), is_in(_edge.c.lo, "ids")
)
_HAS_ANSWER = exists().where(_answer.c.blind_pair_id == _pair.c.id)


@dataclass(frozen=True, slots=True)
class BlindPair:
    """A record pair that stewards judge without seeing its match weight.

    Args:
        id: number of the pair.
        stratum: stratum of the sample, such as a range of match weights, that the pair was drawn from.
        stratum_pairs: number of pairs in the stratum on that day.
        stratum_seen: number of pairs actually counted for it; fewer if ``stratum_pairs`` is an estimate.
        month: month of the sample, ``YYYY-MM``.
        drawn_at: when the pair was drawn (ISO, UTC).
        config_id: configuration of its weight.
        lo: lower record number.
        hi: higher record number.
        lo_version: version of the lower record at that time.
        hi_version: version of the higher record at that time.
        bits: match weight in bits.
        linked: whether both records belonged to one person at that time.
        first_by: who answered first, for a second review.
        first_verdict: the first answer, for a second review.
    """

    id: int
    stratum: str
    stratum_pairs: int
    stratum_seen: int
    month: str
    drawn_at: str
    config_id: int
    lo: int
    hi: int
    lo_version: int
    hi_version: int
    bits: float
    linked: bool
    first_by: str | None = None
    first_verdict: str | None = None


@dataclass(frozen=True, slots=True)
class BlindAnswer:
    """One person's verdict on a record pair judged without its match weight."""

    blind_pair_id: int
    actor: str
    verdict: str
    at: str


def _pair_of(row: AnyRow) -> BlindPair:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    weight = values.pop("weight")
    return BlindPair(**values, bits=weight / MICROBITS)


class BlindPairs:
    """Repository of record pairs judged without their weights, and verdicts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def max_record_id(self) -> int:
        """Return the highest record number, or 0."""
        return int(self._connection.execute(select(func.max(_record.c.id))).scalar() or 0)

    def edges_by_lower_record(self, config_id: int, record_ids: Collection[int]) -> Edges:
        """Return scored pairs whose lower record is given, weights in bits.

        Each pair thus belongs to one record.
        """
        edges: Edges = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_EDGES_BY_LOWER_RECORD, {"config": config_id, "ids": chunk})
            edges.update({(row[0], row[1]): row[2] / MICROBITS for row in rows})
        return edges

    def add(self, pairs: Sequence[BlindPair]) -> None:
        """Add record pairs to be judged blind."""
        names = [name for name in BlindPair.__slots__ if name != "bits"]
        rows = [
            {name: getattr(pair, name) for name in names} | {"weight": round(pair.bits * MICROBITS)}
            for pair in pairs
        ]
        insert_rows(self._connection, _pair, rows)

    def get(self, number: int) -> BlindPair | None:
        """Return a blindly judged record pair by number, or None."""
        row = self._connection.execute(select(_pair).where(_pair.c.id == number)).first()
        return None if row is None else _pair_of(row)

    def samples(self, since: str, until: str) -> list[BlindPair]:
        """Return the blind samples' pairs of months ``since`` to ``until``.

        Second reviews are left out.
        """
        return self._pairs(
            select(_pair)
            .where(_pair.c.month >= since, _pair.c.month <= until, _pair.c.first_by.is_(None))
            .order_by(_pair.c.id)
        )

    def unanswered_for(self, actor: str) -> list[BlindPair]:
        """Return unanswered blind pairs that a steward may judge.

        Stewards do not review their own first answers.
        """
        return self._pairs(
            select(_pair)
            .where(~_HAS_ANSWER, _pair.c.first_by.is_(None) | (_pair.c.first_by != actor))
            .order_by(_pair.c.id)
        )

    def add_answer(self, answer: BlindAnswer) -> None:
        """Store a verdict on a blindly judged record pair."""
        self._connection.execute(
            insert(_answer).values(
                blind_pair_id=answer.blind_pair_id, actor=answer.actor, verdict=answer.verdict, at=answer.at
            )
        )

    def answers_to(self, numbers: Collection[int]) -> dict[int, BlindAnswer]:
        """Return the verdict on each of the blind pairs that has one."""
        answers: dict[int, BlindAnswer] = {}
        for chunk in iter_chunks(numbers):
            rows = self._connection.execute(
                select(_answer).where(is_in(_answer.c.blind_pair_id, chunk)).order_by(_answer.c.at.desc())
            )
            answers.update({row.blind_pair_id: BlindAnswer(*row) for row in rows})
        return answers

    def all_with_answers(self) -> list[tuple[BlindPair, BlindAnswer]]:
        """Return every blind pair that was judged with its verdict, oldest first."""
        pairs = self._pairs(select(_pair).where(_HAS_ANSWER).order_by(_pair.c.id))
        answers = self.answers_to([pair.id for pair in pairs])
        return [(pair, answers[pair.id]) for pair in pairs]

    def count_second_reviews(self) -> list[tuple[str, str, str, str, int]]:
        """Count second reviews of answers by both stewards and both verdicts.

        Returns:
            (first steward, second steward, first verdict, second verdict, count).
        """
        rows = self._connection.execute(
            select(_pair.c.first_by, _answer.c.actor, _pair.c.first_verdict, _answer.c.verdict, func.count())
            .join(_answer, _answer.c.blind_pair_id == _pair.c.id)
            .where(_pair.c.first_by.is_not(None))
            .group_by(_pair.c.first_by, _answer.c.actor, _pair.c.first_verdict, _answer.c.verdict)
        )
        return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]

    def count_unanswered_second_reviews(self) -> int:
        """Count second reviews of stewards' answers that are still to be done."""
        counted = select(func.count()).select_from(_pair).where(_pair.c.first_by.is_not(None), ~_HAS_ANSWER)
        return int(self._connection.execute(counted).scalar_one())

    def _pairs(self, statement: Select[Any]) -> list[BlindPair]:
        return [_pair_of(row) for row in self._connection.execute(statement)]
