"""Grouping: which pairs in doubt are one question for a steward. Pure, order-neutral, and local.

Pairs that share a record belong together: whoever looks at one of them needs the other. Where one record is
in every pair, it is the question and the others are its candidates: a *star*. Where none is, as with two
twins in each of two sources, all of them are looked at side by side: a *grid*, up to as many records as fit a
page. What hangs together in more records than that is cut: first the stars around *busy* records, then each
rest that fits a page is a question as it is, and of a rest that does not each pair is asked about its busier
record.

Local means that a pair which comes or goes changes no question but those near by, however much hangs together
beyond: ``regroup_questions`` tells them, and asks for no other pairs. In a large state that counts, for there a good
part of all pairs in doubt hang together.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mpi.clustering.component import Pair, order_pair

MAX_GRID_RECORDS = 12
"""Records of a grid: more do not fit side by side."""
BUSY_CANDIDATES = 6
"""Candidates from which a record is busy: of 3 to 16 what leaves the fewest questions (ADR 0062)."""

_UNSIGNED = 2**64 - 1

CandidateReader = Callable[[Collection[int]], Mapping[int, Collection[int]]]
"""All whom each of some records may be, by canonical keys; who is in no pair may be left out."""


class QuestionShape(StrEnum):
    """How the records of a question stand to each other."""

    COUPLE = "couple"
    """Two records and nobody else."""
    STAR = "star"
    """The record that names it, and its candidates."""
    GRID = "grid"
    """Several alike."""


@dataclass(frozen=True, slots=True)
class PairQuestion:
    """What pairs in doubt are shown as at once.

    Args:
        named_by: canonical key of the record that names it: a star's centre, else the lowest key.
        shape: how its records stand to each other.
    """

    named_by: int
    shape: QuestionShape

    @property
    def key(self) -> str:
        """Its name, which is the same whenever the same record is asked about: ``q-`` and 16 hex digits."""
        return format_question_key("q", self.named_by)


def format_question_key(kind: str, record: int) -> str:
    """The name of a question: a letter of its kind, and the canonical key of the record that names it."""
    return f"{kind}-{record & _UNSIGNED:016x}"


def group_candidates(pairs: Iterable[Pair]) -> dict[int, set[int]]:
    """The candidates of each record that is in some of the pairs."""
    found: dict[int, set[int]] = {}
    for left, right in pairs:
        found.setdefault(left, set()).add(right)
        found.setdefault(right, set()).add(left)
    return found


class ReviewPairGraph:
    """Pairs in doubt, of which no more is read than is asked for.

    Args:
        read: tells the candidates of records.
    """

    def __init__(self, read: CandidateReader) -> None:
        self._reader = read
        self._candidates_of: dict[int, Collection[int]] = {}
        self._components = _BoundedComponents(self, lambda _: True)
        self._components_without_busy = _BoundedComponents(self, self._is_not_busy)

    @classmethod
    def from_pairs(cls, pairs: Iterable[Pair]) -> "ReviewPairGraph":
        """Of pairs that are all at hand."""
        found = group_candidates(pairs)
        return cls(lambda records: {record: found[record] for record in records if record in found})

    def load(self, records: Collection[int]) -> None:
        """Read what is not known of records, at once."""
        unknown = [record for record in records if record not in self._candidates_of]
        if unknown:
            told = self._reader(unknown)
            self._candidates_of.update({record: told.get(record, ()) for record in unknown})

    def get_loaded(self, record: int) -> Collection[int] | None:
        """A record's candidates, where they have been read."""
        return self._candidates_of.get(record)

    def get_candidates(self, record: int) -> Collection[int]:
        """A record's candidates."""
        self.load([record])
        return self._candidates_of[record]

    def is_busy(self, record: int) -> bool:
        """Whether a record has so many candidates that it is a question of its own."""
        return len(self.get_candidates(record)) >= BUSY_CANDIDATES

    def group_into_questions(self, pairs: Collection[Pair]) -> dict[Pair, PairQuestion]:
        """The question of each of some pairs in doubt."""
        ends = {end for each in pairs for end in each}
        parts = self._components.find(ends)
        cut = {end for end in ends if parts[end] is None}
        self.load(cut)
        rests = self._components_without_busy.find({end for end in cut if not self.is_busy(end)})
        whole = {part: self._make_question(part, self._components) for part in _select_joined(parts)}
        left = {rest: self._make_question(rest, self._components_without_busy) for rest in _select_joined(rests)}
        found: dict[Pair, PairQuestion] = {}
        for each in pairs:
            part = parts[each[0]]
            rest = None if self.is_busy(each[1]) else rests.get(each[0])
            if part is not None:
                found[each] = whole[part]
            elif rest is not None:
                found[each] = left[rest]
            else:
                found[each] = PairQuestion(min(each, key=self._rank_by_candidates), QuestionShape.STAR)
        return found

    def find_affected(self, records: Collection[int], turned: Collection[int]) -> set[Pair]:
        """The pairs whose question may be another because records have other candidates than elsewhere.

        Args:
            records: those that do.
            turned: which of them are busy only here, or only there.
        """
        self.load(records)
        found = {order_pair(record, other) for record in records for other in self.get_candidates(record)}
        parts = self._components.find(records)
        found.update(*map(self._components.list_pairs, _select_joined(parts)))
        cut = {record for record in records if parts[record] is None}
        beside = cut | {other for record in cut & {*turned} for other in self.get_candidates(record)}
        self.load(beside)
        rests = self._components_without_busy.find({record for record in beside if not self.is_busy(record)})
        found.update(*map(self._components_without_busy.list_pairs, _select_joined(rests)))
        return found

    def _is_not_busy(self, record: int) -> bool | None:
        """Whether a record is not busy; None where that is not known yet."""
        candidates = self.get_loaded(record)
        return None if candidates is None else len(candidates) < BUSY_CANDIDATES

    def _make_question(self, records: frozenset[int], parts: "_BoundedComponents") -> PairQuestion:
        """The question that all pairs of a few records are."""
        if len(records) == len(("one", "other")):
            return PairQuestion(min(records), QuestionShape.COUPLE)
        numbers = {record: sum(1 for _ in parts.beside(record)) for record in records}
        centre = min(records, key=lambda record: (-numbers[record], record))
        # Every pair counts at both its ends.
        if sum(numbers.values()) == 2 * numbers[centre]:
            return PairQuestion(centre, QuestionShape.STAR)
        return PairQuestion(min(records), QuestionShape.GRID)

    def _rank_by_candidates(self, record: int) -> tuple[int, int]:
        return -len(self.get_candidates(record)), record


