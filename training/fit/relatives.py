"""How common relatives are among the records, told without labels; the guards against them follow.

Siblings share a home and a surname and differ in given name and birth date. One child whose given name was
replaced in one record, and whose birth date in another, differs in both only by coincidence. So among pairs
of one home and surname the two differences are independent where there are no relatives, and go together
where there are some: the excess of pairs that differ in both, over what independence gives, are relatives.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from training.fit.comparisons import ComparisonSpec, LevelSpec
from training.fit.sql_fragments import SIMILAR_GIVEN, NEAR_BIRTH, BIRTH_TWO_EDITS, any_of, differ

USUAL_RELATIVES = 1.0
"""Pairs of relatives in one home for each pair of records of one child there, from which on the guards weigh
what they state; the simulated state and `sim_state_100k` have 1.2."""
SAMPLED_RECORDS = 100_000
"""Of more records, homes are sampled until about so many records are looked at."""
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
    """Pairs of records of one home and surname, given name and birth date known, by what differs.

    Args:
        alike: neither clearly differs: one child's, mostly.
        birth_differs: only the birth date.
        given_differs: only the given name.
        both_differ: both: relatives, or a child of which both were replaced.
    """

    alike: int
    birth_differs: int
    given_differs: int
    both_differ: int

    @property
    def pairs(self) -> int:
        """All of them."""
        return self.alike + self.birth_differs + self.given_differs + self.both_differ

    @property
    def upper_bound(self) -> float:
        """At most so many pairs of relatives for each pair of one child (95 %); infinite if nothing tells.

        The bound is the upper limit of the score interval of a Poisson count, less what independence
        expects of one child's pairs.
        """
        if not self.alike:
            return math.inf
        one_child = self.birth_differs * self.given_differs / self.alike
        seen = self.both_differ
        upper = seen + _Z95**2 / 2 + _Z95 * math.sqrt(seen + _Z95**2 / 4)
        return (upper - min(one_child, seen)) / self.alike

    @property
    def relief_bits(self) -> float:
        """Bits by which guards weigh less than they state; 0 where relatives are as common as usual.

        A guard is the logarithm of how much rarer one child's pairs of a pattern are than relatives', so each
        halving of relatives takes one bit off it.
        """
        return max(0.0, math.log2(USUAL_RELATIVES) - math.log2(self.upper_bound))


def count_relatives(connection: duckdb.DuckDBPyConnection, records: int) -> RelativeCounts:
    """Count the pairs.

    Args:
        connection: with a ``feature_table`` of all feature columns.
        records: how many it holds.
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
    found = {(given, birth): int(count) for given, birth, count in rows}
    return RelativeCounts(*(found.get(kind, 0) for kind in ((False, False), (False, True), (True, False), (True, True))))


def relieve_guards(comparisons: Sequence[ComparisonSpec], kin: RelativeCounts) -> list[ComparisonSpec]:
    """The comparisons with their guards against relatives weighing as the data asks."""
    return [
        replace(each, levels=tuple(_relieve_level(level, kin.relief_bits) for level in each.levels))
        for each in comparisons
    ]


def _relieve_level(level: LevelSpec, bits: float) -> LevelSpec:
    if not level.relative_guard or level.fixed_bits is None:
        return level
    return replace(level, fixed_bits=min(0.0, level.fixed_bits + bits))
