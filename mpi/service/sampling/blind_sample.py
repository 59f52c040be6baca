"""The month's blind sample: pairs drawn at random from what the index linked, and from what it did not.

What it links by itself is parted by weight, and so is what it leaves apart; the pairs of each part are its
*stratum*. A pair that a decision joins or parts is in none: people have judged it. Pairs are found through
records drawn at random, each pair through the record of the lower number, so that each is as likely as any
other of its stratum, and the time does not grow with the index.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random

from mpi.domain import clock
from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.errors import InputError
from mpi.domain.sampling import MONTHLY_PAIRS, allocate_sample, draw_numbers
from mpi.domain.viewer import Viewer
from mpi.domain.weight import Thresholds, round_weight
from mpi.matching.model.blocking_keys import keys
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.gates.holds import require_whole_index
from mpi.service.indexing.reindex import find_candidates
from mpi.storage.repositories.derived.derived import Edges
from mpi.storage.repositories.review.blind_pairs import BlindPair
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.unit_of_work.unit import ReadUnit

MAX_COUNTED_RECORDS = 20_000
"""Records whose pairs are counted; with fewer in the index, every pair is."""
MAX_SEARCHED_RECORDS = 1_000
"""Records for which candidates are searched and scored anew, as pairs below review are not kept."""
STRONG_BITS = 6.0
"""So far above the link threshold, odds are another 64 times as good."""
BELOW_BITS = 4.0
"""How far below the review threshold pairs still are looked at: to a sixteenth of its odds."""

Pair = tuple[int, int]


class Stratum(StrEnum):
    """What a pair was drawn from."""

    LINKED_STRONG = "linked-strong"
    """Linked, and far above the link threshold."""
    LINKED_NEAR = "linked-near"
    """Linked, and above the link threshold."""
    LINKED_CHAIN = "linked-chain"
    """Of one person through other records: the pair itself is below the threshold, or was never compared."""
    APART = "apart"
    """Above the link threshold, and yet not linked."""
    NEAR = "near"
    """Just below the link threshold: the upper half of the review band."""
    REVIEW = "review"
    """The lower half of the review band."""
    BELOW = "below"
    """Just below the review threshold, where nobody is asked."""
    SECOND = "second"
    """A steward's answer, asked of another steward; of no sample."""


LINKED = (Stratum.LINKED_STRONG, Stratum.LINKED_NEAR, Stratum.LINKED_CHAIN)
NOT_LINKED = (Stratum.APART, Stratum.NEAR, Stratum.REVIEW, Stratum.BELOW)
_SAMPLED_STRATA = (*LINKED, *NOT_LINKED)


@dataclass(frozen=True, slots=True)
class StratumSample:
    """One stratum of a sample.

    Args:
        stratum: its name.
        pairs: how many pairs it held, or is estimated to hold.
        seen: how many of them were counted for that.
        drawn: how many are to be judged.
    """

    stratum: Stratum
    pairs: int
    seen: int
    drawn: int


@dataclass(frozen=True, slots=True)
class BlindSample:
    """A month's sample.

    Args:
        month: ``YYYY-MM``.
        new: whether it was drawn by this call.
        strata: those that held any pair.
    """

    month: str
    new: bool
    strata: tuple[StratumSample, ...]


@dataclass(slots=True)
class _StratumPairs:
    """Pairs by stratum, with their bits; None where they are to be computed. And the part looked through."""

    pairs: dict[Stratum, dict[Pair, float | None]] = field(default_factory=lambda: {s: {} for s in _SAMPLED_STRATA})
    fractions: dict[Stratum, float] = field(default_factory=dict)


