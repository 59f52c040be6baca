"""The blocking keys of many records, as one table, and the candidate pairs that they make."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from mpi.domain.features import FEATURE_COLUMNS, LIST_COLUMNS
from mpi.matching.model.blocking_keys import BlockingPart, BlockingRule, BlockingSpec, keys
from mpi.matching.scoring.batch import PAIR_SCHEMA, connect_duckdb
from training.record_table import Records, to_feature_table
from training.records import KEYED_HASH


def compute_blocking_keys(records: Records, blocking: BlockingSpec) -> pa.Table:
    """The keys of all records: ``key``, ``record_id``, each row once."""
    found: list[int] = []
    owners: list[int] = []
    for number, features in records:
        mine = keys(features, blocking, KEYED_HASH)
        found.extend(mine)
        owners.extend([number] * len(mine))
    return pa.table({"key": pa.array(found, pa.int64()), "record_id": pa.array(owners, pa.int64())})


def find_candidate_pairs(records: Records, blocking: BlockingSpec) -> pa.Table:
    """The candidate pairs of records that are not in DuckDB yet, as ``join_candidate_pairs`` has them."""
    columns = {column for rule in blocking.rules for part in rule.parts for column in part.columns}
    asked = tuple(column for column in FEATURE_COLUMNS if column in columns)
    with tempfile.TemporaryDirectory() as spill:
        connection = connect_duckdb(Path(spill))
        try:
            connection.register("feature_table", to_feature_table(records, asked))
            return join_candidate_pairs(connection, blocking)
        finally:
            connection.close()


def join_candidate_pairs(connection: duckdb.DuckDBPyConnection, blocking: BlockingSpec) -> pa.Table:
    """The candidate pairs of the index, found without its secret.

    An index joins on keyed hashes, so that its keys say nothing about a person. Training keeps no key, so
    DuckDB makes them from the table of features and joins on its own hash of the same text. The pairs are
    those of ``candidate_pairs(blocking_keys(…))``; a test holds that they are.

    Args:
        connection: with a ``feature_table`` of all feature columns.
        blocking: the model's rules, 62 at most.

    Returns:
        ``lo``, ``hi`` with lo < hi, ascending, and ``rules``: bit n is set where rule n brings the pair.
    """
    made = " UNION ALL ".join(_keys_sql(number, rule) for number, rule in enumerate(blocking.rules))
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE key_made AS "
        f"SELECT rule, hash(rule, text) AS key, record_id FROM ({made})"
    )
    # A key that one record alone has brings no pair; most are of that kind.
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE key_shared AS "
        "FROM key_made SEMI JOIN (SELECT key FROM key_made GROUP BY key HAVING count(*) > 1) USING (key)"
    )
    found = connection.sql(
        "SELECT a.record_id AS lo, b.record_id AS hi, bit_or(1::BIGINT << a.rule) AS rules "
        "FROM key_shared AS a JOIN key_shared AS b ON a.key = b.key AND a.record_id < b.record_id "
        "GROUP BY ALL ORDER BY lo, hi"
    ).to_arrow_table()
    connection.execute("DROP TABLE key_made; DROP TABLE key_shared")
    return found.cast(pa.schema([*PAIR_SCHEMA, ("rules", pa.int64())]))


def count_rule_pairs(connection: duckdb.DuckDBPyConnection, rule: BlockingRule) -> int:
    """How many pairs a rule makes, a pair counted once for each key that it shares: counted, not made."""
    counted = connection.sql(
        "SELECT coalesce(sum(size * (size - 1) // 2), 0) FROM "
        f"(SELECT count(*) AS size FROM ({_keys_sql(0, rule)}) GROUP BY hash(text))"
    ).fetchall()
    return int(counted[0][0])


@dataclass(frozen=True, slots=True)
class RuleContribution:
    """What one blocking rule adds to those before it; matches may be expected ones.

    Args:
        name: of the rule.
        pairs: that it brings, whatever others bring.
        unique_matches: matches that no other rule brings.
        pairs_so_far: distinct pairs of it and the rules before it.
        matches_so_far: matches among those.
    """

    name: str
    pairs: int
    unique_matches: float
    pairs_so_far: int
    matches_so_far: float


def rank_rules_by_contribution(
    names: Sequence[str], pairs: Mapping[int, int], matches: Mapping[int, float]
) -> Iterator[RuleContribution]:
    """Rules in the order of what each adds: the first finds most matches, the next most of the rest.

    Args:
        names: of the rules, by the place of their bit.
        pairs: set of rules, as bits, to the pairs that just these bring.
        matches: the same for matches.
    """
    left, so_far = list(range(len(names))), 0
    while left:
        # The first of equals, so that the model's own order decides.
        best = max(left, key=lambda at: (_count_pairs(matches, 1 << at, so_far), -at))
        left.remove(best)
        so_far |= 1 << best
        yield RuleContribution(
            names[best],
            int(_count_pairs(pairs, 1 << best)),
            matches.get(1 << best, 0),
            int(_count_pairs(pairs, so_far)),
            _count_pairs(matches, so_far),
        )


def _count_pairs(counts: Mapping[int, float], wanted: int, but_not: int = 0) -> float:
    """Pairs that one of the wanted rules brings, and none of certain others."""
    return sum(count for rules, count in counts.items() if rules & wanted and not rules & but_not)


def _keys_sql(number: int, rule: BlockingRule) -> str:
    """Rule, text and record of each key of one rule; a part of several values makes several."""
    # Nested so that each part is spread out before the next: two unnests in one SELECT would run in step.
    source = "feature_table"
    for at, part in enumerate(rule.parts):
        source = f"(SELECT *, unnest({_values_sql(part)}) AS part{at} FROM {source})"
    text = " || chr(31) || ".join(f"part{at}" for at in range(len(rule.parts)))
    return f"SELECT {number} AS rule, {text} AS text, unique_id AS record_id FROM {source}"


def _values_sql(part: BlockingPart) -> str:
    """The list of distinct values that fill a part, as ``BlockingPart.reader`` reads them."""
    lists = [
        f"coalesce({column}, [])" if column in LIST_COLUMNS else f"[{column}::VARCHAR]"
        for column in part.columns
    ]
    joined = lists[0] if len(lists) == 1 else f"list_concat({', '.join(lists)})"
    if part.take is not None:
        cut = f"left(x, {part.take})" if part.take > 0 else f"right(x, {-part.take})"
        joined = f"list_transform({joined}, x -> {cut})"
    return f"list_distinct({joined})"  # leaves NULL out
