"""Baseline methods: exact matching, and Splink with its tutorial settings."""

import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path

import networkx as nx
import pyarrow as pa
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink import comparison_library as library

from mpi.domain.features import Features
from mpi.domain.weight import compute_probability
from mpi.matching.scoring.splink_engine import connect_duckdb
from training.record_table import Records

NOTEBOOK_PROBABILITY = 0.95
"""Match probability at which Splink's tutorial clusters."""

Clusters = dict[int, int]

_COLUMNS = ("given", "surname", "birth_date", "sex", "ssn", "address")
_RULES = (("given", "surname"), ("surname", "birth_date"), ("given", "birth_date"), ("ssn",), ("address",))
_PAIRS = pa.schema([("lo", pa.int64()), ("hi", pa.int64()), ("bits", pa.float64())])


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
    """Cluster records with Splink's tutorial settings and connected components.

    Args:
        records: record ID and features.
        threshold: match probability from which two records are joined.
    """
    return connect_pairs(records, score_with_splink(records), threshold)


def score_with_splink(records: Records, raw: pa.Table | None = None) -> pa.Table:
    """Score record pairs with Splink's tutorial settings, as a baseline.

    Args:
        records: record ID and features.
        raw: the same records as published, to compare instead of the features: ``unique_id`` and any of
            the columns ``given``, ``surname``, ``birth_date``, ``sex``, ``ssn``, ``address``.

    Returns:
        ``lo``, ``hi``, ``bits``; empty if no blocking rule has data.
    """
    table = _to_table(records) if raw is None else raw
    if not _select_usable_rules(_RULES, _filled_columns(table)):
        return _PAIRS.empty_table()  # no blocking rule has data
    # Splink warns of each level that the data lacks; the baseline accepts such data.
    logging.getLogger("splink").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as spill:
        connection = connect_duckdb(Path(spill))
        try:
            api = DuckDBAPI(connection)
            linker = Linker(api.register(table), _build_settings(table), log_level=None)
            _train(linker, _filled_columns(table))
            scored = linker.inference.predict(warning_mode="never")
            return connection.sql(
                "SELECT unique_id_l AS lo, unique_id_r AS hi, match_weight AS bits "
                f"FROM {scored.physical_name}"
            ).to_arrow_table()
        finally:
            connection.close()


def connect_pairs(records: Records, pairs: pa.Table, threshold: float) -> Clusters:
    """Cluster records by connected components of pairs above a match probability."""
    graph = nx.Graph()
    graph.add_nodes_from(number for number, _ in records)
    edges = zip(pairs["lo"].to_pylist(), pairs["hi"].to_pylist(), pairs["bits"].to_pylist(), strict=True)
    graph.add_edges_from((lo, hi) for lo, hi, bits in edges if compute_probability(bits) >= threshold)
    return {number: min(group) for group in nx.connected_components(graph) for number in group}


def _filled_columns(table: pa.Table) -> set[str]:
    """Return the columns of a table that have any value."""
    return {name for name in table.column_names if table[name].null_count < len(table)}


def _build_settings(table: pa.Table) -> SettingsCreator:
    """Build Splink's tutorial settings for a table's filled columns."""
    comparisons = {
        "given": library.NameComparison("given").configure(term_frequency_adjustments=True),
        "surname": library.NameComparison("surname").configure(term_frequency_adjustments=True),
        "birth_date": library.DateOfBirthComparison("birth_date", input_is_string=True),
        "sex": library.ExactMatch("sex"),
        "ssn": library.ExactMatch("ssn"),
        "address": library.LevenshteinAtThresholds("address", [3]),
    }
    present = _filled_columns(table)
    return SettingsCreator(
        link_type="dedupe_only",
        comparisons=[comparison for name, comparison in comparisons.items() if name in present],
        blocking_rules_to_generate_predictions=[
            block_on(*rule) for rule in _select_usable_rules(_RULES, present)
        ],
        retain_matching_columns=False,
    )


def _select_usable_rules(rules: Iterable[tuple[str, ...]], present: set[str]) -> list[tuple[str, ...]]:
    """Return the blocking rules whose columns all have values."""
    return [rule for rule in rules if present.issuperset(rule)]


def _train(linker: Linker, present: set[str]) -> None:
    """Train a plain Splink model as Splink's tutorial does."""
    training = linker.training
    named = [name for name in ("given", "surname", "birth_date") if name in present]
    training.estimate_probability_two_random_records_match([block_on(*named)], recall=0.7)
    training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
    for rule in _select_usable_rules((("given", "surname"), ("birth_date",)), present):
        if present - {"unique_id", *rule}:  # the rule teaches the other columns
            training.estimate_parameters_using_expectation_maximisation(block_on(*rule))


def _to_row(features: Features) -> Iterable[str | None]:
    """Return the values of a record that the plain Splink baseline compares."""
    home = features.addresses[0] if features.addresses else None
    return (
        features.given,
        features.surname,
        features.birth_date,
        features.sex,
        features.ssn,
        home,
    )


def _to_table(records: Records) -> pa.Table:
    """Convert records to the table that Splink compares."""
    columns = zip(*(_to_row(features) for _, features in records), strict=True)
    arrays = {name: pa.array(values, pa.string()) for name, values in zip(_COLUMNS, columns, strict=True)}
    return pa.table({"unique_id": pa.array([number for number, _ in records], pa.int64()), **arrays})
