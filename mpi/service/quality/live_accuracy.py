"""Monthly precision and recall, estimated from blind samples.

Precision covers links that the index made without a person. Recall covers matches among the pairs that
blocking brings together, down to a little below the review threshold. Neither covers matches without a
shared blocking key, or pairs that a person decided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mpi.domain.statistics.sampling import Estimate, JudgedStratum, estimate_precision, estimate_recall
from mpi.domain.statistics.small_cells import SMALLEST_SHOWN_COUNT
from mpi.service.sampling.blind_review import DIFFERENT, SAME, UNSURE, find_unchanged_pairs
from mpi.service.sampling.blind_sample import LINKED, NOT_LINKED, Stratum
from mpi.storage.repositories.review.blind_pairs import BlindAnswer, BlindPair
from mpi.storage.unit_of_work.units import ReadUnit

SAMPLE_MONTHS = 12
"""Number of months of blind samples on the dashboard."""


@dataclass(frozen=True, slots=True)
class StratumResult:
    """Verdicts on the pairs of one stratum of a month's blind sample.

    Args:
        stratum: name of the stratum.
        linked: whether its pairs are linked.
        pairs: number of pairs in the stratum.
        estimated: whether that number is an estimate.
        drawn: pairs drawn into the sample.
        same: pairs judged to be one child.
        different: pairs judged to be two children.
        unsure: pairs that could not be judged; they count for neither.
        dropped: pairs that are no longer to be judged, because a record was sealed, withdrawn or changed.
        waiting: pairs that wait for a verdict.
    """

    stratum: Stratum
    linked: bool
    pairs: int
    estimated: bool
    drawn: int
    same: int
    different: int
    unsure: int
    dropped: int
    waiting: int


@dataclass(frozen=True, slots=True)
class MonthlyAccuracy:
    """Estimated precision and recall of linkage in one month.

    Args:
        month: ``YYYY-MM``.
        precision: precision of automatic links with its 95 % interval; None until each stratum has a verdict.
        recall: recall among blocked pairs with its 95 % interval; None until each stratum has a verdict.
        strata: verdicts by stratum.
    """

    month: str
    precision: Estimate | None
    recall: Estimate | None
    strata: tuple[StratumResult, ...]

    @property
    def has_enough_verdicts(self) -> bool:
        """Whether so many linked pairs were judged that none stands out."""
        verdicts = sum(each.same + each.different for each in self.strata if each.linked)
        return verdicts >= SMALLEST_SHOWN_COUNT


def measure_recent_accuracy(unit: ReadUnit, now: datetime) -> tuple[MonthlyAccuracy, ...]:
    """Estimate precision and recall for the last ``SAMPLE_MONTHS`` months, latest first."""
    month_number = now.year * 12 + now.month - SAMPLE_MONTHS
    first_month = f"{month_number // 12:04}-{month_number % 12 + 1:02}"
    return measure_live_accuracy(unit, first_month, now.strftime("%Y-%m"))


def measure_live_accuracy(unit: ReadUnit, since: str, until: str) -> tuple[MonthlyAccuracy, ...]:
    """Estimate linkage precision and recall for each sampled month, latest first.

    Args:
        unit: the transaction.
        since: the first month, ``YYYY-MM``.
        until: the last month, ``YYYY-MM``.
    """
    pairs = unit.blind_pairs.samples(since, until)
    answers = unit.blind_pairs.answers_to([pair.id for pair in pairs])
    unchanged_ids = find_unchanged_pairs(unit, [pair for pair in pairs if pair.id not in answers])
    months = sorted({pair.month for pair in pairs}, reverse=True)
    return tuple(
        _measure_month(month, [p for p in pairs if p.month == month], answers, unchanged_ids)
        for month in months
    )


def _measure_month(
    month: str, pairs: Sequence[BlindPair], answers: Mapping[int, BlindAnswer], unchanged_ids: set[int]
) -> MonthlyAccuracy:
    """Estimate precision and recall from one month's verdicts on sampled pairs."""
    judged: dict[Stratum, JudgedStratum] = {}
    strata: list[StratumResult] = []
    for stratum in (*LINKED, *NOT_LINKED):
        stratum_pairs = [pair for pair in pairs if pair.stratum == stratum]
        if not stratum_pairs:
            continue
        verdicts = [answers[pair.id].verdict for pair in stratum_pairs if pair.id in answers]
        same, different = verdicts.count(SAME), verdicts.count(DIFFERENT)
        size, counted = stratum_pairs[0].stratum_pairs, stratum_pairs[0].stratum_seen
        judged[stratum] = JudgedStratum(size, counted, same, different)
        waiting = sum(pair.id in unchanged_ids for pair in stratum_pairs)
        strata.append(
            StratumResult(
                stratum=stratum,
                linked=stratum in LINKED,
                pairs=size,
                estimated=counted < size,
                drawn=len(stratum_pairs),
                same=same,
                different=different,
                unsure=verdicts.count(UNSURE),
                dropped=len(stratum_pairs) - len(verdicts) - waiting,
                waiting=waiting,
            )
        )
    linked_results = [judged[stratum] for stratum in LINKED if stratum in judged]
    unlinked_results = [judged[stratum] for stratum in NOT_LINKED if stratum in judged]
    return MonthlyAccuracy(
        month,
        estimate_precision(linked_results),
        estimate_recall(linked_results, unlinked_results),
        tuple(strata),
    )
