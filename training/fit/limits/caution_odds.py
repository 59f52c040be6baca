"""Label-free odds that a pair with a caution is one person.

A caution asks a person because others might share what the pair shares: a twin, a namesake, a
stranger of one name and birthday. How many such others there are follows from the data itself:

- *Masks.* A pair that lacks a given name is like a pair that has it, with the name hidden. So the fit
  hides the name in pairs that have it and counts, by the weight that remains, how many turn out to
  be two people once the name is shown.
- *Confirmed values.* Where two records differ in birth date and each date is confirmed by another
  record, they are two people: an error is seldom made twice. Of two people's records a known share
  is confirmed, so the pairs of which both are confirmed tell how many pairs are two people.
- *Strangers.* Two people of one name share a birth date by chance. The chance follows from the
  birth dates of the data, spikes included, and the number from the pairs of one name that do not.
- *Decoys.* A namesake who is given the birth date of a random record is a stranger for sure. How many
  such decoys reach a weight, among the pairs that reach it, is the share of strangers there (Elias and
  Gygi 2007 estimate false discoveries of spectra so). Two people with each other's names are counted alike.

The figures become numbers of the model. Nothing is counted when records are compared.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mpi.clustering.union_find import UnionFind
from mpi.domain.weight import Thresholds
from mpi.matching.compiler.pair_query import PairQuery
from mpi.matching.model.cautions import Cautions
from mpi.matching.model.record_conditions import ALIKE_EXCHANGED, CORROBORATED
from mpi.matching.scoring.splink_engine import PAIR_SCHEMA
from training.fit.estimate import to_probabilities

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

LEAST_CORROBORATED_SHARE = 0.5
"""Share of matches from which a number, home or guardian usually confirms a match.

There a match that nothing confirms is an exception, and a person can ask the sources.
"""
WINDOW_BITS = 2.0
"""Width in bits of the windows of weight in which odds are counted."""
LEAST_WINDOW_PAIRS = 30
"""Pairs that a window holds at least; a window of fewer is extended upwards."""
_PSEUDO_COUNT = 0.5
"""Other people added to each window (Jeffreys): none seen is not none."""
_CERTAIN_BITS = 4.0
"""Weight from which another record confirms a value."""
_MASK_TABLE = "masked_table"
DECOYS = 200_000
"""Number of decoys; they are drawn with replacement."""
_DECOY_SEED = 2026
_LEAST_WHOLE_DATES = 0.5
"""Share of the known birth years with a whole date, from which exchanged names may be one person's."""
_EXCHANGE_RECORDS = 100_000
"""Records among which strangers with each other's names are searched."""
_BIRTH_COLUMNS = ("birth_date", "birth_date_swapped", "birth_dates", "birth_year")


