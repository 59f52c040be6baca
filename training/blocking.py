"""Blocking keys and candidate pairs for training and evaluation."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from mpi.domain.features import FEATURE_COLUMNS, LIST_COLUMNS
from mpi.matching.model.blocking_keys import BlockingPart, BlockingRule, BlockingSpec, compute_keys
from mpi.matching.scoring.splink_engine import PAIR_SCHEMA, connect_duckdb
from training.record_table import Records, to_feature_table
from training.records import KEYED_HASH


def compute_blocking_keys(records: Records, blocking: BlockingSpec) -> pa.Table:
    """Compute the blocking keys of all records.

    Returns:
        Table with the columns ``key`` and ``record_id``; each row once.
    """
    record_keys: list[int] = []
    record_ids: list[int] = []
    for number, features in records:
        own_keys = compute_keys(features, blocking, KEYED_HASH)
        record_keys.extend(own_keys)
        record_ids.extend([number] * len(own_keys))
    return pa.table({"key": pa.array(record_keys, pa.int64()), "record_id": pa.array(record_ids, pa.int64())})


def find_candidate_pairs(records: Records, blocking: BlockingSpec) -> pa.Table:
    """Find the candidate pairs of records that are not in DuckDB yet.

    Returns:
        The table that ``join_candidate_pairs`` returns.
    """
    columns = {column for rule in blocking.rules for part in rule.parts for column in part.columns}
    feature_columns = tuple(column for column in FEATURE_COLUMNS if column in columns)
    with tempfile.TemporaryDirectory() as spill:
        connection = connect_duckdb(Path(spill))
        try:
            connection.register("feature_table", to_feature_table(records, feature_columns))
            return join_candidate_pairs(connection, blocking)
        finally:
            connection.close()


def join_candidate_pairs(connection: duckdb.DuckDBPyConnection, blocking: BlockingSpec) -> pa.Table:
    """Find pairs of records that share a blocking key, in DuckDB alone.

    An index joins on keyed hashes, so that its keys reveal nothing about a person. Training stores no
    key, so DuckDB computes keys from the feature table and joins on its own hash of the key text. The
    pairs equal those of ``candidate_pairs(compute_blocking_keys(…))``; a test holds that.

    Args:
        connection: connection with a ``feature_table`` of all feature columns.
        blocking: the model's rules, at most 62.

    Returns:
        ``lo``, ``hi`` with lo < hi, ascending, and ``rules``: bit n is set if rule n yields the pair.
    """
    keys_sql = " UNION ALL ".join(_keys_sql(number, rule) for number, rule in enumerate(blocking.rules))
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE key_made AS "
        f"SELECT rule, hash(rule, text) AS key, record_id FROM ({keys_sql})"
    )
    # Most keys belong to one record only and yield no pair.
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE key_shared AS "
        "FROM key_made SEMI JOIN (SELECT key FROM key_made GROUP BY key HAVING count(*) > 1) USING (key)"
    )
    pairs = connection.sql(
        "SELECT a.record_id AS lo, b.record_id AS hi, bit_or(1::BIGINT << a.rule) AS rules "
        "FROM key_shared AS a JOIN key_shared AS b ON a.key = b.key AND a.record_id < b.record_id "
        "GROUP BY ALL ORDER BY lo, hi"
    ).to_arrow_table()
    connection.execute("DROP TABLE key_made; DROP TABLE key_shared")
    return pairs.cast(pa.schema([*PAIR_SCHEMA, ("rules", pa.int64())]))


def count_rule_pairs(connection: duckdb.DuckDBPyConnection, rule: BlockingRule) -> int:
    """Count the pairs of one blocking rule without listing them.

    A pair that shares several keys of the rule is counted once for each key.
    """
    rows = connection.sql(
        "SELECT coalesce(sum(size * (size - 1) // 2), 0) FROM "
        f"(SELECT count(*) AS size FROM ({_keys_sql(0, rule)}) GROUP BY hash(text))"
    ).fetchall()
    return int(rows[0][0])


@dataclass(frozen=True, slots=True)
class RuleContribution:
    """Pairs and matches that one blocking rule adds to earlier rules.

    Matches may be expected ones, so they need not be whole numbers.

    Args:
        name: name of the rule.
        pairs: pairs that the rule yields, including those of other rules.
        unique_matches: matches that only this rule yields.
        pairs_so_far: distinct pairs of this rule and the rules before it.
        matches_so_far: matches among ``pairs_so_far``.
    """

    name: str
    pairs: int
    unique_matches: float
    pairs_so_far: int
    matches_so_far: float


def rank_rules_by_contribution(
    names: Sequence[str], pairs: Mapping[int, int], matches: Mapping[int, float]
) -> Iterator[RuleContribution]:
    """Order blocking rules by the matches that each one adds.

    The first rule finds most matches, the next most of the remaining ones.

    Args:
        names: names of the rules, by bit position.
        pairs: number of pairs by the exact set of rules, as bits, that yields them.
        matches: number of matches by the same sets.
    """
    remaining, so_far = list(range(len(names))), 0
    while remaining:
        # Among equal rules, the model's order decides.
        best = max(remaining, key=lambda rule: (_count_pairs(matches, 1 << rule, so_far), -rule))
        remaining.remove(best)
        so_far |= 1 << best
        yield RuleContribution(
            name=names[best],
            pairs=int(_count_pairs(pairs, 1 << best)),
            unique_matches=matches.get(1 << best, 0),
            pairs_so_far=int(_count_pairs(pairs, so_far)),
            matches_so_far=_count_pairs(matches, so_far),
        )


def _count_pairs(counts: Mapping[int, float], included: int, excluded: int = 0) -> float:
    """Count pairs of any included blocking rule and of no excluded rule."""
    return sum(count for rules, count in counts.items() if rules & included and not rules & excluded)


def _keys_sql(number: int, rule: BlockingRule) -> str:
    """Build SQL for the blocking keys of one rule.

    The query returns rule, key text and record. A part with several values makes several keys.
    """
    # Nested, because two unnests in one SELECT would advance together instead of crossing.
    source = "feature_table"
    for position, part in enumerate(rule.parts):
        source = f"(SELECT *, unnest({part_values_sql(part)}) AS part{position} FROM {source})"
    text = " || chr(31) || ".join(f"part{position}" for position in range(len(rule.parts)))
    return f"SELECT {number} AS rule, {text} AS text, unique_id AS record_id FROM {source}"


def part_values_sql(part: BlockingPart) -> str:
    """Build SQL for a blocking-rule part's distinct values, as ``BlockingPart.reader`` reads them."""
    lists = [
        f"coalesce({column}, [])" if column in LIST_COLUMNS else f"[{column}::VARCHAR]"
        for column in part.columns
    ]
    joined = lists[0] if len(lists) == 1 else f"list_concat({', '.join(lists)})"
    if part.take is not None:
        shortened = f"left(x, {part.take})" if part.take > 0 else f"right(x, {-part.take})"
        joined = f"list_transform({joined}, x -> {shortened})"
    return f"list_distinct({joined})"  # leaves NULL out
