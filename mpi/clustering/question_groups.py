"""Grouping of review pairs into questions for a steward.

The functions are pure, and independent of order. Pairs that share a record belong together: whoever looks
at one of them needs the other. Where one record is in every pair, it is the question and the others are its
candidates: a *star*. Where none is, as with two twins in each of two sources, all records are shown side by
side: a *grid*, up to as many records as fit a page. A larger connected component is cut: first the stars
around *busy* records; then each remaining component that fits a page is a question as it is; and of one
that does not fit, each pair is asked about its busier record.

The grouping is local: a pair that comes or goes changes no question but those near by, however large its
component. ``regroup_questions`` finds them, and reads no other pairs. In a large state that counts, for
there a good part of all review pairs is connected.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mpi.clustering.component import Pair, order_pair

MAX_GRID_RECORDS = 12
"""Most records of a grid; more do not fit side by side."""
BUSY_CANDIDATES = 6
"""Number of candidates from which a record is busy.

Of 3 to 16, this leaves the fewest questions (ADR 0062).
"""

_COUPLE_RECORDS = 2
_UNSIGNED = 2**64 - 1

CandidateReader = Callable[[Collection[int]], Mapping[int, Collection[int]]]
"""A function that reads all candidates of records, by canonical key.

Records without a pair may be left out of the answer.
"""


class QuestionShape(StrEnum):
    """Layout in which a clerical-review question shows its records."""

    COUPLE = "couple"
    """Two records that have no other candidates."""
    STAR = "star"
    """One record and its candidates."""
    GRID = "grid"
    """Several similar records side by side."""


@dataclass(frozen=True, slots=True)
class PairQuestion:
    """Clerical-review question in which a pair of records is shown.

    Args:
        named_by: canonical key of the record that names the question: a star's center, else the lowest key.
        shape: layout of its records.
    """

    named_by: int
    shape: QuestionShape

    @property
    def key(self) -> str:
        """Name of the review question, stable for the record naming it.

        ``q-`` and 16 hexadecimal digits.
        """
        return format_question_key("q", self.named_by)


def format_question_key(kind: str, record: int) -> str:
    """Format the name of a clerical-review question.

    Args:
        kind: a letter of its kind.
        record: canonical key of the record that names the question.
    """
    return f"{kind}-{record & _UNSIGNED:016x}"


def group_candidates(pairs: Iterable[Pair]) -> dict[int, set[int]]:
    """Return, for each record, the records it is paired with."""
    candidates_of: dict[int, set[int]] = {}
    for left, right in pairs:
        candidates_of.setdefault(left, set()).add(right)
        candidates_of.setdefault(right, set()).add(left)
    return candidates_of


class ReviewPairGraph:
    """Graph of the pairs for clerical review, read only as needed.

    Two records of such a pair are each other's candidates.

    Args:
        read: reads the candidates of records.
    """

    def __init__(self, reader: CandidateReader) -> None:
        self._reader = reader
        self._candidates_of: dict[int, Collection[int]] = {}
        self._components = _BoundedComponents(self, lambda _: True)
        self._components_without_busy = _BoundedComponents(self, self._is_not_busy)

    @classmethod
    def from_pairs(cls, pairs: Iterable[Pair]) -> "ReviewPairGraph":
        """Make the graph of review pairs that are all in memory."""
        candidates_of = group_candidates(pairs)
        return cls(
            lambda records: {record: candidates_of[record] for record in records if record in candidates_of}
        )

    def load(self, records: Collection[int]) -> None:
        """Read, in one call, the review candidates of records not loaded yet."""
        unknown = [record for record in records if record not in self._candidates_of]
        if unknown:
            candidates_of = self._reader(unknown)
            self._candidates_of.update({record: candidates_of.get(record, ()) for record in unknown})

    def get_loaded(self, record: int) -> Collection[int] | None:
        """Return a record's review candidates; None where not loaded yet."""
        return self._candidates_of.get(record)

    def get_candidates(self, record: int) -> Collection[int]:
        """Return the records that a record is paired with for review."""
        self.load([record])
        return self._candidates_of[record]

    def is_busy(self, record: int) -> bool:
        """Return whether a record has enough candidates for its own question."""
        return len(self.get_candidates(record)) >= BUSY_CANDIDATES

    def group_into_questions(self, pairs: Collection[Pair]) -> dict[Pair, PairQuestion]:
        """Return the clerical-review question that shows each of some pairs."""
        ends = {end for pair_of_records in pairs for end in pair_of_records}
        component_of = self._components.find(ends)
        cut_ends = {end for end in ends if component_of[end] is None}
        self.load(cut_ends)
        rest_of = self._components_without_busy.find({end for end in cut_ends if not self.is_busy(end)})
        question_of_component = {
            component: self._make_question(component, self._components)
            for component in _select_joined(component_of)
        }
        question_of_rest = {
            rest: self._make_question(rest, self._components_without_busy) for rest in _select_joined(rest_of)
        }
        questions: dict[Pair, PairQuestion] = {}
        for pair_of_records in pairs:
            component = component_of[pair_of_records[0]]
            rest = None if self.is_busy(pair_of_records[1]) else rest_of.get(pair_of_records[0])
            if component is not None:
                questions[pair_of_records] = question_of_component[component]
            elif rest is not None:
                questions[pair_of_records] = question_of_rest[rest]
            else:
                questions[pair_of_records] = PairQuestion(
                    min(pair_of_records, key=self._rank_by_candidates), QuestionShape.STAR
                )
        return questions

    def find_affected(self, records: Collection[int], toggled: Collection[int]) -> set[Pair]:
        """Return review pairs whose question may change with some records' candidates.

        Args:
            records: records whose candidates differ before and after a change.
            toggled: those of them that are busy only before or only after.
        """
        self.load(records)
        affected = {
            order_pair(record, candidate) for record in records for candidate in self.get_candidates(record)
        }
        component_of = self._components.find(records)
        affected.update(*map(self._components.list_pairs, _select_joined(component_of)))
        cut_records = {record for record in records if component_of[record] is None}
        near_records = cut_records | {
            candidate for record in cut_records & {*toggled} for candidate in self.get_candidates(record)
        }
        self.load(near_records)
        rest_of = self._components_without_busy.find(
            {record for record in near_records if not self.is_busy(record)}
        )
        affected.update(*map(self._components_without_busy.list_pairs, _select_joined(rest_of)))
        return affected

    def _is_not_busy(self, record: int) -> bool | None:
        """Return whether a record has few review candidates; None if not loaded."""
        candidates = self.get_loaded(record)
        return None if candidates is None else len(candidates) < BUSY_CANDIDATES

    def _make_question(self, records: frozenset[int], components: "_BoundedComponents") -> PairQuestion:
        """Return the one review question of all pairs of a small component."""
        if len(records) == _COUPLE_RECORDS:
            return PairQuestion(min(records), QuestionShape.COUPLE)
        neighbor_counts = {record: sum(1 for _ in components.iter_neighbors(record)) for record in records}
        center = min(records, key=lambda record: (-neighbor_counts[record], record))
        # Every pair counts at both its ends.
        if sum(neighbor_counts.values()) == 2 * neighbor_counts[center]:
            return PairQuestion(center, QuestionShape.STAR)
        return PairQuestion(min(records), QuestionShape.GRID)

    def _rank_by_candidates(self, record: int) -> tuple[int, int]:
        """Return a sort key that puts records with most review candidates first."""
        return -len(self.get_candidates(record)), record


