"""Live precision and recall, month by month, from what people said of the blind samples.

Precision is of the links that the index made by itself; recall is of the matches among the pairs that
candidate search brings together, down to a little below the review threshold. A match that no blocking key
brings together is in neither, and one that a person decided is in neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mpi.domain.sampling import Estimate, Judged, precision, recall
from mpi.domain.small_cells import LEAST, shown, suppressed
from mpi.service.sampling.blind_review import DIFFERENT, SAME, UNSURE, unchanged
from mpi.service.sampling.blind_sample import LINKED, NOT_LINKED, Stratum
from mpi.storage.repositories.review.blind_pairs import BlindAnswer, BlindPair
from mpi.storage.unit_of_work.unit import ReadUnit


@dataclass(frozen=True, slots=True)
class StratumResult:
    """One stratum of a month's sample, and what people said of it; a count is None where it is not shown.

    Args:
        stratum: its name.
        linked: whether its pairs are linked.
        pairs: how many it held.
        estimated: whether that is an estimate.
        drawn: pairs drawn.
        same: judged of one child.
        different: judged of different children.
        unsure: of which nobody could tell; they count for neither.
        dropped: never judged, as a record of them was sealed, withdrawn or says something else since.
        waiting: still to be judged.
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
    """A month's sample.

    Args:
        month: ``YYYY-MM``.
        precision: of automatic links, with its 95 % interval; None before each stratum has a verdict.
        recall: of what candidate search brings together; None likewise.
        strata: what that is made of.
    """

    month: str
    precision: Estimate | None
    recall: Estimate | None
    strata: tuple[StratumResult, ...]


def measure_live_accuracy(unit: ReadUnit, since: str, until: str) -> tuple[MonthlyAccuracy, ...]:
    """The months that were drawn, latest first.

    Args:
        unit: the transaction to read in.
        since: the first month, ``YYYY-MM``.
        until: the last.
    """
    pairs = unit.blind.drawn(since, until)
    answers = unit.blind.answers([pair.id for pair in pairs])
    still = unchanged(unit, [pair for pair in pairs if pair.id not in answers])
    months = sorted({pair.month for pair in pairs}, reverse=True)
    return tuple(_measure_month(month, [p for p in pairs if p.month == month], answers, still) for month in months)


def _measure_month(
    month: str, pairs: Sequence[BlindPair], answers: Mapping[int, BlindAnswer], still: set[int]
) -> MonthlyAccuracy:
    judged: dict[Stratum, Judged] = {}
    strata: list[StratumResult] = []
    for stratum in (*LINKED, *NOT_LINKED):
        held = [pair for pair in pairs if pair.stratum == stratum]
        if not held:
            continue
        said = [answers[pair.id].verdict for pair in held if pair.id in answers]
        same, different = said.count(SAME), said.count(DIFFERENT)
        size, seen = held[0].stratum_pairs, held[0].stratum_seen
        judged[stratum] = Judged(size, seen, same, different)
        waiting = sum(pair.id in still for pair in held)
        strata.append(
            StratumResult(
                stratum,
                stratum in LINKED,
                size,
                seen < size,
                len(held),
                same,
                different,
                said.count(UNSURE),
                len(held) - len(said) - waiting,
                waiting,
            )
        )
    linked = [judged[stratum] for stratum in LINKED if stratum in judged]
    apart = [judged[stratum] for stratum in NOT_LINKED if stratum in judged]
    return MonthlyAccuracy(month, precision(linked), recall(linked, apart), tuple(strata))


def suppress_stratum_sizes(strata: Sequence[StratumResult]) -> dict[Stratum, int | None]:
    """How many pairs each stratum held, without small counts and what they would follow from.

    How many pairs are linked in all is told too, so that those are a table of their own.
    """
    linked = {one.stratum: one.pairs or 0 for one in strata if one.linked}
    apart = {one.stratum: one.pairs or 0 for one in strata if not one.linked}
    return suppressed(linked) | suppressed(apart)


def suppress_month(month: MonthlyAccuracy) -> MonthlyAccuracy:
    """A month without its verdicts, small counts, and what they would follow from.

    An estimate stays where ten pairs or more are judged in all.
    """
    judged = [one for one in month.strata if one.same or one.different]
    enough = sum((one.same or 0) + (one.different or 0) for one in judged) >= LEAST
    enough_linked = sum((one.same or 0) + (one.different or 0) for one in judged if one.linked) >= LEAST
    sizes = suppress_stratum_sizes(month.strata)
    return replace(
        month,
        precision=month.precision if enough_linked else None,
        recall=month.recall if enough else None,
        strata=tuple(_suppress_stratum(one, sizes[one.stratum]) for one in month.strata),
    )


def _suppress_stratum(one: StratumResult, pairs: int | None) -> StratumResult:
    drawn, dropped, waiting = one.drawn or 0, one.dropped or 0, one.waiting or 0
    cells = suppressed({"judged": drawn - dropped - waiting, "dropped": dropped, "waiting": waiting})
    # A small stratum is drawn whole, and what was drawn would tell how many it held.
    told = replace(one, pairs=pairs, drawn=shown(drawn), dropped=cells["dropped"], waiting=cells["waiting"])
    if pairs is None:
        told = replace(told, drawn=None, dropped=None, waiting=None)
    return replace(told, same=None, different=None, unsure=None)
