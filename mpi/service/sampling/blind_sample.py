"""Draw the month's blind sample of pairs, stratified by match weight.

Linked pairs and unlinked pairs are divided by weight into *strata*. Pairs that a decision joins or separates
are in none, because people have judged them. Pairs are found through records drawn at random, each pair
through its record of the lower number. So every pair of a stratum is equally likely, and the time does not
grow with the index.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random

from mpi.clustering.union_find import UnionFind
from mpi.domain import clock
from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.errors import InputError
from mpi.domain.statistics.sampling import MONTHLY_PAIRS, allocate_sample, draw_numbers
from mpi.domain.viewer import Viewer
from mpi.domain.weight import Thresholds, round_weight
from mpi.matching.model.blocking_keys import compute_keys
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.gates.holds import require_whole_index
from mpi.service.indexing.finer_keys import find_finer_keys
from mpi.service.indexing.reindex import find_candidates
from mpi.storage.repositories.derived.features_and_edges import Edges
from mpi.storage.repositories.review.blind_pairs import BlindPair
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.unit_of_work.units import ReadUnit

MAX_SEARCHED_RECORDS = 1_000
"""Most records whose low-weight candidates, which are not stored, are scored."""
STRONG_BITS = 6.0
"""Bits above the link threshold from which a link is strong.

The odds are 64 times as good as at the threshold.
"""
BELOW_BITS = 4.0
"""Bits below the review threshold down to which pairs are sampled.

The odds there are a sixteenth of those at the threshold.
"""

Pair = tuple[int, int]


class Stratum(StrEnum):
    """Sampling stratum of record pairs, by match weight and whether linked."""

    LINKED_STRONG = "linked-strong"
    """Linked pairs far above the link threshold."""
    LINKED_NEAR = "linked-near"
    """Linked pairs just above the link threshold."""
    LINKED_CHAIN = "linked-chain"
    """Pairs linked only through other records, below the threshold or never compared."""
    APART = "apart"
    """Pairs above the link threshold that are not linked."""
    NEAR = "near"
    """Pairs in the upper half of the review band."""
    REVIEW = "review"
    """Pairs in the lower half of the review band."""
    BELOW = "below"
    """Pairs just below the review threshold, which stewards never see."""
    SECOND = "second"
    """Second reviews of stewards' answers, which belong to no sample."""


LINKED = (Stratum.LINKED_STRONG, Stratum.LINKED_NEAR, Stratum.LINKED_CHAIN)
NOT_LINKED = (Stratum.APART, Stratum.NEAR, Stratum.REVIEW, Stratum.BELOW)
_SAMPLED_STRATA = (*LINKED, *NOT_LINKED)


@dataclass(frozen=True, slots=True)
class StratumSample:
    """Size and number of drawn pairs of one sampling stratum.

    Args:
        stratum: its name.
        pairs: number of pairs in it, counted or estimated.
        seen: number of pairs actually counted; ``pairs`` is extrapolated from it.
        drawn: number of pairs to judge.
    """

    stratum: Stratum
    pairs: int
    seen: int
    drawn: int


@dataclass(frozen=True, slots=True)
class BlindSample:
    """Sample of record pairs drawn for blind review in one month.

    Args:
        month: ``YYYY-MM``.
        new: whether this call drew it.
        strata: the sampling strata with pairs.
    """

    month: str
    new: bool
    strata: tuple[StratumSample, ...]


@dataclass(slots=True)
class _StratumPairs:
    """Record pairs with match weights, by stratum, before the sample is drawn.

    A weight in bits is None where it is still to be computed. Each stratum also has the fraction of the index
    that was searched for its pairs.
    """

    pairs: dict[Stratum, dict[Pair, float | None]] = field(
        default_factory=lambda: {s: {} for s in _SAMPLED_STRATA}
    )
    fractions: dict[Stratum, float] = field(default_factory=dict)


def draw_blind_sample(
    index: Index, viewer: Viewer, month: str | None = None, size: int = MONTHLY_PAIRS
) -> BlindSample:
    """Draw a month's record pairs for blind review, or return those drawn.

    Args:
        index: the open index.
        viewer: who requests the draw; the pairs are not shown.
        month: ``YYYY-MM``; None for the current month.
        size: most pairs; at least one for each stratum.

    Raises:
        InputError: another month than the current one without a sample, or too small a size.
        AccessDenied: the viewer may not re-cluster, or may not see all sources.
    """
    require_whole_index(viewer)
    this_month = clock.today()[: len("2026-01")]
    sampled_month = month or this_month
    if size < len(_SAMPLED_STRATA):
        raise InputError(f"size: at least {len(_SAMPLED_STRATA)}, one for each stratum")
    with index.database.read(viewer) as unit:
        if stored_pairs := unit.blind_pairs.samples(sampled_month, sampled_month):
            return _build_sample(sampled_month, stored_pairs, is_new=False)
        if sampled_month != this_month:
            raise InputError(
                "month: a sample shows the index as it is now, so only this month's can be drawn"
            )
        seed = index.keyed_hash.to_int64("blind-sample", sampled_month)
        drawn_pairs = _draw_pairs(unit, index, _collect_pairs(unit, index, seed), seed, size)
    with index.database.write(viewer, "blind-draw") as unit:
        if stored_pairs := unit.blind_pairs.samples(sampled_month, sampled_month):
            return _build_sample(sampled_month, stored_pairs, is_new=False)
        if drawn_pairs:
            first_number = unit.counters.take("blind_pair", len(drawn_pairs))
            moment = clock.format_timestamp(clock.now())
            numbered_pairs = [
                replace(pair, id=first_number + offset, month=sampled_month, drawn_at=moment)
                for offset, pair in enumerate(drawn_pairs)
            ]
            unit.blind_pairs.add(numbered_pairs)
    return _build_sample(sampled_month, drawn_pairs, is_new=True)