class _BoundedComponents:
    """Connected components of review pairs, small enough for one page.

    Args:
        graph: the review pairs.
        is_member: whether a record takes part; None where that is not loaded yet. Other records connect
            nothing.
    """

    def __init__(self, graph: ReviewPairGraph, is_member: Callable[[int], bool | None]) -> None:
        self._graph = graph
        self._is_member = is_member
        self._component_of: dict[int, frozenset[int] | None] = {}

    def find(self, records: Collection[int]) -> dict[int, frozenset[int] | None]:
        """Return each record's component of review pairs; None where too large."""
        pending = [record for record in records if record not in self._component_of]
        while pending:
            # What the searches need next is read at once for all of them.
            missing = set().union(*(self._search(record) for record in pending))
            self._graph.load(missing)
            pending = [record for record in pending if record not in self._component_of]
        return {record: self._component_of[record] for record in records}

    def _search(self, record: int) -> set[int]:
        """Find a record's component, or return the records to load first."""
        if record in self._component_of:
            return set()
        component, pending, missing, is_too_large = {record}, [record], set[int](), False
        while pending:
            current = pending.pop()
            candidates = self._graph.get_loaded(current)
            if candidates is None:
                missing.add(current)
                continue
            for candidate in candidates:
                if candidate in component:
                    continue
                is_member = self._is_member(candidate)
                if is_member is None:
                    missing.add(candidate)
                elif is_member:
                    component.add(candidate)
                    pending.append(candidate)
                    is_too_large = is_too_large or self._component_of.get(candidate, ()) is None
            if is_too_large or len(component) > MAX_GRID_RECORDS:
                self._component_of.update(dict.fromkeys(component))
                return set()
        if not missing:
            records = frozenset(component)
            self._component_of.update(dict.fromkeys(component, records))
        return missing

    def iter_neighbors(self, record: int) -> Iterator[int]:
        """Return a record's review candidates that take part in components."""
        return (candidate for candidate in self._graph.get_candidates(record) if self._is_member(candidate))

    def list_pairs(self, component: frozenset[int]) -> set[Pair]:
        """Return the review pairs between records of a component."""
        return {
            order_pair(record, neighbor) for record in component for neighbor in self.iter_neighbors(record)
        }


def _select_joined(component_of: Mapping[int, frozenset[int] | None]) -> set[frozenset[int]]:
    """Return the components of two or more records."""
    return {component for component in component_of.values() if component is not None and len(component) > 1}


def regroup_questions(
    before: ReviewPairGraph, after: ReviewPairGraph, changed: Collection[int]
) -> dict[Pair, PairQuestion]:
    """Return the review questions of all pairs whose question has changed.

    Args:
        before: the pairs before a change.
        after: the pairs now.
        changed: at least the ends of every pair that came or went.

    Returns:
        By pair of ``after``, new pairs too; the question of some is unchanged.
    """
    before.load(changed)
    after.load(changed)
    toggled = {record for record in changed if before.is_busy(record) != after.is_busy(record)}
    affected = before.find_affected(changed, toggled) | after.find_affected(changed, toggled)
    after.load({record for record, _ in affected})
    return after.group_into_questions(
        [record_pair for record_pair in affected if record_pair[1] in after.get_candidates(record_pair[0])]
    )
