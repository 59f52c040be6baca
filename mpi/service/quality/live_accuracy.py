"""Monthly precision and recall, estimated from blind samples.

Precision covers links that the index made without a person. Recall covers matches among the pairs that
blocking brings together, down to a little below the review threshold. Neither covers matches without a
shared blocking key, or pairs that a person decided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mpi.domain.sampling import Estimate, JudgedStratum, estimate_precision, estimate_recall
from mpi.domain.small_cells import SMALLEST_SHOWN_COUNT, suppress_cells, suppress_count
from mpi.service.sampling.blind_review import DIFFERENT, SAME, UNSURE, find_unchanged_pairs
from mpi.service.sampling.blind_sample import LINKED, NOT_LINKED, Stratum
from mpi.storage.repositories.review.blind_pairs import BlindAnswer, BlindPair
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class StratumResult:
    """Verdicts on the pairs of one stratum of a month's blind sample.

    Counts are None if they are not shown.

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
    pairs: int | None
    estimated: bool
    drawn: int | None
    same: int | None
    different: int | None
    unsure: int | None
    dropped: int | None
    waiting: int | None


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


def suppress_stratum_sizes(strata: Sequence[StratumResult]) -> dict[Stratum, int | None]:
    """Return pair counts by sampling stratum, with small counts suppressed.

    The total of linked pairs is shown too, so linked and unlinked strata are suppressed as separate tables.
    """
    linked = {result.stratum: result.pairs or 0 for result in strata if result.linked}
    unlinked = {result.stratum: result.pairs or 0 for result in strata if not result.linked}
    return suppress_cells(linked) | suppress_cells(unlinked)


def suppress_month(month: MonthlyAccuracy) -> MonthlyAccuracy:
    """Remove verdicts and small counts from one month's accuracy figures.

    Counts that would disclose small ones are removed too. An estimate stays if ten pairs or more were judged.
    """
    judged_results = [result for result in month.strata if result.same or result.different]
    has_enough_pairs = (
        sum((result.same or 0) + (result.different or 0) for result in judged_results) >= SMALLEST_SHOWN_COUNT
    )
    has_enough_links = (
        sum((result.same or 0) + (result.different or 0) for result in judged_results if result.linked)
        >= SMALLEST_SHOWN_COUNT
    )
    sizes = suppress_stratum_sizes(month.strata)
    return replace(
        month,
        precision=month.precision if has_enough_links else None,
        recall=month.recall if has_enough_pairs else None,
        strata=tuple(_suppress_stratum(result, sizes[result.stratum]) for result in month.strata),
    )


def _suppress_stratum(result: StratumResult, pairs: int | None) -> StratumResult:
    """Remove verdicts and small counts from one sampling stratum's figures."""
    drawn, dropped, waiting = result.drawn or 0, result.dropped or 0, result.waiting or 0
    cells = suppress_cells({"judged": drawn - dropped - waiting, "dropped": dropped, "waiting": waiting})
    # A small stratum is drawn whole, so the number drawn would disclose its size.
    suppressed_result = replace(
        result, pairs=pairs, drawn=suppress_count(drawn), dropped=cells["dropped"], waiting=cells["waiting"]
    )
    if pairs is None:
        suppressed_result = replace(suppressed_result, drawn=None, dropped=None, waiting=None)
    return replace(suppressed_result, same=None, different=None, unsure=None)