@dataclass(frozen=True, slots=True)
class Mask:
    """Feature columns to hide in one record of a pair.

    Args:
        known: column that both records must have before it is hidden.
        columns: all columns that hold the value.
        doubts: cautions that hold where two values differ: unless they give way, such pairs count as
            two people.
    """

    known: str
    columns: tuple[str, ...]
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Way in which another record confirms a value.

    Args:
        known: column that holds the value.
        agreement: SQL condition that two records have one value.
    """

    known: str
    agreement: str


@dataclass(frozen=True, slots=True)
class CautionOdds:
    """Expected numbers of other people among a population's cautioned pairs.

    Args:
        corroborated_share: share of the expected matches that a number, home, middle name or guardian
            confirms.
        decide: whether odds decide about cautions; elsewhere each holds at any weight.
        until: weight in bits from which a caution may give way, by label; no entry where it may not.
        strangers: expected record pairs of strangers with one name and birth date, in the index.
        single_lists: sources that list hardly anyone twice (``training.fit.limits.single_lists``).
    """

    corroborated_share: float = 1.0
    decide: bool = False
    until: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    strangers: float = math.nan
    single_lists: tuple[str, ...] = ()


NO_ODDS = CautionOdds()
"""The odds of a model whose cautions hold at any weight."""


@dataclass(frozen=True, slots=True)
class WeighedPairs:
    """Candidate pairs with the weights of a fitted model, in one DuckDB.

    Args:
        connection: connection with a ``feature_table`` of all feature columns.
        pairs: ``lo``, ``hi``.
        weights: weight of each pair in bits.
        query: query of the model without its cautions.
        most_odds: odds of two people to one, up to which a pair may link.
    """

    connection: duckdb.DuckDBPyConnection = field(repr=False)
    pairs: pa.Table = field(repr=False)
    weights: FloatArray = field(repr=False)
    query: PairQuery = field(repr=False)
    most_odds: float

    @property
    def lowest_bits(self) -> float:
        """Return the weight below which no pair links."""
        return -math.log2(self.most_odds)

    def measure_corroboration(self) -> float:
        """Return the share of expected matches that more than names confirms."""
        heavy = self.weights >= 0
        held = self._test_pairs(self.pairs.filter(heavy), CORROBORATED)
        expected = to_probabilities(self.weights[heavy])
        return float(expected[held].sum() / expected.sum()) if len(expected) else 1.0

    def find_masked_limit(self, caution: str, mask: Mask, doubt: str) -> float | None:
        """Find from which weight a caution against missing values gives way.

        Args:
            caution: SQL condition of the caution.
            mask: the missing value.
            doubt: SQL condition of pairs that count as two people whatever they weigh, since the
                values to hide differ.
        """
        self._create_mask_table(mask)
        masked = self.pairs.select(["hi"]).append_column(
            "lo", pa.array(-1 - self.pairs["lo"].to_numpy(), pa.int64())
        )
        weighed = self.query.weigh(
            self.connection, masked.select(["lo", "hi"]), _MASK_TABLE, self.lowest_bits
        )
        held = self._test_pairs(weighed, caution, _MASK_TABLE)
        weighed = weighed.filter(held)
        shown = pa.table({"lo": -1 - weighed["lo"].to_numpy(), "hi": weighed["hi"].to_numpy()})
        others = 1.0 - to_probabilities(self._look_up_weights(shown))
        others[self._test_pairs(shown, doubt)] = 1.0
        return find_limit(weighed["bits"].to_numpy(), others, self.most_odds)

    def find_confirmed_limit(self, caution: str, confirmation: Confirmation) -> float | None:
        """Find the weight from which a caution against two values gives way.

        Args:
            caution: SQL condition of the caution: the two values differ.
            confirmation: how other records may confirm each value.
        """
        confirmed, share = self._find_confirmed_records(confirmation)
        heavy = self.weights >= self.lowest_bits
        pairs, weights = self.pairs.filter(heavy), self.weights[heavy]
        held = self._test_pairs(pairs, caution)
        pairs, weights = pairs.filter(held), weights[held]
        if not share:
            return None
        both = np.isin(pairs["lo"].to_numpy(), confirmed) & np.isin(pairs["hi"].to_numpy(), confirmed)
        others = np.maximum(both / share**2, 1.0 - to_probabilities(weights))
        return find_limit(weights, others, self.most_odds, _PSEUDO_COUNT)

    def find_namesake_limit(self, caution: str, strangers_condition: str) -> float | None:
        """Find from which weight strangers of one name are rare.

        Args:
            caution: SQL condition of the caution.
            strangers_condition: SQL condition of two records with one name and quite different birth
                dates, hardly ever one person.
        """
        strangers = self.pairs.filter(self._test_pairs(self.pairs, strangers_condition))
        return self._find_decoy_limit(caution, strangers, strangers.num_rows)

    def find_exchange_limit(self, caution: str, strangers_condition: str) -> float | None:
        """Find from which weight strangers with each other's names are rare.

        Blocking finds few of these strangers, so all records are searched, or a sample of them. Where most
        records have a year of birth alone, strangers share it too often, and no weight is enough.

        Args:
            caution: SQL condition of the caution.
            strangers_condition: SQL condition of two records that are hardly ever one person.
        """
        records, years, dates = (
            self._count(f"SELECT count({column}) FROM feature_table")
            for column in ("*", "birth_year", "birth_date")
        )
        if dates < _LEAST_WHOLE_DATES * years:
            return None
        share = min(1.0, _EXCHANGE_RECORDS / max(records, 1.0))
        exchanged = self._find_exchanged_pairs(share)
        strangers = exchanged.filter(self._test_pairs(exchanged, strangers_condition))
        return self._find_decoy_limit(caution, strangers, strangers.num_rows / share**2, _PSEUDO_COUNT)

    def _find_exchanged_pairs(self, share: float) -> pa.Table:
        """Find pairs of records with exchanged names, one of them spelled alike.

        Args:
            share: share of the records to search.
        """
        sample = f"(FROM feature_table WHERE hash(unique_id) % 1000000 < {round(share * 1_000_000)})"
        return self.connection.sql(
            "SELECT DISTINCT least(l.unique_id, r.unique_id) AS lo, greatest(l.unique_id, r.unique_id) AS hi "
            f"FROM {sample} AS l JOIN {sample} AS r ON l.given = r.surname AND l.unique_id <> r.unique_id "
            f"WHERE jaro_winkler_similarity(l.surname, r.given) >= {ALIKE_EXCHANGED} ORDER BY lo, hi"
        ).to_arrow_table()

    def _find_decoy_limit(
        self, caution: str, strangers: pa.Table, count: float, added: float = 0.0
    ) -> float | None:
        """Find from which weight decoys made of strangers are rare.

        Args:
            caution: SQL condition of the caution.
            strangers: pairs of strangers to make decoys of.
            count: number of strangers among all records.
            added: other people added to each window of weights.
        """
        drawn, decoys = self._create_decoys(strangers)
        weighed = self.query.weigh(self.connection, decoys, _MASK_TABLE, self.lowest_bits)
        held = self._test_pairs(weighed, caution, _MASK_TABLE)
        decoy_bits = weighed["bits"].to_numpy()[held]
        heavy = self.weights >= self.lowest_bits
        weights = self.weights[heavy][self._test_pairs(self.pairs.filter(heavy), caution)]
        return find_decoy_limit(weights, decoy_bits, count / max(drawn, 1), self.most_odds, added)

    def _create_decoys(self, strangers: pa.Table) -> tuple[int, pa.Table]:
        """Create decoys: a record of a pair with another's birth date.

        Returns:
            Number of decoys, and pairs of a decoy, by a negative ID, with the other record.
        """
        ids = self.connection.sql(
            "SELECT unique_id FROM feature_table WHERE birth_year IS NOT NULL ORDER BY ALL"
        ).to_arrow_table()
        generator = np.random.default_rng(_DECOY_SEED)
        places = generator.integers(0, max(strangers.num_rows, 1), size=DECOYS if strangers.num_rows else 0)
        drawn = strangers.take(places)
        decoy_ids = -1 - np.arange(len(places), dtype=np.int64)
        donors = ids["unique_id"].to_numpy()[generator.integers(0, len(ids), size=len(places))]
        self.connection.register(
            "drawn_decoys", pa.table({"decoy": decoy_ids, "lo": drawn["lo"], "donor": donors})
        )
        born = ", ".join(f"donors.{column} AS {column}" for column in _BIRTH_COLUMNS)
        self.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_MASK_TABLE} AS SELECT * FROM feature_table UNION ALL BY NAME "
            f"SELECT decoy AS unique_id, {born}, own.* EXCLUDE (unique_id, {', '.join(_BIRTH_COLUMNS)}) "
            "FROM drawn_decoys JOIN feature_table AS own ON lo = own.unique_id "
            "JOIN feature_table AS donors ON donor = donors.unique_id"
        )
        return len(places), pa.table({"lo": decoy_ids, "hi": drawn["hi"]}, schema=PAIR_SCHEMA)

    def cap_weights(self, cautions: Cautions, lowest_bits: float) -> FloatArray:
        """Return the weight of each pair, capped where a caution holds.

        Args:
            cautions: cautions of the model.
            lowest_bits: weight in bits below which no caution is tested.
        """
        heavy = self.weights >= lowest_bits
        pairs, weights = self.pairs.filter(heavy), self.weights[heavy]
        held = np.zeros(len(weights), dtype=np.bool_)
        for label, condition in cautions.conditions.items():
            held |= self._test_pairs(pairs, condition) & (weights < cautions.until.get(label, math.inf))
        capped = self.weights.copy()
        capped[heavy] = np.where(held & (weights > cautions.bits), cautions.bits, weights)
        return capped

    def find_questions(self, capped: FloatArray, thresholds: Thresholds) -> FloatArray:
        """Find the weights of the pairs that go to review.

        They are in the review band, and no chain of links joins them.

        Args:
            capped: weight of each pair, capped where a caution holds.
            thresholds: thresholds of the enterprise IDs.
        """
        heavy = self.weights >= thresholds.review
        pairs, weights = self.pairs.filter(heavy), capped[heavy]
        ends = list(zip(pairs["lo"].to_pylist(), pairs["hi"].to_pylist(), strict=True))
        people = UnionFind()
        for link in np.flatnonzero(weights >= thresholds.link):
            people.join(*ends[link])
        asked = [
            place
            for place in np.flatnonzero(weights < thresholds.link)
            if not people.are_joined(*ends[place])
        ]
        return np.sort(weights[asked])

    def find_strangers_limit(self, caution: str, strangers: float) -> float | None:
        """Find the weight from which a caution against strangers gives way.

        Args:
            caution: SQL condition of the caution.
            strangers: expected pairs of strangers with one name and birth date.
        """
        heavy = self.weights >= self.lowest_bits
        held = self._test_pairs(self.pairs.filter(heavy), caution)
        weights = self.weights[heavy][held]
        return find_limit(weights, 1.0 - to_probabilities(weights), self.most_odds, strangers + _PSEUDO_COUNT)

    def count_strangers(self, prior: float, growth: float) -> float:
        """Count the expected pairs of strangers with one name and birth date.

        Strangers grow with the square of the index and matches with its size. The number is that of a
        data set as large as this one, with as many strangers for each match as the index.

        Args:
            prior: share of matches among all pairs of records.
            growth: size of the index in multiples of the data.
        """
        same_date, pairs = self._count_equal_pairs("birth_date"), self._count_pairs("birth_date")
        same_name = self._count_equal_pairs("given", "surname")
        same_both = self._count_equal_pairs("given", "surname", "birth_date")
        chance = max(same_date / pairs - prior, 0.0) if pairs else 0.0
        return max(same_name - same_both, 0.0) * chance * growth

    def _count_equal_pairs(self, *columns: str) -> float:
        """Count the pairs of records that have the same values of columns."""
        known = " AND ".join(f"{column} IS NOT NULL" for column in (*columns, "birth_date"))
        return self._count(
            f"SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM feature_table WHERE {known} "
            f"GROUP BY {', '.join(columns)})"
        )

    def _count_pairs(self, column: str) -> float:
        """Count the pairs of records that have a column."""
        return self._count(f"SELECT count({column}) * (count({column}) - 1) / 2 FROM feature_table")

    def _count(self, query: str) -> float:
        """Return the number that a query counts; 0 for none."""
        ((number,),) = self.connection.sql(query).fetchall()
        return float(number or 0.0)

    def _find_confirmed_records(self, confirmation: Confirmation) -> tuple[npt.NDArray[np.int64], float]:
        """Find the records whose value another record of the person confirms.

        Returns:
            The records, and their share of all records that have the value.
        """
        certain = self.pairs.filter(self.weights >= _CERTAIN_BITS)
        agreeing = certain.filter(self._test_pairs(certain, confirmation.agreement))
        confirmed = np.union1d(agreeing["lo"].to_numpy(), agreeing["hi"].to_numpy())
        known = self._count(f"SELECT count({confirmation.known}) FROM feature_table")
        return confirmed, len(confirmed) / known if known else 0.0

    def _look_up_weights(self, pairs: pa.Table) -> FloatArray:
        """Return the weights of candidate pairs, given in any order."""
        self.connection.register(
            "known_weights", self.pairs.select(["lo", "hi"]).append_column("bits", pa.array(self.weights))
        )
        self.connection.register("asked_pairs", _number_rows(pairs))
        found = self.connection.sql(
            "SELECT bits FROM asked_pairs JOIN known_weights USING (lo, hi) ORDER BY place"
        ).to_arrow_table()
        return np.asarray(found["bits"].to_numpy(), dtype=np.float64)

    def _create_mask_table(self, mask: Mask) -> None:
        """Create a table of records, whole and with one value hidden.

        The record with the hidden value has a negative ID.
        """
        hidden = ", ".join(f"NULL AS {column}" for column in mask.columns)
        self.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_MASK_TABLE} AS SELECT * FROM feature_table "
            f"WHERE {mask.known} IS NOT NULL UNION ALL BY NAME SELECT -1 - unique_id AS unique_id, {hidden}, "
            f"* EXCLUDE (unique_id, {', '.join(mask.columns)}) FROM feature_table "
            f"WHERE {mask.known} IS NOT NULL"
        )

    def _test_pairs(self, pairs: pa.Table, condition: str, table: str = "feature_table") -> BoolArray:
        """Test a condition of two records on pairs, in their order."""
        columns = _find_columns(self.connection, condition)
        sides = ", ".join(f"{side}.{name} AS {name}_{side}" for name in columns for side in "lr")
        self.connection.register("tested_pairs", _number_rows(pairs))
        tested = self.connection.sql(
            f"SELECT place FROM (SELECT place, {sides} FROM tested_pairs JOIN {table} AS l "
            f"ON lo = l.unique_id JOIN {table} AS r ON hi = r.unique_id) WHERE {condition}"
        ).to_arrow_table()
        held = np.zeros(pairs.num_rows, dtype=np.bool_)
        held[tested["place"].to_numpy()] = True
        return held


def _number_rows(pairs: pa.Table) -> pa.Table:
    """Return pairs with the place of each."""
    return pairs.select(["lo", "hi"]).append_column("place", pa.array(np.arange(pairs.num_rows)))


def _find_columns(connection: duckdb.DuckDBPyConnection, condition: str) -> list[str]:
    """Return the feature columns that a condition of two records names."""
    described = connection.sql("DESCRIBE feature_table").fetchall()
    return [name for name, *_ in described if f"{name}_l" in condition or f"{name}_r" in condition]


def find_limit(
    weights: FloatArray, others: FloatArray, most_odds: float, added: float = _PSEUDO_COUNT
) -> float | None:
    """Find the lowest weight from which few enough pairs are two people.

    From it up, every window of weights has at most the given odds of two people to one.

    Args:
        weights: weights of the cautioned pairs, in bits.
        others: expected number of two people for each pair.
        most_odds: odds of two people to one, up to which a pair may link.
        added: other people added to each window, since none seen is not none.

    Returns:
        A whole number of bits; None where no weight is enough.
    """
    order = np.argsort(weights)
    weights, others = weights[order], others[order]
    lowest = math.ceil(-math.log2(most_odds))
    limit: float | None = None
    for start in range(math.floor(weights.max(initial=lowest)), lowest - 1, -1):
        first, last = np.searchsorted(weights, (start, start + WINDOW_BITS))
        count = max(int(last - first), min(LEAST_WINDOW_PAIRS, len(weights) - int(first)))
        two_people = float(others[first : first + count].sum()) + added
        if two_people <= most_odds * (count - two_people):
            limit = float(start)
        elif count >= LEAST_WINDOW_PAIRS:
            break
    return limit


def find_decoy_limit(
    weights: FloatArray,
    decoy_bits: FloatArray,
    strangers_per_decoy: float,
    most_odds: float,
    added: float = 0.0,
) -> float | None:
    """Find the lowest weight from which decoys are rare among pairs.

    From it up, every window of weights has at most the given odds of strangers to one person.

    Args:
        weights: weights of the pairs, in bits.
        decoy_bits: weights of the decoys, in bits.
        strangers_per_decoy: pairs of strangers for which each decoy stands.
        most_odds: odds of two people to one, up to which a pair may link.
        added: strangers added to each window, where none seen is not none.

    Returns:
        A whole number of bits; None where no weight of a pair is enough.
    """
    weights, decoy_bits = np.sort(weights), np.sort(decoy_bits)
    lowest = math.ceil(-math.log2(most_odds))
    limit: float | None = None
    for start in range(math.floor(weights.max(initial=lowest)), lowest - 1, -1):
        first, last = np.searchsorted(weights, (start, start + WINDOW_BITS))
        last = min(max(int(last), int(first) + LEAST_WINDOW_PAIRS), len(weights))
        end = max(start + WINDOW_BITS, float(weights[last - 1])) if last else start + WINDOW_BITS
        decoys = int(np.diff(np.searchsorted(decoy_bits, (start, end)))[0])
        pairs, strangers = last - int(first), decoys * strangers_per_decoy + added
        if strangers > most_odds * max(pairs - strangers, 0.0):
            break
        limit = float(start)
    return limit
