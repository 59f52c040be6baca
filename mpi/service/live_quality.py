"""Live precision and recall, month by month, from what people said of the blind samples.

Precision is of the links that the index made by itself; recall is of the matches among the pairs that
candidate search brings together, down to a little below the review threshold. A match that no blocking key
brings together is in neither, and one that a person decided is in neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpi.domain.sampling import Estimate, Judged, precision, recall
from mpi.service.blind import DIFFERENT, SAME, UNSURE, unchanged
from mpi.service.blind_sample import LINKED, NOT_LINKED, Stratum
from mpi.storage.repositories.blind import BlindAnswer, BlindPair
from mpi.storage.unit import ReadUnit


@dataclass(frozen=True, slots=True)
class StratumJudged:
    """One stratum of a month's sample, and what people said of it.

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
    pairs: int
    estimated: bool
    drawn: int
    same: int | None
    different: int | None
    unsure: int | None
    dropped: int
    waiting: int


@dataclass(frozen=True, slots=True)
class LiveMonth:
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
    strata: tuple[StratumJudged, ...]


def live_quality(unit: ReadUnit, since: str, until: str) -> tuple[LiveMonth, ...]:
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
    return tuple(_month(month, [p for p in pairs if p.month == month], answers, still) for month in months)


def _month(
    month: str, pairs: Sequence[BlindPair], answers: Mapping[int, BlindAnswer], still: set[int]
) -> LiveMonth:
    judged: dict[Stratum, Judged] = {}
    strata: list[StratumJudged] = []
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
            StratumJudged(
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
    return LiveMonth(month, precision(linked), recall(linked, apart), tuple(strata))
