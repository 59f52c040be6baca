"""Estimate, without labels, of how common relatives are among records.

The guards against relatives follow from the estimate. Siblings share a home and a surname and
differ in given name and birth date. One child whose given name was replaced in one record, and
whose birth date in another, differs in both only by coincidence. So among pairs of one home and
surname the two differences are independent without relatives, and go together with some. The excess
of pairs that differ in both, over what independence gives, are relatives.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from mpi.matching.model.record_conditions import BIRTH_TWO_EDITS, NEAR_BIRTH, SIMILAR_GIVEN, any_of, differ
from training.fit.comparisons import ComparisonSpec, LevelSpec

USUAL_RELATIVES = 1.0
"""Ratio of relative pairs at which guards against relatives weigh in full.

Pairs of relatives in one home are divided by pairs of one child there; the simulated state and
`sim_state_100k` have 1.2.
"""
SAMPLED_RECORDS = 100_000
"""Number of records above which homes are sampled.

The sample holds about so many records.
"""
_Z95 = 1.96
_HOME_COLUMNS = {
    **{column: column for column in ("addresses", "household_ids", "phones", "guardians")},
    "email": "[email]",
}
_COMPARED_COLUMNS = (
    "given", "given_forms", "given_roots", "middle", "surname", "surname_tokens", "birth_date",
    "birth_date_swapped", "birth_dates", "birth_year",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RelativeCounts:
    """Counts of record pairs with one home and surname, by differences.

    Given name and birth date are known in both records.

    Args:
        alike: neither clearly differs: mostly one child.
        birth_differs: only the birth date differs.
        given_differs: only the given name differs.
        both_differ: both differ: relatives, or a child of which both were replaced.
    """

    alike: int
    birth_differs: int
    given_differs: int
    both_differ: int

    @property
    def pairs(self) -> int:
        """Number of all record pairs with one home and surname."""
        return self.alike + self.birth_differs + self.given_differs + self.both_differ

    @property
    def upper_bound(self) -> float:
        """Upper 95 % bound of relative pairs per pair of one child.

        The bound is the upper limit of the score interval of a Poisson count, less the pairs of one child
        that independence expects. It is infinite without evidence.
        """
        if not self.alike:
            return math.inf
        one_child = self.birth_differs * self.given_differs / self.alike
        observed = self.both_differ
        upper = observed + _Z95**2 / 2 + _Z95 * math.sqrt(observed + _Z95**2 / 4)
        return (upper - min(one_child, observed)) / self.alike

    @property
    def relief_bits(self) -> float:
        """Bits by which levels that guard against relatives weigh less than stated.

        It is 0 if relatives are as common as usual. A guard is the logarithm of how much rarer a pattern is
        among pairs of one child than among relatives, so each halving of relatives takes one bit off it.
        """
        return max(0.0, math.log2(USUAL_RELATIVES) - math.log2(self.upper_bound))


def count_relatives(connection: duckdb.DuckDBPyConnection, records: int) -> RelativeCounts:
    """Count record pairs of one home and surname, by what differs.

    Args:
        connection: connection with a ``feature_table`` of all feature columns.
        records: number of records in the table.
    """
    homes = " UNION ALL ".join(
        f"SELECT unique_id, '{column}' AS kind, unnest({values}) AS home FROM feature_table"
        for column, values in _HOME_COLUMNS.items()
    )
    one_in = max(1, round(records / SAMPLED_RECORDS))
    sides = ", ".join(f"{side}.{name} AS {name}_{side}" for name in _COMPARED_COLUMNS for side in "lr")
    given = differ(SIMILAR_GIVEN, "given")
    birth = differ(any_of([NEAR_BIRTH, BIRTH_TWO_EDITS]), "birth_date")
    rows = connection.sql(
        f"WITH homes AS (SELECT DISTINCT unique_id, hash(kind, home) AS home FROM ({homes}) "
        f"WHERE home IS NOT NULL AND hash(kind, home) % {one_in} = 0), "
        "pairs AS (SELECT DISTINCT a.unique_id AS lo, b.unique_id AS hi "
        "FROM homes AS a JOIN homes AS b ON a.home = b.home AND a.unique_id < b.unique_id), "
        f"sided AS (SELECT {sides} FROM pairs JOIN feature_table AS l ON lo = l.unique_id "
        "JOIN feature_table AS r ON hi = r.unique_id "
        "WHERE list_has_any(l.surname_tokens, r.surname_tokens)) "
        f"SELECT {given} AS given, {birth} AS birth, count(*) FROM sided WHERE given_l IS NOT NULL "
        "AND given_r IS NOT NULL AND birth_date_l IS NOT NULL AND birth_date_r IS NOT NULL GROUP BY ALL"
    ).fetchall()
    counts = {(given, birth): int(count) for given, birth, count in rows}
    return RelativeCounts(
        *(
            counts.get(differences, 0)
            for differences in ((False, False), (False, True), (True, False), (True, True))
        )
    )


def relieve_guards(comparisons: Sequence[ComparisonSpec], relatives: RelativeCounts) -> list[ComparisonSpec]:
    """Weaken the levels that guard against relatives, where relatives are rare."""
    return [
        replace(
            comparison,
            levels=tuple(_relieve_level(level, relatives.relief_bits) for level in comparison.levels),
        )
        for comparison in comparisons
    ]


def _relieve_level(level: LevelSpec, bits: float) -> LevelSpec:
    """Weaken a level that guards against relatives, at most to 0 bits."""
    if not level.relative_guard or level.fixed_bits is None:
        return level
    return replace(level, fixed_bits=min(0.0, level.fixed_bits + bits))