class _BoundedComponents:
    """What hangs together in no more records than fit a page.

    Args:
        doubts: the pairs.
        takes: which records take part; the others join nobody. None where that is not known yet.
    """

    def __init__(self, doubts: ReviewPairGraph, takes: Callable[[int], bool | None]) -> None:
        self._graph = doubts
        self._is_member = takes
        self._component_of: dict[int, frozenset[int] | None] = {}

    def find(self, records: Collection[int]) -> dict[int, frozenset[int] | None]:
        """For each record, those that hang together with it, itself too; None where they are too many."""
        waiting = [record for record in records if record not in self._component_of]
        while waiting:
            # What the searches need next is read at once for all of them.
            missing = set().union(*(self._search(record) for record in waiting))
            self._graph.load(missing)
            waiting = [record for record in waiting if record not in self._component_of]
        return {record: self._component_of[record] for record in records}

    def _search(self, record: int) -> set[int]:
        """Find the part of a record; or return the records of which something must be read before."""
        if record in self._component_of:
            return set()
        together, waiting, missing, many = {record}, [record], set[int](), False
        while waiting:
            one = waiting.pop()
            others = self._graph.get_loaded(one)
            if others is None:
                missing.add(one)
                continue
            for other in others:
                if other in together:
                    continue
                taken = self._is_member(other)
                if taken is None:
                    missing.add(other)
                elif taken:
                    together.add(other)
                    waiting.append(other)
                    many = many or self._component_of.get(other, ()) is None
            if many or len(together) > MAX_GRID_RECORDS:
                self._component_of.update(dict.fromkeys(together))
                return set()
        if not missing:
            part = frozenset(together)
            self._component_of.update(dict.fromkeys(together, part))
        return missing

    def iter_neighbors(self, record: int) -> Iterator[int]:
        """The candidates of a record that take part."""
        return (other for other in self._graph.get_candidates(record) if self._is_member(other))

    def list_pairs(self, part: frozenset[int]) -> set[Pair]:
        """The pairs between records of a part."""
        return {order_pair(record, other) for record in part for other in self.iter_neighbors(record)}


def _select_joined(parts: Mapping[int, frozenset[int] | None]) -> set[frozenset[int]]:
    return {part for part in parts.values() if part is not None and len(part) > 1}


def regroup_questions(before: ReviewPairGraph, after: ReviewPairGraph, changed: Collection[int]) -> dict[Pair, PairQuestion]:
    """The questions of all pairs that are another question than before, and of some that are not.

    Args:
        before: the pairs before something changed.
        after: the pairs now.
        changed: the ends of every pair that came or went, at least.

    Returns:
        By pair of ``after``, whatever came, too.
    """
    before.load(changed)
    after.load(changed)
    turned = {record for record in changed if before.is_busy(record) != after.is_busy(record)}
    near = before.find_affected(changed, turned) | after.find_affected(changed, turned)
    after.load({record for record, _ in near})
    return after.group_into_questions([each for each in near if each[1] in after.get_candidates(each[0])])
