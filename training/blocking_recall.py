"""Estimate, without labels, of the share of matches that blocking finds.

A match is lost where it agrees on no rule. How often that happens follows from how often matches agree on
each field, if the fields of a match are right or wrong independently. Only the matches that some rule found
are seen, so each counts as often as one like it is found: a match that agrees on all but its surname stands
for more than one that agrees on everything (Horvitz and Thompson 1952; Huggins 1989). Which fields both
records have is kept from the match, because sources lack whole fields.

How often a field agrees is learned where some rule does without it. If every rule needs the field, a match
that differs in it is never seen, and the estimate is from above.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mpi.matching.model.blocking_keys import BlockingPart, BlockingRule
from training.blocking import part_values_sql

FIELD_OF_COLUMN: Mapping[str, str] = {
    **dict.fromkeys(("given", "given_forms", "given_roots"), "given"),
    **dict.fromkeys(("surname", "surname_forms", "surname_tokens"), "surname"),
    **dict.fromkeys(("birth_date", "birth_dates", "birth_date_swapped", "birth_year"), "birth"),
    **dict.fromkeys(("ssn", "ssn_last4"), "ssn"),
    **dict.fromkeys(("identifiers", "identifiers_near"), "identifiers"),
    **dict.fromkeys(("phones", "email", "guardians"), "contact"),
}
"""Field that a column of a rule belongs to; any other column is the home."""
_HOME = "home"
SAMPLED_MATCHES = 20_000
"""Pairs that the estimate is made from at most."""
LEAST_PROBABILITY = 0.05
"""Least probability of a candidate pair to match that counts."""
_DRAWS = 6_000
_ITERATIONS = 12
_LEAST_INFORMED_MATCHES = 20.0
_LEAST_FOUND = 0.2
"""Least share of a kind of match that is taken to be found, so that no pair stands for more than five."""
_MOST_PATTERNS = 24

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Field:
    """Agreement of the sampled matches on one field.

    Args:
        name: name of the field.
        parts: columns and their shortening that rules compare.
        agreement: by pair and part, whether both records share a value.
        is_present: by pair, whether both records have the field.
    """

    name: str
    parts: tuple[BlockingPart, ...]
    agreement: BoolArray
    is_present: BoolArray


def estimate_blocking_recall(
    connection: duckdb.DuckDBPyConnection,
    rules: Sequence[BlockingRule],
    pairs: pa.Table,
    probabilities: FloatArray,
) -> float:
    """Estimate the share of all matches that any blocking rule finds.

    Args:
        connection: connection with a ``feature_table`` of all feature columns.
        rules: blocking rules.
        pairs: ``lo``, ``hi``: pairs that the rules find.
        probabilities: probability of each pair to match.
    """
    chosen = np.flatnonzero(probabilities >= LEAST_PROBABILITY)
    if not len(chosen):
        return 1.0
    chosen = chosen[:: max(1, len(chosen) // SAMPLED_MATCHES)]
    fields = _read_fields(connection, rules, pairs.take(pa.array(chosen)))
    return _estimate_found_share(rules, fields, probabilities[chosen])


def estimate_recall_of_chosen(
    connection: duckdb.DuckDBPyConnection,
    trial_rules: Sequence[BlockingRule],
    pairs: pa.Table,
    probabilities: FloatArray,
    chosen_bits: int,
) -> float:
    """Estimate the share of matches that the chosen rules find.

    What the chosen rules lose to the other trial rules is counted, since these pairs are compared too.
    Only what all trial rules lose is estimated. Rules that all need a field tell nothing of matches
    that differ in it, and looser rules do.

    Args:
        connection: connection with a ``feature_table`` of all feature columns.
        trial_rules: all rules that yield the pairs.
        pairs: ``lo``, ``hi``, ``rules``: pairs, with bit n set if the n-th rule yields the pair.
        probabilities: probability of each pair to match.
        chosen_bits: chosen rules, as bits.
    """
    is_likely = probabilities >= LEAST_PROBABILITY
    is_found = (pairs["rules"].to_numpy() & chosen_bits) > 0
    matches = float(probabilities[is_likely].sum())
    if not matches:
        return 1.0
    share_of_trial = float(probabilities[is_likely & is_found].sum()) / matches
    return share_of_trial * estimate_blocking_recall(connection, trial_rules, pairs, probabilities)


def _split_by_field(part: BlockingPart) -> list[BlockingPart]:
    """Split a part of a rule by the fields of its columns."""
    columns: dict[str, list[str]] = {}
    for column in part.columns:
        columns.setdefault(_name_field(column), []).append(column)
    return [BlockingPart(tuple(own), part.take) for own in columns.values()]


def _name_field(column: str) -> str:
    """Return the field that a column of a rule belongs to."""
    return FIELD_OF_COLUMN.get(column, _HOME)


def _read_fields(
    connection: duckdb.DuckDBPyConnection, rules: Sequence[BlockingRule], pairs: pa.Table
) -> list[_Field]:
    """Read on which parts of the rules each pair agrees, by field."""
    parts = sorted({own for rule in rules for part in rule.parts for own in _split_by_field(part)}, key=str)
    values = ", ".join(f"{part_values_sql(part)} AS p{number}" for number, part in enumerate(parts))
    connection.register("matches_read", pairs.select(["lo", "hi"]))
    columns = ", ".join(
        f"list_has_any(l.p{number}, r.p{number}) AS a{number}, "
        f"len(l.p{number}) > 0 AND len(r.p{number}) > 0 AS k{number}"
        for number in range(len(parts))
    )
    table = connection.sql(
        f"WITH read AS (SELECT unique_id, {values} FROM feature_table WHERE unique_id IN "
        "(SELECT lo FROM matches_read UNION SELECT hi FROM matches_read)) "
        f"SELECT {columns} FROM matches_read JOIN read AS l ON lo = l.unique_id "
        "JOIN read AS r ON hi = r.unique_id ORDER BY lo, hi"
    ).to_arrow_table()
    connection.unregister("matches_read")
    numbers: dict[str, list[int]] = {}
    for number, part in enumerate(parts):
        numbers.setdefault(_name_field(part.columns[0]), []).append(number)
    return [
        _Field(
            name,
            tuple(parts[number] for number in own),
            np.stack([_to_bools(table[f"a{number}"]) for number in own], axis=1),
            np.logical_or.reduce([_to_bools(table[f"k{number}"]) for number in own]),
        )
        for name, own in sorted(numbers.items())
    ]


def _to_bools(column: pa.ChunkedArray) -> BoolArray:
    """Return a column of truth values, a missing one as false."""
    return np.asarray(column.fill_null(False).to_numpy(), dtype=np.bool_)


def _estimate_found_share(
    rules: Sequence[BlockingRule], fields: Sequence[_Field], weights: FloatArray
) -> float:
    """Return the estimated share of matches that agree on any rule."""
    generator = np.random.default_rng(0)
    pattern_of = _group_presence(fields, weights)
    informed = _select_informed(rules, fields, pattern_of, weights)
    weights_by_field = informed
    # Names that changed places are found across two fields, which no part of one field shows.
    is_crossed = ~_match_rules(rules, fields, [np.arange(len(weights))] * len(fields))
    found_share = np.ones(len(weights))
    for _ in range(_ITERATIONS):
        found_given = [np.ones(len(weights)) for _ in fields]
        for pattern in np.unique(pattern_of):
            members = np.flatnonzero(pattern_of == pattern)
            present = [bool(field.is_present[members[0]]) for field in fields]
            draws = [
                _draw(generator, field, own) if is_present else None
                for field, own, is_present in zip(fields, weights_by_field, present, strict=True)
            ]
            is_found = _match_rules(rules, fields, draws)
            found_share[members] = max(float(is_found.mean()), _LEAST_FOUND)
            for number, (field, draw) in enumerate(zip(fields, draws, strict=True)):
                if draw is not None:
                    found_given[number][members] = _share_by_agreement(field, members, draw, is_found)
        weights_by_field = [
            own / np.where(is_crossed, 1.0, given) for own, given in zip(informed, found_given, strict=True)
        ]
    return float(weights.sum() / (weights / found_share).sum())


def _select_informed(
    rules: Sequence[BlockingRule], fields: Sequence[_Field], pattern_of: IntArray, weights: FloatArray
) -> list[FloatArray]:
    """Return, by field, weights of pairs found without the field.

    Where hardly any is found so, all pairs keep their weight.
    """
    selected = []
    for field in fields:
        is_informed = np.zeros(len(weights), dtype=np.bool_)
        for pattern in np.unique(pattern_of):
            members = pattern_of == pattern
            first = int(np.argmax(members))
            others = {each.name for each in fields if each is not field and each.is_present[first]}
            is_informed |= members & any(_can_match(rule, others) for rule in rules)
        is_informed &= field.is_present
        own = np.where(is_informed, weights, 0.0)
        selected.append(own if float(own.sum()) >= _LEAST_INFORMED_MATCHES else weights)
    return selected


def _can_match(rule: BlockingRule, field_names: Collection[str]) -> bool:
    """Return whether a rule can hold with certain fields only."""
    return all(any(_name_field(column) in field_names for column in part.columns) for part in rule.parts)


def _group_presence(fields: Sequence[_Field], weights: FloatArray) -> IntArray:
    """Group pairs by the fields that both records have."""
    codes = np.zeros(len(weights), dtype=np.int64)
    for field in fields:
        codes = codes * 2 + field.is_present
    _, code_of = np.unique(codes, return_inverse=True)
    sizes = np.bincount(code_of, weights=weights)
    common = np.argsort(-sizes, kind="stable")[:_MOST_PATTERNS]
    return np.asarray(np.where(np.isin(code_of, common), code_of, common[0]), dtype=np.int64)


def _draw(generator: np.random.Generator, field: _Field, weights: FloatArray) -> IntArray:
    """Draw pairs that have a field, by weight."""
    own = np.flatnonzero(field.is_present)
    share = np.cumsum(weights[own])
    places = np.searchsorted(share, generator.random(_DRAWS) * share[-1])
    return np.asarray(own[np.minimum(places, len(own) - 1)], dtype=np.int64)


def _match_rules(
    rules: Sequence[BlockingRule], fields: Sequence[_Field], draws: Sequence[IntArray | None]
) -> BoolArray:
    """Return which drawn matches agree on any rule."""
    size = next((len(draw) for draw in draws if draw is not None), _DRAWS)
    agreement: dict[BlockingPart, BoolArray] = {
        part: np.zeros(size, dtype=np.bool_) if draw is None else field.agreement[draw, position]
        for field, draw in zip(fields, draws, strict=True)
        for position, part in enumerate(field.parts)
    }
    is_found = np.zeros(size, dtype=np.bool_)
    for rule in rules:
        agrees = np.ones(size, dtype=np.bool_)
        for part in rule.parts:
            agrees &= np.any([agreement[own] for own in _split_by_field(part)], axis=0)
        is_found |= agrees
    return is_found


def _share_by_agreement(field: _Field, members: IntArray, draw: IntArray, is_found: BoolArray) -> FloatArray:
    """Return how often matches agree on a field like each member."""
    powers = 1 << np.arange(field.agreement.shape[1], dtype=np.int64)
    codes, code_of = np.unique(field.agreement @ powers, return_inverse=True)
    code_of = code_of.astype(np.int64)
    drawn = np.bincount(code_of[draw], minlength=len(codes))
    found = np.bincount(code_of[draw], weights=is_found, minlength=len(codes))
    share: FloatArray = np.where(drawn > 0, found / np.maximum(drawn, 1), 1.0)
    return np.asarray(np.maximum(share[code_of[members]], _LEAST_FOUND))
