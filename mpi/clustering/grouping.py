"""Grouping: which pairs in doubt are one question for a steward. Pure and order-neutral.

Pairs that share a record belong together: whoever looks at one of them needs the other. Where one record is
in every pair, it is the question and the others are its candidates: a *star*. Where none is, as with two
twins in each of two sources, all of them are looked at side by side: a *grid*, up to as many records as fit a
page. More than that is cut into stars, the record with the most candidates first.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from mpi.clustering.component import Pair, pair

MOST_IN_A_GRID = 12
"""Records of a grid: more do not fit side by side."""

_UNSIGNED = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Question:
    """Pairs in doubt that are shown at once.

    Args:
        named_by: canonical key of the record that names it: a star's centre, or of a grid the lowest key.
        is_star: whether that record is in every pair.
        pairs: ascending.
    """

    named_by: int
    is_star: bool
    pairs: tuple[Pair, ...]

    @property
    def key(self) -> str:
        """Its name, which is the same whenever the same record is asked about: ``q-`` and 16 hex digits."""
        return key_of("q", self.named_by)


def key_of(kind: str, record: int) -> str:
    """The name of a question: a letter of its kind, and the canonical key of the record that names it."""
    return f"{kind}-{record & _UNSIGNED:016x}"


def grouped(pairs: Iterable[Pair]) -> list[Question]:
    """Put every pair into just one question; the same for any order of the pairs.

    Takes as long as there are pairs, whatever hangs together: of names that many share, and in a large state,
    a good part of all pairs in doubt does.

    Args:
        pairs: in doubt, by canonical keys.

    Returns:
        Questions in the order of the records that name them.
    """
    doubts = _Doubts(pairs)
    found = list(doubts.small(doubts.records))
    # What is left hangs together in more records than a grid has. A cut leaves only what hung on its centre
    # in doubt of being small: that it may fall into two large parts makes no difference to what is cut next.
    while (centre := doubts.busiest()) is not None:
        star, candidates = doubts.cut(centre)
        found.append(star)
        found.extend(doubts.small(candidates))
    return sorted(found, key=lambda question: question.named_by)


class _Doubts:
    """Pairs that are in no question yet.

    Args:
        pairs: all of them.
    """

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self._candidates: dict[int, set[int]] = {}
        for left, right in pairs:
            self._candidates.setdefault(left, set()).add(right)
            self._candidates.setdefault(right, set()).add(left)
        # Each record as often as it has had another number of candidates: of the older entries none is true.
        self._by_number = [(-len(others), record) for record, others in self._candidates.items()]
        heapify(self._by_number)

    @property
    def records(self) -> list[int]:
        """The records of the pairs."""
        return list(self._candidates)

    def busiest(self) -> int | None:
        """The record with the most candidates, of several the one of the lowest key, if any is left."""
        while self._by_number:
            number, record = self._by_number[0]
            if len(self._candidates.get(record, ())) == -number:
                return record
            heappop(self._by_number)
        return None

    def cut(self, centre: int) -> tuple[Question, set[int]]:
        """Take out the star around a record; returns it, and its candidates."""
        candidates = self._candidates.pop(centre)
        for record in candidates:
            others = self._candidates[record]
            others.discard(centre)
            if others:
                heappush(self._by_number, (-len(others), record))
            else:
                del self._candidates[record]
        return _star(centre, candidates), candidates

    def small(self, records: Iterable[int]) -> Iterator[Question]:
        """Take out what hangs together with one of the records and is a question as it is."""
        for record in records:
            if record in self._candidates and (together := self._together(record)) is not None:
                yield self._question({one: self._candidates.pop(one) for one in together})

    def _together(self, record: int) -> set[int] | None:
        """All records that hang together with one; None where they are more than a grid has."""
        found, waiting = {record}, [record]
        while waiting:
            for other in self._candidates[waiting.pop()]:
                if other not in found:
                    found.add(other)
                    waiting.append(other)
                    if len(found) > MOST_IN_A_GRID:
                        return None
        return found

    def _question(self, together: dict[int, set[int]]) -> Question:
        centre = min(together, key=lambda record: (-len(together[record]), record))
        pairs = sorted({pair(one, other) for one, others in together.items() for other in others})
        if len(together[centre]) == len(pairs):
            return _star(centre, together[centre])
        return Question(min(together), is_star=False, pairs=tuple(pairs))


def _star(centre: int, candidates: Iterable[int]) -> Question:
    return Question(centre, is_star=True, pairs=tuple(sorted(pair(centre, other) for other in candidates)))
