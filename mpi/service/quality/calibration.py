"""Calibration of the whole index: false and missed links by population group.

It reads every record once. So it is a command for whoever runs the index, and no figure of a page.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from mpi.domain import clock
from mpi.domain.statistics.sampling import JudgedStratum
from mpi.domain.statistics.small_cells import SMALLEST_SHOWN_COUNT
from mpi.domain.viewer import Viewer
from mpi.matching.diagnostics.error_rates import (
    AnswerTally,
    ErrorRates,
    Evidence,
    ModelTally,
    NumberTally,
    RecallBound,
    select_groups,
)
from mpi.matching.diagnostics.population_groups import (
    EVERYONE,
    RecordFacts,
    compare_numbers,
    hide_numbers,
    list_groups,
    read_facts,
)
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.quality.figure_access import permit_figures
from mpi.service.sampling.blind_review import DIFFERENT, SAME
from mpi.service.sampling.blind_sample import LINKED, NOT_LINKED
from mpi.standardize.serialization import features_from_bytes
from mpi.storage.repositories.review.blind_pairs import BlindPair
from mpi.storage.unit_of_work.units import ReadUnit

SAMPLED_MONTHS = 12
MOST_HOLDERS = 20
"""Records that may carry one number; beyond them it is shared, and not one child's."""
WEIGHED_PAIRS = 20_000
"""Pairs that are weighed again without their numbers, at most."""

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Estimated errors of the index by evidence and population group.

    Args:
        at: when it was measured (ISO, UTC).
        rates: false and missed links; groups with few linked pairs are left out.
        chained: linked pairs that were never compared, which the model's rates do not cover.
        recall: bound on recall from blind answers.
    """

    at: str
    rates: tuple[ErrorRates, ...]
    chained: int
    recall: RecallBound


def _keep_weight(_left: int, _right: int, bits: float) -> float:
    return bits


@dataclass(frozen=True, slots=True)
class LinkedPairs:
    """Partition whose links are judged, with the weights behind them.

    Args:
        child_of: number of each record's child.
        edges: bits of the candidate pairs as the model weighs them.
        link: bits from which a pair is linked.
        shift: returns the bits by which the partition judges a pair, from the model's bits.
        has_answers: whether the blind samples were drawn from this partition.
    """

    child_of: Mapping[int, int]
    edges: Mapping[Pair, float]
    link: float
    shift: Callable[[int, int, float], float] = _keep_weight
    has_answers: bool = True


def measure_calibration(
    index: Index,
    viewer: Viewer,
    records: Collection[int] | None = None,
    judged: LinkedPairs | None = None,
) -> Calibration:
    """Measure false and missed links by each kind of evidence.

    Args:
        index: the open index.
        viewer: who asks.
        records: the records whose pairs count; None for all.
        judged: the partition; None for that of the enterprise IDs.

    Raises:
        AccessDenied: the viewer may not read figures, or does not see every source.
    """
    permit_figures(viewer)
    now = clock.now()
    with index.database.read(viewer) as unit:
        config_id = index.config_id(unit)
        if judged is None:
            judged = LinkedPairs(
                unit.persons.all_current_persons(),
                unit.derived_data.all_edges(config_id),
                index.matcher.model.thresholds.link,
            )
        persons, edges = judged.child_of, judged.edges
        facts = {
            record: read_facts(features_from_bytes(payload))
            for record, payload in unit.derived_data.iterate_features(config_id)
            if record in persons and (records is None or record in records)
        }
        answers = _tally_answers(unit, facts, now.year * 12 + now.month) if judged.has_answers else {}
        linked = list(list_linked_pairs({record: persons[record] for record in facts}))
        numbered = find_numbered_pairs({*linked, *edges}, facts)
        weights = weigh_without_numbers(unit, index, config_id, numbered)
    shift, link = judged.shift, judged.link
    rates = (
        *_estimate_by_model(judged, facts),
        *_tally_numbers(Evidence.NUMBERS, numbered, facts, lambda lo, hi: persons[lo] == persons[hi]),
        *_tally_numbers(
            Evidence.HIDDEN_NUMBERS,
            {pair: numbered[pair] for pair in weights},
            facts,
            lambda lo, hi: shift(lo, hi, weights[lo, hi]) >= link,
        ),
        *(tally.estimate(group) for group, tally in sorted(answers.items())),
    )
    return Calibration(
        at=clock.format_timestamp(now),
        rates=select_groups(rates, EVERYONE, SMALLEST_SHOWN_COUNT),
        chained=sum(pair not in edges for pair in linked),
        recall=answers.get(EVERYONE, AnswerTally()).bound_recall(),
    )


def list_linked_pairs(persons: Mapping[int, int]) -> Iterator[Pair]:
    """Yield every pair of records of one person, the lower number first."""
    members: dict[int, list[int]] = defaultdict(list)
    for record, person in sorted(persons.items()):
        members[person].append(record)
    for records in members.values():
        yield from combinations(records, 2)


def _estimate_by_model(judged: LinkedPairs, facts: Mapping[int, RecordFacts]) -> Iterator[ErrorRates]:
    """Estimate error rates by group from the weights of compared pairs."""
    tallies: dict[str, ModelTally] = defaultdict(ModelTally)
    child_of = judged.child_of
    for (left, right), bits in judged.edges.items():
        if left in facts and right in facts:
            weight = judged.shift(left, right, bits)
            for group in list_groups(facts[left], facts[right]):
                tallies[group].add(weight, linked=child_of[left] == child_of[right])
    return (tally.estimate(group) for group, tally in sorted(tallies.items()))


def find_numbered_pairs(pairs: set[Pair], facts: Mapping[int, RecordFacts]) -> dict[Pair, bool]:
    """Return pairs whose truth a number tells, and whether they share it.

    Args:
        pairs: pairs that are linked or compared; pairs of equal numbers are added.
        facts: facts by record.
    """
    numbered = dict.fromkeys(_list_pairs_of_equal_numbers(facts), True)
    for left, right in pairs:
        if left in facts and right in facts and (left, right) not in numbered:
            is_equal = compare_numbers(facts[left], facts[right])
            # An equal number that is missing above is shared by too many to be one child's.
            if is_equal is False:
                numbered[left, right] = False
    return numbered


def weigh_without_numbers(
    unit: ReadUnit, index: Index, config_id: int, numbered: Mapping[Pair, bool]
) -> dict[Pair, float]:
    """Weigh a sample of pairs without their numbers, in bits."""
    pairs = sorted(numbered)
    sample = pairs[:: -(-len(pairs) // WEIGHED_PAIRS)] if pairs else []
    features = {
        record: hide_numbers(record_features)
        for record, record_features in load_features(
            unit, config_id, {record for pair in sample for record in pair}
        ).items()
    }
    weigh = index.matcher.scorer.weigh
    return {(lo, hi): weigh(features[lo], features[hi]) for lo, hi in sample}


def _tally_numbers(
    evidence: Evidence,
    numbered: Mapping[Pair, bool],
    facts: Mapping[int, RecordFacts],
    is_linked: Callable[[int, int], bool],
) -> Iterator[ErrorRates]:
    """Estimate error rates by group from pairs whose truth a number tells."""
    tallies: dict[str, NumberTally] = defaultdict(NumberTally)
    for (left, right), is_equal in numbered.items():
        linked = is_linked(left, right)
        for group in list_groups(facts[left], facts[right]):
            tallies[group].add(equal=is_equal, linked=linked)
    return (tally.estimate(group, evidence) for group, tally in sorted(tallies.items()))


def _list_pairs_of_equal_numbers(facts: Mapping[int, RecordFacts]) -> set[Pair]:
    """List the pairs of records that share a number of one child."""
    holders: dict[tuple[str, str], list[int]] = defaultdict(list)
    for record, record_facts in sorted(facts.items()):
        for system_and_number in record_facts.numbers.items():
            holders[system_and_number].append(record)
    return {
        pair
        for records in holders.values()
        if len(records) <= MOST_HOLDERS
        for pair in combinations(records, 2)
    }


def _tally_answers(
    unit: ReadUnit, facts: Mapping[int, RecordFacts], month_number: int
) -> dict[str, AnswerTally]:
    """Tally the verdicts of the last months' blind samples by group."""
    first, last = (name_month(month_number - back) for back in (SAMPLED_MONTHS, 0))
    pairs = [pair for pair in unit.blind_pairs.samples(first, last) if pair.lo in facts and pair.hi in facts]
    verdicts = {number: answer.verdict for number, answer in unit.blind_pairs.answers_to(
        [pair.id for pair in pairs]
    ).items()}  # fmt: skip
    groups: dict[str, list[BlindPair]] = defaultdict(list)
    for pair in pairs:
        for group in list_groups(facts[pair.lo], facts[pair.hi]):
            groups[group].append(pair)
    drawn = Counter(pair.stratum for pair in pairs)
    return {group: _tally_group(members, verdicts, drawn) for group, members in groups.items()}


def _tally_group(
    pairs: list[BlindPair], verdicts: Mapping[int, str], drawn: Mapping[str, int]
) -> AnswerTally:
    """Tally the verdicts on one group's pairs by stratum.

    A group's part of a stratum is estimated by its part of the drawn pairs.
    """
    tally = AnswerTally()
    for stratum in (*LINKED, *NOT_LINKED):
        members = [pair for pair in pairs if pair.stratum == stratum]
        if not members:
            continue
        share, latest = len(members) / drawn[stratum], max(members, key=lambda pair: pair.id)
        given = [verdicts[pair.id] for pair in members if pair.id in verdicts]
        judged = JudgedStratum(
            pairs=max(round(latest.stratum_pairs * share), 1),
            counted=max(round(latest.stratum_seen * share), 1),
            same=given.count(SAME),
            different=given.count(DIFFERENT),
        )
        (tally.linked if stratum in LINKED else tally.apart).append(judged)
    return tally


def name_month(number: int) -> str:
    """Return a number of months since year 0 as YYYY-MM."""
    year, month = divmod(number - 1, 12)
    return f"{year:04}-{month + 1:02}"
