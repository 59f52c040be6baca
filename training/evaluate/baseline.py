"""Baseline methods: exact matching, and Splink as a careful notebook uses it.

The notebook has a comparison that suits each field and blocks on eight pairs of fields. It learns m by
expectation maximization and clusters by connected components. It compares values as sent, in canonical
columns, with names in lower case.
"""

import logging
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from networkx.utils import UnionFind
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink import comparison_library as library
from splink.internals.exceptions import SplinkException

from mpi.domain.features import Features
from mpi.domain.weight import compute_probability
from mpi.matching.scoring.splink_engine import WEIGHT_SCHEMA, connect_duckdb
from training.record_table import Records

NOTEBOOK_PROBABILITY = 0.95
"""Match probability at which Splink's tutorial clusters."""
NOTEBOOK_THRESHOLDS = (
    0.05, 0.2, 0.5, 0.8, 0.9, NOTEBOOK_PROBABILITY, 0.99,
    0.999, 0.9999, 0.99999, 0.999999, 0.9999999, 0.99999999,
)  # fmt: skip
"""Match probabilities at which the notebook's clusters are measured."""
NOTEBOOK_COLUMNS = (
    "first_name", "middle_name", "last_name", "birth_date", "sex", "ssn", "address_line1", "postal_code",
    "phone", "email",
)  # fmt: skip
"""Canonical columns that the notebook compares."""
SHARED_COLUMNS = ("address_line1", "phone", "email")
"""Columns that a household shares.

Where siblings are common, the notebook does better without them: it counts one home several times.
"""

Clusters = dict[int, int]

_LOGGER = logging.getLogger(__name__)
_NAMES = ("first_name", "middle_name", "last_name")
_RULES = (
    ("first_name", "last_name"),
    ("last_name", "birth_date"),
    ("first_name", "birth_date"),
    ("ssn",),
    ("postal_code", "birth_date"),
    ("postal_code", "last_name"),
    ("phone",),
    ("address_line1",),
)
_TRAINING_RULES = 3
_PRIOR_RULES = 2
_LEAST_FILLED = 0.05
_LEAST_BITS = -5
_ASSUMED_RECALL = 0.7
_RANDOM_PAIRS = 2e6
_YEAR_CHARACTERS = 4


@dataclass(frozen=True, slots=True)
class _FilledColumns:
    """Compared columns of a table, and the form of its birth dates."""

    names: tuple[str, ...]
    has_years_alone: bool


def cluster_exact_matches(records: Records) -> Clusters:
    """Cluster records with the same first name, last name and birth date.

    Records that lack one of the three stay alone.
    """
    first_record: dict[tuple[str, str, str], int] = {}
    name_of_record: dict[int, tuple[str, str, str] | None] = {}
    for number, features in records:
        given, surname, born = features.given, features.surname, features.birth_date
        if given is None or surname is None or born is None:
            name_of_record[number] = None
        else:
            name = given, surname, born
            first_record[name] = min(first_record.get(name, number), number)
            name_of_record[number] = name
    return {number: number if name is None else first_record[name] for number, name in name_of_record.items()}


def cluster_with_splink(records: Records, threshold: float = NOTEBOOK_PROBABILITY) -> Clusters:
    """Cluster records with the notebook's settings and connected components.

    Columns that a household shares are left out, as an agency's records hold many siblings.

    Args:
        records: record ID and features.
        threshold: match probability from which two records are joined.
    """
    table = drop_shared_columns(build_notebook_table(records))
    pairs = score_with_splink(table)
    return connect_pairs(table["unique_id"].to_pylist(), pairs, (threshold,))[threshold]


def build_notebook_table(records: Records) -> pa.Table:
    """Build the columns that the notebook compares from features.

    Use it where the values as sent are not at hand.
    """
    numbers = pa.array([number for number, _ in records], pa.int64())
    rows = [_to_row(features) for _, features in records]
    columns = zip(*rows, strict=True) if rows else ((),) * len(NOTEBOOK_COLUMNS)
    arrays = [pa.array(values, pa.string()) for values in columns]
    return pa.table([numbers, *arrays], names=["unique_id", *NOTEBOOK_COLUMNS])


def drop_shared_columns(table: pa.Table) -> pa.Table:
    """Return the table without the columns that a household shares."""
    return table.drop_columns([name for name in SHARED_COLUMNS if name in table.column_names])


def score_with_splink(table: pa.Table) -> pa.Table:
    """Score record pairs with the notebook's settings, as a baseline.

    Args:
        table: ``unique_id`` and any of ``NOTEBOOK_COLUMNS`` as texts; missing values are null.

    Returns:
        ``lo``, ``hi``, ``bits``, without weights that no threshold reaches; empty if no blocking rule has
        data, or Splink cannot be trained on it, which is logged.
    """
    filled = _find_filled_columns(table)
    if not _select_usable_rules(filled):
        return WEIGHT_SCHEMA.empty_table()
    # Splink warns of each level that the data lacks; the baseline accepts such data.
    logging.getLogger("splink").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as spill:
        connection = connect_duckdb(Path(spill))
        try:
            api = DuckDBAPI(connection)
            compared = _lower_names(table).select(["unique_id", *filled.names])
            linker = Linker(api.register(compared), _build_settings(filled), log_level=None)
            _train(linker, filled)
            scored = linker.inference.predict(warning_mode="never")
            return connection.sql(
                "SELECT unique_id_l AS lo, unique_id_r AS hi, match_weight::DOUBLE AS bits "
                f"FROM {scored.physical_name} WHERE match_weight > {_LEAST_BITS}"
            ).to_arrow_table()
        except SplinkException:
            _LOGGER.warning("plain Splink links nothing: it cannot be trained on these records")
            return WEIGHT_SCHEMA.empty_table()
        finally:
            connection.close()


