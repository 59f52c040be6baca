"""Grouping: which pairs in doubt are one question for a steward. Pure and order-neutral.

Pairs that share a record belong together: whoever looks at one of them needs the other. Where one record is
in every pair, it is the question and the others are its candidates: a *star*. Where none is, as with two
twins in each of two sources, all of them are looked at side by side: a *grid*, up to as many records as fit a
page. More than that is cut into stars, the record with the most candidates first.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mpi.clustering.component import Pair

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

    Args:
        pairs: in doubt, by canonical keys.

    Returns:
        Questions in the order of the records that name them.
    """
    found: list[Question] = []
    waiting = _connected(sorted(set(pairs)))
    while waiting:
        question, rest = _cut(waiting.pop())
        found.append(question)
        waiting += rest
    return sorted(found, key=lambda question: question.named_by)


def _connected(pairs: list[Pair]) -> list[list[Pair]]:
    root: dict[int, int] = {}

    def find(record: int) -> int:
        while (above := root.get(record, record)) != record:
            root[record] = root.get(above, above)
            record = above
        return record

    for left, right in pairs:
        one, other = find(left), find(right)
        root[max(one, other)] = min(one, other)
    together: dict[int, list[Pair]] = {}
    for each in pairs:
        together.setdefault(find(each[0]), []).append(each)
    return list(together.values())


def _cut(pairs: list[Pair]) -> tuple[Question, list[list[Pair]]]:
    """One question of pairs that hang together, and what is left of them, each again hanging together."""
    centre = _busiest(pairs)
    mine = [each for each in pairs if centre in each]
    records = {record for each in pairs for record in each}
    if len(mine) < len(pairs) and len(records) <= MOST_IN_A_GRID:
        return Question(min(records), is_star=False, pairs=tuple(pairs)), []
    rest = [each for each in pairs if centre not in each]
    return Question(centre, is_star=True, pairs=tuple(mine)), _connected(rest)


def _busiest(pairs: list[Pair]) -> int:
    """The record with the most candidates, of several the one of the lowest key."""
    candidates: dict[int, int] = {}
    for each in pairs:
        for record in each:
            candidates[record] = candidates.get(record, 0) + 1
    return min(candidates, key=lambda record: (-candidates[record], record))