def _build_sample(month: str, pairs: Iterable[BlindPair], *, is_new: bool) -> BlindSample:
    """Summarize the record pairs drawn for blind review by stratum."""
    by_stratum: dict[str, list[BlindPair]] = {}
    for pair in pairs:
        by_stratum.setdefault(pair.stratum, []).append(pair)
    strata = [
        StratumSample(
            stratum, stratum_pairs[0].stratum_pairs, stratum_pairs[0].stratum_seen, len(stratum_pairs)
        )
        for stratum in _SAMPLED_STRATA
        if (stratum_pairs := by_stratum.get(stratum))
    ]
    return BlindSample(month, is_new, tuple(strata))


def _collect_pairs(unit: ReadUnit, index: Index, seed: int) -> _StratumPairs:
    """Collect by stratum the pairs whose lower-numbered record was drawn."""
    highest_number = unit.blind_pairs.max_record_id()
    records = draw_numbers(seed, highest_number, index.tuning.review.sampled_records)
    searched_positions = draw_numbers(seed, len(records), MAX_SEARCHED_RECORDS)
    searched_records = [records[position - 1] for position in searched_positions]
    stratum_pairs = _StratumPairs()
    stratum_pairs.fractions = dict.fromkeys(
        _SAMPLED_STRATA, len(records) / highest_number if highest_number else 1.0
    )
    stratum_pairs.fractions[Stratum.BELOW] = len(searched_records) / highest_number if highest_number else 1.0
    config_id = index.config_id(unit)
    edges = unit.blind_pairs.edges_by_lower_record(config_id, records)
    candidate_weights = _score_candidates(unit, index, config_id, searched_records)
    ends = {end for pair in (*edges, *candidate_weights) for end in pair}
    person_by_record = unit.persons.current_persons(ends | set(records))
    members = unit.persons.members(
        {person_by_record[record] for record in records if record in person_by_record}
    )
    linked_pairs = {
        (record, member): edges.get((record, member))
        for record in records
        if record in person_by_record
        for member in members[person_by_record[record]]
        if member > record
    }
    decided_pairs = _DecidedPairs(unit, ends | {end for pair in linked_pairs for end in pair})
    thresholds = index.matcher.model.thresholds
    for pair, bits in linked_pairs.items():
        if not decided_pairs.is_joined(pair):
            stratum_pairs.pairs[_classify_linked(bits, thresholds)][pair] = bits
    for stratum, pair, bits in _classify_unlinked(edges, candidate_weights, thresholds):
        lo, hi = (person_by_record.get(end) for end in pair)
        if lo is not None and hi is not None and lo != hi and not decided_pairs.is_separated(pair):
            stratum_pairs.pairs[stratum][pair] = bits
    return stratum_pairs


def _classify_linked(bits: float | None, thresholds: Thresholds) -> Stratum:
    """Return the sampling stratum of a linked pair of records."""
    if bits is None or bits < thresholds.link:
        return Stratum.LINKED_CHAIN
    return Stratum.LINKED_STRONG if bits >= thresholds.link + STRONG_BITS else Stratum.LINKED_NEAR


def _classify_unlinked(
    edges: Edges, candidate_weights: Edges, thresholds: Thresholds
) -> Iterable[tuple[Stratum, Pair, float]]:
    """Yield unlinked candidate pairs with their sampling stratum."""
    review_middle = (thresholds.link + thresholds.review) / 2
    for pair, bits in edges.items():
        if bits >= thresholds.link:
            yield Stratum.APART, pair, bits
        elif bits >= thresholds.review:
            yield Stratum.NEAR if bits >= review_middle else Stratum.REVIEW, pair, bits
    for pair, bits in candidate_weights.items():
        if thresholds.review - BELOW_BITS <= bits < thresholds.review:
            yield Stratum.BELOW, pair, bits


