"""Calibration of a fit: expected false and missed links by population group.

Groups and kinds of evidence are those that ``mpi calibration`` tells of an index.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mpi.domain.statistics.sampling import NORMAL_DEVIATE_95
from mpi.domain.statistics.small_cells import SMALLEST_SHOWN_COUNT
from mpi.matching.diagnostics.error_rates import (
    PER,
    RECALL_WIDTH,
    ErrorRates,
    Evidence,
    ModelTally,
    NumberTally,
    select_groups,
)
from mpi.matching.diagnostics.population_groups import EVERYONE

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FitCalibration:
    """Expected errors of a fitted model on its own data.

    Args:
        rates: false and missed links among the compared pairs, by evidence and population group; groups with
            few linked pairs are left out.
        recall: expected share of all matches that are linked, those included that blocking misses; None
            without an expected match.
        labels: randomly drawn matches that people would have to label to bound the recall within a point.
    """

    rates: tuple[ErrorRates, ...] = ()
    recall: float | None = None
    labels: int = 0


@dataclass(frozen=True, slots=True)
class CalibratedPairs:
    """Compared pairs with what the model makes of them.

    Args:
        pairs: ``lo``, ``hi``.
        is_linked: whether each would be linked, cautions heeded.
        same: probability of each to be one person.
    """

    pairs: pa.Table
    is_linked: BoolArray
    same: FloatArray


def calibrate_fit(
    records: pa.Table, calibrated: CalibratedPairs, blocking_recall: float, labels: pa.Table | None
) -> FitCalibration:
    """Estimate a fitted model's false and missed links.

    Args:
        records: ``unique_id`` and all feature columns.
        calibrated: compared pairs.
        blocking_recall: estimated share of the matches that are compared.
        labels: ``lo``, ``hi``, ``same``: labels of pairs by stewards; None for no labels.
    """
    facts = _PairFacts(records)
    groups = facts.list_groups(calibrated.pairs)
    is_told, is_equal = facts.compare_numbers(calibrated.pairs)
    rates = [
        *_estimate_by_model(calibrated, groups),
        *_estimate_by_truth(Evidence.NUMBERS, calibrated.is_linked, is_told, is_equal, groups),
        *_estimate_by_labels(calibrated, labels, facts),
    ]
    recall = _expect_recall(rates, blocking_recall)
    return FitCalibration(
        select_groups(rates, EVERYONE, SMALLEST_SHOWN_COUNT),
        recall,
        0 if recall is None else count_labels(recall),
    )


def count_labels(recall: float, width: float = RECALL_WIDTH) -> int:
    """Count the randomly drawn matches whose labels would bound recall.

    Args:
        recall: expected recall.
        width: distance from recall to its lower limit to reach.
    """
    return math.ceil(NORMAL_DEVIATE_95**2 * recall * (1 - recall) / width**2)


class _PairFacts:
    """Columns of the records that decide groups and trusted numbers of pairs.

    They are those of ``mpi.matching.diagnostics.population_groups``, for all pairs at once.
    """

    def __init__(self, records: pa.Table) -> None:
        order = records["unique_id"].to_numpy().argsort(kind="stable")
        self._ids = records["unique_id"].to_numpy()[order]
        table = records.take(pa.array(order))
        sexes = table["sex"].combine_chunks().dictionary_encode()
        self._sexes = sexes.dictionary.to_pylist()
        self._sex = sexes.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        self._has_two_surnames = _count_values(table["surname_tokens"]) > 1
        self._has_home = _count_values(table["addresses"]) > 0
        self._ssn = _encode(table["ssn"].combine_chunks())
        is_single = (_count_values(table["identifiers"]) == 1) & (
            _count_values(table["identifier_systems"]) == 1
        )
        self._identifier = _encode(_take_first(table["identifiers"], is_single))
        self._system = _encode(_take_first(table["identifier_systems"], is_single))

    def list_groups(self, pairs: pa.Table) -> dict[str, BoolArray]:
        """Return which pairs each population group holds."""
        lo, hi = self._find(pairs)
        is_same_sex = (self._sex[lo] == self._sex[hi]) & (self._sex[lo] >= 0)
        has_two = self._has_two_surnames[lo] | self._has_two_surnames[hi]
        has_homes = self._has_home[lo] & self._has_home[hi]
        has_number = (self._ssn >= 0) | (self._identifier >= 0)
        has_numbers = has_number[lo] & has_number[hi]
        return {
            EVERYONE: np.ones(len(lo), dtype=np.bool_),
            **{f"sex {sex}": is_same_sex & (self._sex[lo] == code) for code, sex in enumerate(self._sexes)},
            "sex unknown or different": ~is_same_sex,
            "two last names": has_two,
            "one last name": ~has_two,
            "home in both": has_homes,
            "home missing": ~has_homes,
            "number in both": has_numbers,
            "number missing": ~has_numbers,
        }

    def compare_numbers(self, pairs: pa.Table) -> tuple[BoolArray, BoolArray]:
        """Return which pairs have numbers of one system, and which share one."""
        lo, hi = self._find(pairs)
        has_ssn = (self._ssn[lo] >= 0) & (self._ssn[hi] >= 0)
        has_system = (self._system[lo] == self._system[hi]) & (self._system[lo] >= 0)
        is_equal = (has_ssn & (self._ssn[lo] == self._ssn[hi])) | (
            has_system & (self._identifier[lo] == self._identifier[hi])
        )
        return has_ssn | has_system, is_equal

    def _find(self, pairs: pa.Table) -> tuple[IntArray, IntArray]:
        """Return the positions of both records of each pair."""
        lo, hi = (np.searchsorted(self._ids, pairs[side].to_numpy()) for side in ("lo", "hi"))
        return lo, hi


def _count_values(column: pa.ChunkedArray) -> IntArray:
    """Count the values of each list; 0 for a missing one."""
    return np.asarray(pc.list_value_length(column).fill_null(0).to_numpy(), dtype=np.int64)


def _take_first(column: pa.ChunkedArray, is_wanted: BoolArray) -> pa.Array:
    """Return the first value of the wanted lists, null for the others."""
    lists = pc.if_else(pa.array(is_wanted), column.combine_chunks(), None)
    filled = pc.fill_null(pc.greater(pc.list_value_length(lists), 0), fill_value=False)
    positions = np.flatnonzero(filled.to_numpy(zero_copy_only=False))
    first = np.full(len(lists), None, dtype=object)
    first[positions] = pc.list_element(lists.filter(filled), 0).to_pylist()
    return pa.array(first.tolist(), pa.string())


def _encode(values: pa.Array) -> IntArray:
    """Number the distinct values; -1 for a missing one."""
    indices = values.dictionary_encode().indices.fill_null(-1)
    return np.asarray(indices.to_numpy(zero_copy_only=False), dtype=np.int64)


def _estimate_by_model(calibrated: CalibratedPairs, groups: dict[str, BoolArray]) -> Iterator[ErrorRates]:
    """Estimate error rates by group from the probabilities of all pairs."""
    linked, same = calibrated.is_linked, calibrated.same
    variance = same * (1 - same)
    for group, members in groups.items():
        joined, apart = members & linked, members & ~linked
        yield ModelTally(
            linked=int(joined.sum()),
            true_links=float(same[joined].sum()),
            missed_links=float(same[apart].sum()),
            variance_linked=float(variance[joined].sum()),
            variance_apart=float(variance[apart].sum()),
        ).estimate(group)


def _estimate_by_truth(
    evidence: Evidence,
    is_linked: BoolArray,
    is_told: BoolArray,
    is_same: BoolArray,
    groups: dict[str, BoolArray],
) -> Iterator[ErrorRates]:
    """Estimate error rates by group from pairs whose truth is told."""
    for group, members in groups.items():
        wanted = members & is_told
        yield NumberTally(
            equal_linked=int((wanted & is_linked & is_same).sum()),
            different_linked=int((wanted & is_linked & ~is_same).sum()),
            equal_apart=int((wanted & ~is_linked & is_same).sum()),
        ).estimate(group, evidence)


def _estimate_by_labels(
    calibrated: CalibratedPairs, labels: pa.Table | None, facts: _PairFacts
) -> Iterator[ErrorRates]:
    """Estimate error rates by group from the labels of stewards."""
    if labels is None or not len(labels):
        return iter(())
    linked = calibrated.pairs.select(["lo", "hi"]).filter(pa.array(calibrated.is_linked))
    linked = linked.append_column("linked", pa.array(np.ones(len(linked), dtype=np.bool_)))
    known = labels.join(linked, keys=["lo", "hi"], join_type="left outer")
    is_linked = known["linked"].is_valid().to_numpy()
    is_same = known["same"].to_numpy().astype(np.bool_)
    is_told = np.ones(len(known), dtype=np.bool_)
    return _estimate_by_truth(Evidence.LABELS, is_linked, is_told, is_same, facts.list_groups(known))


def _expect_recall(rates: list[ErrorRates], blocking_recall: float) -> float | None:
    """Return the expected share of all matches that are linked."""
    everyone = next(each for each in rates if (each.evidence, each.group) == (Evidence.MODEL, EVERYONE))
    if everyone.missed_links is None:
        return None
    return blocking_recall * (1 - everyone.missed_links.value / PER)