def draw_blind_sample(index: Index, viewer: Viewer, month: str | None = None, size: int = MONTHLY_PAIRS) -> BlindSample:
    """Draw a month's blind sample; a second time, say what was drawn.

    Args:
        index: the open index.
        viewer: who has it drawn; they learn of no pair.
        month: ``YYYY-MM``; None for this one.
        size: how many pairs at most; at least one a stratum.

    Raises:
        InputError: another month than this, of which nothing was drawn; or too small a size.
        AccessDenied: the viewer may not re-cluster, or not all sources.
    """
    require_whole_index(viewer)
    this = clock.today()[: len("2026-01")]
    wanted = month or this
    if size < len(_SAMPLED_STRATA):
        raise InputError(f"size: at least {len(_SAMPLED_STRATA)}, one for each stratum")
    with index.database.read(viewer) as unit:
        if before := unit.blind_pairs.samples(wanted, wanted):
            return _build_sample(wanted, before, new=False)
        if wanted != this:
            raise InputError("month: a sample is of the index as it is, so only this month's can be drawn")
        seed = index.keyed_hash.int64("blind-sample", wanted)
        chosen = _draw_pairs(unit, index, _collect_pairs(unit, index, seed), seed, size)
    with index.database.write(viewer, "blind-draw") as unit:
        if before := unit.blind_pairs.samples(wanted, wanted):
            return _build_sample(wanted, before, new=False)
        if chosen:
            first = unit.counters.take("blind_pair", len(chosen))
            at = clock.format_timestamp(clock.now())
            made = [
                replace(pair, id=first + place, month=wanted, drawn_at=at)
                for place, pair in enumerate(chosen)
            ]
            unit.blind_pairs.add(made)
    return _build_sample(wanted, chosen, new=True)


def _build_sample(month: str, pairs: Iterable[BlindPair], *, new: bool) -> BlindSample:
    by_stratum: dict[str, list[BlindPair]] = {}
    for pair in pairs:
        by_stratum.setdefault(pair.stratum, []).append(pair)
    strata = [
        StratumSample(stratum, found[0].stratum_pairs, found[0].stratum_seen, len(found))
        for stratum in _SAMPLED_STRATA
        if (found := by_stratum.get(stratum))
    ]
    return BlindSample(month, new, tuple(strata))


def _collect_pairs(unit: ReadUnit, index: Index, seed: int) -> _StratumPairs:
    """Every pair, by stratum, whose lower record is one of those drawn."""
    highest = unit.blind_pairs.max_record_id()
    records = draw_numbers(seed, highest, MAX_COUNTED_RECORDS)
    few = draw_numbers(seed, len(records), MAX_SEARCHED_RECORDS)
    searched = [records[place - 1] for place in few]
    found = _StratumPairs()
    found.fractions = dict.fromkeys(_SAMPLED_STRATA, len(records) / highest if highest else 1.0)
    found.fractions[Stratum.BELOW] = len(searched) / highest if highest else 1.0
    config_id = index.config_id(unit)
    edges = unit.blind_pairs.edges_by_lower_record(config_id, records)
    near = _score_candidates(unit, index, config_id, searched)
    ends = {end for pair in (*edges, *near) for end in pair}
    person_of = unit.persons.current_persons(ends | set(records))
    members = unit.persons.members({person_of[record] for record in records if record in person_of})
    together = {
        (record, other): edges.get((record, other))
        for record in records
        if record in person_of
        for other in members[person_of[record]]
        if other > record
    }
    decided = _DecidedPairs(unit, ends | {end for pair in together for end in pair})
    thresholds = index.matcher.model.thresholds
    for pair, bits in together.items():
        if not decided.is_joined(pair):
            found.pairs[_classify_linked(bits, thresholds)][pair] = bits
    for stratum, pair, bits in _classify_unlinked(edges, near, thresholds):
        lo, hi = (person_of.get(end) for end in pair)
        if lo is not None and hi is not None and lo != hi and not decided.is_separated(pair):
            found.pairs[stratum][pair] = bits
    return found


def _classify_linked(bits: float | None, thresholds: Thresholds) -> Stratum:
    if bits is None or bits < thresholds.link:
        return Stratum.LINKED_CHAIN
    return Stratum.LINKED_STRONG if bits >= thresholds.link + STRONG_BITS else Stratum.LINKED_NEAR


def _classify_unlinked(edges: Edges, near: Edges, thresholds: Thresholds) -> Iterable[tuple[Stratum, Pair, float]]:
    half = (thresholds.link + thresholds.review) / 2
    for pair, bits in edges.items():
        if bits >= thresholds.link:
            yield Stratum.APART, pair, bits
        elif bits >= thresholds.review:
            yield Stratum.NEAR if bits >= half else Stratum.REVIEW, pair, bits
    for pair, bits in near.items():
        if thresholds.review - BELOW_BITS <= bits < thresholds.review:
            yield Stratum.BELOW, pair, bits