def _score_candidates(unit: ReadUnit, index: Index, config_id: int, records: Collection[int]) -> Edges:
    """Score candidate pairs in which given records have the lower number."""
    own_features = load_features(unit, config_id, records)
    blocking = index.blocking_of(unit, config_id)
    own_keys = {
        record: compute_keys(features, blocking, index.keyed_hash)
        for record, features in own_features.items()
    }
    finer_keys = find_finer_keys(unit, index, config_id, own_features, own_keys)
    searched_keys = {record: keys + finer_keys.get(record, []) for record, keys in own_keys.items()}
    candidate_records = find_candidates(unit, config_id, searched_keys)
    features_by_record = (
        load_features(
            unit,
            config_id,
            {
                candidate
                for candidates_of_record in candidate_records.values()
                for candidate in candidates_of_record
            },
        )
        | own_features
    )
    weigh = index.matcher.scorer.weigh
    return {
        (record, candidate): round_weight(weigh(features_by_record[record], features_by_record[candidate]))
        for record, candidates_of_record in candidate_records.items()
        for candidate in candidates_of_record
        if candidate > record and candidate in features_by_record
    }


class _DecidedPairs:
    """Record pairs that decisions in force join or separate."""

    def __init__(self, unit: ReadUnit, record_ids: Collection[int]) -> None:
        decision_ids = {
            named_decision.decision.id
            for named_decision in unit.decisions_in_force.in_force_about(record_ids)
        }
        decisions = [
            decision
            for decision in unit.decisions.by_ids(decision_ids).values()
            if decision.status is DecisionStatus.IN_FORCE and decision.authority is not Authority.HOLD
        ]
        sets = UnionFind()
        for decision in decisions:
            if decision.kind is DecisionKind.SAME:
                sets.join_all(decision.groups[0])
        self._find = sets.find
        self._separated = {
            frozenset((self._find(left), self._find(right)))
            for decision in decisions
            if decision.kind is DecisionKind.DIFFERENT
            for position, group in enumerate(decision.groups)
            for later_group in decision.groups[position + 1 :]
            for left in group
            for right in later_group
        }

    def is_joined(self, pair: Pair) -> bool:
        """Return whether decisions say that two records are one person."""
        return self._find(pair[0]) == self._find(pair[1])

    def is_separated(self, pair: Pair) -> bool:
        """Return whether a decision says that two records are different persons."""
        return frozenset(map(self._find, pair)) in self._separated


def _draw_pairs(
    unit: ReadUnit, index: Index, stratum_pairs: _StratumPairs, seed: int, size: int
) -> list[BlindPair]:
    """Draw the record pairs for blind review, in random order.

    Their number and month are still to be set.
    """
    random = Random(seed)  # noqa: S311 - the seed is made with the index's secret
    counts = allocate_sample(size, [len(stratum_pairs.pairs[stratum]) for stratum in _SAMPLED_STRATA])
    drawn: list[tuple[Stratum, Pair]] = []
    for stratum, count in zip(_SAMPLED_STRATA, counts, strict=True):
        drawn += [(stratum, pair) for pair in random.sample(sorted(stratum_pairs.pairs[stratum]), count)]
    random.shuffle(drawn)
    records = unit.records.get({end for _, pair in drawn for end in pair})
    weights = _load_weights(unit, index, stratum_pairs, drawn)
    config_id = index.config_id(unit)
    blind_pairs = []
    for stratum, pair in drawn:
        versions = [records[end].version_id for end in pair if records[end].state == RecordState.ACTIVE]
        if pair not in weights or len(versions) < len(pair) or None in versions:
            continue
        counted = len(stratum_pairs.pairs[stratum])
        lo_version, hi_version = (version or 0 for version in versions)
        blind_pairs.append(
            BlindPair(
                id=0,
                stratum=stratum,
                stratum_pairs=round(counted / stratum_pairs.fractions[stratum]),
                stratum_seen=counted,
                month="",
                drawn_at="",
                config_id=config_id,
                lo=pair[0],
                hi=pair[1],
                lo_version=lo_version,
                hi_version=hi_version,
                bits=weights[pair],
                linked=stratum in LINKED,
            )
        )
    return blind_pairs


def _load_weights(
    unit: ReadUnit, index: Index, stratum_pairs: _StratumPairs, drawn: Iterable[tuple[Stratum, Pair]]
) -> Mapping[Pair, float]:
    """Return match weights of drawn record pairs, scoring those without one."""
    weights: dict[Pair, float] = {}
    unscored_pairs: list[Pair] = []
    for stratum, pair in drawn:
        bits = stratum_pairs.pairs[stratum][pair]
        if bits is None:
            unscored_pairs.append(pair)
        else:
            weights[pair] = bits
    features = load_features(unit, index.config_id(unit), {end for pair in unscored_pairs for end in pair})
    for lo, hi in unscored_pairs:
        if lo in features and hi in features:
            weights[lo, hi] = round_weight(index.matcher.scorer.weigh(features[lo], features[hi]))
    return weights
