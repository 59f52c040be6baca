"""Predicted against observed matches by range of match weight.

A model that is well calibrated says 0.9 of pairs of which nine in ten are one child. Trusted numbers and
blind answers tell the truth of some pairs; docs/explanation/quality.md says how each errs.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.statistics.sampling import Estimate, estimate_share
from mpi.domain.viewer import Viewer
from mpi.domain.weight import compute_probability
from mpi.matching.diagnostics.error_rates import Evidence
from mpi.matching.diagnostics.population_groups import RecordFacts, read_facts
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.quality.calibration import (
    SAMPLED_MONTHS,
    Pair,
    find_numbered_pairs,
    list_linked_pairs,
    name_month,
    weigh_without_numbers,
)
from mpi.service.quality.figure_access import permit_figures
from mpi.service.sampling.blind_review import DIFFERENT, SAME
from mpi.standardize.serialization import features_from_bytes
from mpi.storage.unit_of_work.units import ReadUnit

LIMITS = (-10.0, -5.0, 0.0, 5.0, 10.0, 15.0)
"""Match weights in bits that divide the ranges."""


@dataclass(frozen=True, slots=True)
class ReliabilityRange:
    """Pairs of one weight range whose truth one kind of evidence tells.

    Args:
        evidence: kind of evidence.
        least: lower limit of the weight in bits; None for the lowest range.
        below: upper limit, which is in the next range; None for the highest.
        pairs: number of pairs.
        predicted: mean probability of a match that the model gives them.
        observed: share of matches by the evidence, with its 95 % interval.
    """

    evidence: Evidence
    least: float | None
    below: float | None
    pairs: int
    predicted: float
    observed: Estimate

    @property
    def is_as_predicted(self) -> bool:
        """Whether the prediction is within the interval of what was observed."""
        return self.observed.low <= self.predicted <= self.observed.high


def measure_reliability(index: Index, viewer: Viewer) -> tuple[ReliabilityRange, ...]:
    """Measure predicted against observed matches, by evidence and range of match weight.

    It reads every record once.

    Raises:
        AccessDenied: the viewer may not read figures, or does not see every source.
    """
    permit_figures(viewer)
    with index.database.read(viewer) as unit:
        config_id = index.config_id(unit)
        persons = unit.persons.all_current_persons()
        facts: dict[int, RecordFacts] = {
            record: read_facts(features_from_bytes(payload))
            for record, payload in unit.derived_data.iterate_features(config_id)
            if record in persons
        }
        edges = unit.derived_data.all_edges(config_id)
        linked = list_linked_pairs({record: persons[record] for record in facts})
        numbered = find_numbered_pairs({*linked, *edges}, facts)
        hidden = weigh_without_numbers(unit, index, config_id, numbered)
        judged = _weigh_judged_pairs(unit, index, config_id, facts)
    return (
        *_build_ranges(
            Evidence.NUMBERS, ((edges[pair], equal) for pair, equal in numbered.items() if pair in edges)
        ),
        *_build_ranges(
            Evidence.HIDDEN_NUMBERS, ((weight, numbered[pair]) for pair, weight in hidden.items())
        ),
        *_build_ranges(Evidence.ANSWERS, judged),
    )


def _weigh_judged_pairs(
    unit: ReadUnit, index: Index, config_id: int, facts: Mapping[int, RecordFacts]
) -> list[tuple[float, bool]]:
    """Return weight and verdict of each judged pair.

    The pairs are of the last months' blind samples.
    """
    now = clock.now()
    month = now.year * 12 + now.month
    samples = unit.blind_pairs.samples(name_month(month - SAMPLED_MONTHS), name_month(month))
    answers = unit.blind_pairs.answers_to([pair.id for pair in samples])
    verdicts: dict[Pair, bool] = {
        (pair.lo, pair.hi): answers[pair.id].verdict == SAME
        for pair in samples
        if pair.id in answers
        and answers[pair.id].verdict in {SAME, DIFFERENT}
        and pair.lo in facts
        and pair.hi in facts
    }
    features = load_features(unit, config_id, {record for pair in verdicts for record in pair})
    weigh = index.matcher.scorer.weigh
    return [(weigh(features[lo], features[hi]), is_match) for (lo, hi), is_match in verdicts.items()]


def _build_ranges(evidence: Evidence, pairs: Iterable[tuple[float, bool]]) -> Iterator[ReliabilityRange]:
    """Yield the ranges that have pairs, lowest first."""
    ranges: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for weight, is_match in pairs:
        ranges[sum(weight >= limit for limit in LIMITS)].append((weight, is_match))
    for place, members in sorted(ranges.items()):
        yield ReliabilityRange(
            evidence=evidence,
            least=LIMITS[place - 1] if place else None,
            below=LIMITS[place] if place < len(LIMITS) else None,
            pairs=len(members),
            predicted=sum(compute_probability(weight) for weight, _ in members) / len(members),
            observed=estimate_share(sum(is_match for _, is_match in members), len(members)),
        )