def _score_candidates(unit: ReadUnit, index: Index, config_id: int, records: Collection[int]) -> Edges:
    """Every candidate pair of the records in which they are the lower, scored anew."""
    own = load_features(unit, config_id, records)
    blocking = index.blocking_of(unit, config_id)
    own_keys = {record: keys(features, blocking, index.keyed_hash) for record, features in own.items()}
    found = find_candidates(unit, config_id, own_keys)
    known = load_features(unit, config_id, {other for near in found.values() for other in near}) | own
    weigh = index.matcher.scorer.weight
    return {
        (record, other): round_weight(weigh(known[record], known[other]))
        for record, near in found.items()
        for other in near
        if other > record and other in known
    }


class _DecidedPairs:
    """Which records decisions in force join and part."""

    def __init__(self, unit: ReadUnit, record_ids: Collection[int]) -> None:
        numbers = {named.decision.id for named in unit.decisions.in_force_about(record_ids)}
        decisions = [
            one
            for one in unit.decisions.by_ids(numbers).values()
            if one.status is DecisionStatus.IN_FORCE and one.authority is not Authority.HOLD
        ]
        self._root: dict[int, int] = {}
        for one in decisions:
            if one.kind is DecisionKind.SAME:
                first, *rest = one.groups[0]
                for other in rest:
                    self._root[self._find(other)] = self._find(first)
        self._parted = {
            frozenset((self._find(left), self._find(right)))
            for one in decisions
            if one.kind is DecisionKind.DIFFERENT
            for place, group in enumerate(one.groups)
            for later in one.groups[place + 1 :]
            for left in group
            for right in later
        }

    def _find(self, record: int) -> int:
        while (above := self._root.get(record, record)) != record:
            record = above
        return record

    def is_joined(self, pair: Pair) -> bool:
        """Whether decisions say that the two are one person."""
        return self._find(pair[0]) == self._find(pair[1])

    def is_separated(self, pair: Pair) -> bool:
        """Whether a decision says that they are not."""
        return frozenset(map(self._find, pair)) in self._parted


def _draw_pairs(unit: ReadUnit, index: Index, found: _StratumPairs, seed: int, size: int) -> list[BlindPair]:
    """The pairs to be judged, in an order that tells nothing; without number, month and moment."""
    random = Random(seed)  # noqa: S311 - the seed is made with the index's secret
    parts = allocate_sample(size, [len(found.pairs[stratum]) for stratum in _SAMPLED_STRATA])
    taken: list[tuple[Stratum, Pair]] = []
    for stratum, count in zip(_SAMPLED_STRATA, parts, strict=True):
        taken += [(stratum, pair) for pair in random.sample(sorted(found.pairs[stratum]), count)]
    random.shuffle(taken)
    records = unit.records.get({end for _, pair in taken for end in pair})
    weights = _load_weights(unit, index, found, taken)
    config_id = index.config_id(unit)
    chosen = []
    for stratum, pair in taken:
        versions = [records[end].version_id for end in pair if records[end].state == RecordState.ACTIVE]
        if pair not in weights or len(versions) < len(pair) or None in versions:
            continue
        seen = len(found.pairs[stratum])
        lo_version, hi_version = (version or 0 for version in versions)
        chosen.append(
            BlindPair(
                0,
                stratum,
                round(seen / found.fractions[stratum]),
                seen,
                "",
                "",
                config_id,
                *pair,
                lo_version,
                hi_version,
                weights[pair],
                stratum in LINKED,
            )
        )
    return chosen


def _load_weights(
    unit: ReadUnit, index: Index, found: _StratumPairs, taken: Iterable[tuple[Stratum, Pair]]
) -> Mapping[Pair, float]:
    known: dict[Pair, float] = {}
    missing: list[Pair] = []
    for stratum, pair in taken:
        bits = found.pairs[stratum][pair]
        if bits is None:
            missing.append(pair)
        else:
            known[pair] = bits
    features = load_features(unit, index.config_id(unit), {end for pair in missing for end in pair})
    for lo, hi in missing:
        if lo in features and hi in features:
            known[lo, hi] = round_weight(index.matcher.scorer.weight(features[lo], features[hi]))
    return known