def connect_pairs(
    numbers: Sequence[int], pairs: pa.Table, thresholds: Iterable[float] = NOTEBOOK_THRESHOLDS
) -> dict[float, Clusters]:
    """Cluster records by connected components of pairs above probabilities.

    Args:
        numbers: IDs of all records.
        pairs: ``lo``, ``hi``, ``bits``.
        thresholds: match probabilities.

    Returns:
        Record ID to the lowest ID of its cluster, for each threshold.
    """
    ordered = pairs.sort_by([("bits", "descending")])
    probabilities = np.array([compute_probability(bits) for bits in ordered["bits"].to_pylist()])
    lo, hi = ordered["lo"].to_numpy(), ordered["hi"].to_numpy()
    union, start, clusters = UnionFind(numbers), 0, {}
    for threshold in sorted(thresholds, reverse=True):
        end = int(np.count_nonzero(probabilities >= threshold))
        for left, right in zip(lo[start:end].tolist(), hi[start:end].tolist(), strict=True):
            union.union(left, right)
        start = max(start, end)
        clusters[threshold] = _name_clusters(numbers, union)
    return dict(sorted(clusters.items()))


def _name_clusters(numbers: Sequence[int], union: UnionFind) -> Clusters:
    """Name each record's cluster after the lowest record ID in it."""
    lowest: dict[int, int] = {}
    return {number: lowest.setdefault(union[number], number) for number in sorted(numbers)}


def _find_filled_columns(table: pa.Table) -> _FilledColumns:
    """Return the columns with enough values, and whether dates are years alone."""
    names = tuple(
        name
        for name in NOTEBOOK_COLUMNS
        if name in table.column_names and len(table) - table[name].null_count > _LEAST_FILLED * len(table)
    )
    has_years_alone = "birth_date" in names and (
        np.median(pc.utf8_length(table["birth_date"].drop_null()).to_numpy()) <= _YEAR_CHARACTERS
    )
    return _FilledColumns(names, bool(has_years_alone))


def _lower_names(table: pa.Table) -> pa.Table:
    """Return the table with names trimmed and in lower case."""
    for name in _NAMES:
        if name in table.column_names:
            position = table.column_names.index(name)
            table = table.set_column(position, name, pc.utf8_trim_whitespace(pc.utf8_lower(table[name])))
    return table


def _build_settings(filled: _FilledColumns) -> SettingsCreator:
    """Build the notebook's settings for the filled columns."""
    birth = (
        library.LevenshteinAtThresholds("birth_date", [1])
        if filled.has_years_alone
        else library.DateOfBirthComparison("birth_date", input_is_string=True)
    )
    comparisons = {
        "first_name": library.NameComparison("first_name"),
        "middle_name": library.JaroWinklerAtThresholds("middle_name", [0.9]),
        "last_name": library.NameComparison("last_name"),
        "birth_date": birth,
        "sex": library.ExactMatch("sex"),
        "ssn": library.LevenshteinAtThresholds("ssn", [2]),
        "address_line1": library.JaroWinklerAtThresholds("address_line1", [0.9, 0.8]),
        "postal_code": library.PostcodeComparison("postal_code"),
        "phone": library.LevenshteinAtThresholds("phone", [2]),
        "email": library.EmailComparison("email"),
    }
    return SettingsCreator(
        link_type="dedupe_only",
        comparisons=[comparisons[name] for name in filled.names],
        blocking_rules_to_generate_predictions=[block_on(*rule) for rule in _select_usable_rules(filled)],
        retain_matching_columns=False,
    )


def _select_usable_rules(filled: _FilledColumns) -> list[tuple[str, ...]]:
    """Return the blocking rules whose columns are all compared."""
    return [rule for rule in _RULES if set(filled.names).issuperset(rule)]


def _train(linker: Linker, filled: _FilledColumns) -> None:
    """Train the prior, u and m as the notebook does."""
    training, rules = linker.training, _select_usable_rules(filled)
    try:
        _estimate_prior(linker, rules[:_PRIOR_RULES], _ASSUMED_RECALL)
    except ValueError:  # the rules find more pairs than so low a recall allows
        _estimate_prior(linker, rules[:_PRIOR_RULES], 1.0)
    # Without a seed Splink draws the same sample each time, by row; a seed would draw another.
    training.estimate_u_using_random_sampling(max_pairs=_RANDOM_PAIRS)
    for rule in rules[:_TRAINING_RULES]:
        if set(filled.names) - set(rule):  # the rule teaches the other columns
            training.estimate_parameters_using_expectation_maximisation(block_on(*rule))


def _estimate_prior(linker: Linker, rules: Iterable[tuple[str, ...]], recall: float) -> None:
    """Estimate the prior from rules that find the given share of matches."""
    linker.training.estimate_probability_two_random_records_match(
        [block_on(*rule) for rule in rules], recall=recall
    )


def _to_row(features: Features) -> tuple[str | None, ...]:
    """Return the values of a record that the notebook compares."""
    return (
        features.given,
        features.middle,
        features.surname,
        features.birth_date,
        features.sex,
        features.ssn,
        " ".join(filter(None, (features.street_number, features.street))) or None,
        features.postal_code,
        features.phones[0] if features.phones else None,
        features.email,
    )
