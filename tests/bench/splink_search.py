"""Splink's search for one record among those of an index, and its scoring of a pair."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from splink import DuckDBAPI, Linker

from mpi.domain.viewer import make_operator
from mpi.matching.scoring.splink_engine import _register_frequencies, connect_duckdb, make_feature_table
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features

BLOCKING_RULES = (
    "l.birth_date = r.birth_date and l.surname = r.surname",
    "l.given = r.given and l.surname = r.surname",
    "l.ssn = r.ssn",
    "l.email = r.email",
    "l.street_number = r.street_number and l.street = r.street and l.birth_year = r.birth_year",
)
"""Five plain rules for Splink's search; fewer than ours, which is to its advantage."""
FIRST_NEW_RECORD = 10**15
RECORDS_PER_CHUNK = 20_000


class SplinkSearch:
    """Splink with the records and the model of an index.

    Args:
        connection: a DuckDB connection with the table of every record.
        index: the index.
    """

    def __init__(self, connection: Any, index: Index) -> None:
        model = index.matcher.model
        self._connection, self._columns = connection, index.matcher.scorer.columns
        self._api = DuckDBAPI(connection)
        self._records = self._api.register("feature_table", dataset_display_name="records")
        settings = {
            **model.settings,
            "retain_matching_columns": False,
            "retain_intermediate_calculation_columns": False,
            "additional_columns_to_retain": [],
            "blocking_rules_to_generate_predictions": list(BLOCKING_RULES),
        }
        self._linker = Linker(self._records, settings, log_level=None, validate_settings=False)
        self._numbers = iter(range(FIRST_NEW_RECORD, 2 * FIRST_NEW_RECORD))
        _register_frequencies(self._linker, self._api, model.frequencies)

    def predict_between(self, features: Any) -> float:
        """Return the milliseconds of a search for one record."""
        record = self._register_record(features)
        began = time.perf_counter()
        self._linker.inference.predict_between(self._records, record, warning_mode="never").as_record_list()
        return (time.perf_counter() - began) * 1000

    def score_pair(self, left: Any, right: Any) -> float:
        """Return the milliseconds of scoring a pair."""
        left_table, right_table = self._register_record(left), self._register_record(right)
        began = time.perf_counter()
        self._linker.inference.score_pair(left_table, right_table).as_record_list()
        return (time.perf_counter() - began) * 1000

    def _register_record(self, features: Any) -> Any:
        number = next(self._numbers)
        name = f"one_{number}"
        self._connection.register(name, make_feature_table([(number, features)], self._columns))
        return self._api.register(name, dataset_display_name=name)


@contextmanager
def open_splink_search(index: Index) -> Iterator[SplinkSearch]:
    """Open Splink with every active record of an index."""
    with tempfile.TemporaryDirectory() as spill:
        connection = connect_duckdb(Path(spill))
        connection.register("feature_table", feature_table_of(index, index.matcher.scorer.columns))
        yield SplinkSearch(connection, index)
        connection.close()


def feature_table_of(index: Index, columns: tuple[str, ...]) -> pa.Table:
    """Return the feature table of every active record."""
    with index.database.read(make_operator()) as unit:
        config, numbers = index.config_id(unit), sorted(unit.records.active_canonical_keys())
        return make_feature_table(
            (
                each
                for start in range(0, len(numbers), RECORDS_PER_CHUNK)
                for each in load_features(unit, config, numbers[start : start + RECORDS_PER_CHUNK]).items()
            ),
            columns,
        )
