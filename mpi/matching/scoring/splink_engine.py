"""Splink on DuckDB, with its tables of features and candidate pairs.

Two facts of Splink shape it. It caches frequencies by column name for the life of an engine, so one is made
for each run. A value that the frozen table lacks would be scored as average, so the table is completed with
the tail.
"""

import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from splink import DuckDBAPI, Linker
from splink.internals.splink_dataframe import SplinkDataFrame

from mpi.domain.features import LIST_COLUMNS, Features
from mpi.matching.compiler.common_subexpressions import share_subexpressions
from mpi.matching.compiler.conditions import BOOLEAN_COLUMNS, NUMBER_COLUMNS
from mpi.matching.model.cautions import Cautions
from mpi.matching.model.frequencies import Frequencies
from mpi.matching.model.scoring_parameters import make_batch_settings

BATCH_ROWS = 50_000
"""Rows of a batch of features."""
WEIGHT_SCHEMA = pa.schema([("lo", pa.int64()), ("hi", pa.int64()), ("bits", pa.float64())])
"""Columns of scored pairs; weights in bits."""
PAIR_SCHEMA = pa.schema([("lo", pa.int64()), ("hi", pa.int64())])
"""Columns of pairs of record ids."""


def connect_duckdb(spill: Path, memory: str | None = None) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB in memory that spills to a folder.

    It downloads no extension. ``tempfile`` makes directories with mode 0700, which spilled personal data
    needs.

    Args:
        spill: folder to spill to.
        memory: memory limit, such as ``4GB``; None for DuckDB's default.
    """
    connection = duckdb.connect(":memory:")
    connection.execute("SET temp_directory = ?", [str(spill)])
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET lambda_syntax = 'ENABLE_SINGLE_ARROW'")  # Splink writes x -> f(x)
    if memory is not None:
        connection.execute("SET memory_limit = ?", [memory])
    return connection


@contextmanager
def without_filter_pushdown(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Keep DuckDB from moving a query's filters to earlier steps.

    It would move a filter below the expression that it tests, which is then computed for the filter and
    once more for what comes after it. This holds for all connections to one database.
    """
    connection.execute("SET disabled_optimizers = 'filter_pushdown'")
    try:
        yield
    finally:
        connection.execute("RESET disabled_optimizers")


_KEPT_PREFIXES = ("match_weight", "match_probability", "unique_id_", "gamma_", "mw_", "match_key")
"""Beginnings of the columns of scored pairs that hold no value of a record."""
FEATURE_TABLE = "feature_table"
"""Name of the table or view with all records' features on a connection."""


class SplinkEngine:
    """Splink with one model over a table of features on DuckDB.

    Args:
        settings: complete Splink settings.
        frequencies: frozen frequencies of the columns that the settings adjust for.
        connection: connection of ``connect_duckdb``, used by nobody else, with the table of features.
        detailed: whether ``score`` keeps the levels and the parts of the weight.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        frequencies: Frequencies,
        connection: duckdb.DuckDBPyConnection,
        *,
        detailed: bool = False,
    ) -> None:
        self._connection = connection
        self._api = DuckDBAPI(connection)
        records = self._api.register(FEATURE_TABLE, dataset_display_name="records")
        batch_settings = make_batch_settings(settings, detailed=detailed)
        self._linker = Linker(records, batch_settings, log_level=None, validate_settings=False)
        _register_frequencies(self._linker, self._api, frequencies)
        # Splink takes a table name once; each chunk replaces what the name stands for.
        self._set_pairs(PAIR_SCHEMA.empty_table())
        blocked = self._api.register("blocked", dataset_display_name="blocked")
        self._linker.table_management.register_blocked_pairs_for_predict(blocked)

    def _set_pairs(self, pairs: pa.Table) -> None:
        """Replace the record pairs that Splink scores next."""
        self._connection.register("chunk", pairs)
        self._connection.execute(
            "CREATE OR REPLACE TABLE blocked AS "
            "SELECT '0' AS match_key, lo AS join_key_l, hi AS join_key_r FROM chunk"
        )
        self._connection.unregister("chunk")

    def score(self, pairs: pa.Table, select: str, floor: float | None = None) -> pa.Table:
        """Score one chunk of record pairs.

        Args:
            pairs: ``lo``, ``hi``; any other columns are ignored.
            select: columns to return, in SQL over Splink's columns.
            floor: lowest weight to return, in bits.

        Returns:
            In the order of the record ids.
        """
        self._set_pairs(pairs)
        with without_filter_pushdown(self._connection):
            scored = self._linker.inference.predict(threshold_match_weight=floor, warning_mode="never")
        result = self._connection.sql(
            f"SELECT {select} FROM {scored.physical_name} ORDER BY unique_id_l, unique_id_r"
        ).to_arrow_table()
        scored.drop_table_from_database_and_remove_from_cache()
        return result

    @property
    def linker(self) -> Linker:
        """Splink's linker, for its charts."""
        return self._linker

    @contextmanager
    def predict(self, pairs: pa.Table) -> Iterator[SplinkDataFrame]:
        """Score record pairs into a table of Splink, which is dropped afterwards.

        Args:
            pairs: ``lo``, ``hi``.
        """
        self._set_pairs(pairs)
        with without_filter_pushdown(self._connection):
            scored = self._linker.inference.predict(warning_mode="never")
        try:
            yield scored
        finally:
            scored.drop_table_from_database_and_remove_from_cache()

    def hide_values(self, scored: SplinkDataFrame, stand_in: str) -> None:
        """Take values of records out of a table of scored pairs.

        Args:
            scored: pairs with their levels and the parts of their weight, scored without frequencies.
            stand_in: text that stands for a value; a missing value stays missing.
        """
        names = [row[0] for row in self._connection.execute(f"DESCRIBE {scored.physical_name}").fetchall()]
        columns = [
            f'"{name}"'
            if name.startswith(_KEPT_PREFIXES)
            else f'CASE WHEN "{name}" IS NULL THEN NULL ELSE \'{stand_in}\' END AS "{name}"'
            for name in names
        ]
        self._connection.execute(
            f"CREATE OR REPLACE TABLE {scored.physical_name} AS SELECT {', '.join(columns)} "
            f"FROM {scored.physical_name}"
        )

    def register_clusters(self, clusters: Mapping[int, int]) -> SplinkDataFrame:
        """Return a table of the cluster of each record.

        Args:
            clusters: number of the cluster by record.
        """
        table = pa.table({"cluster_id": list(clusters.values()), "unique_id": list(clusters)})
        self._connection.register("given", table)
        self._connection.execute("CREATE OR REPLACE TABLE clusters AS SELECT * FROM given")
        self._connection.unregister("given")
        return self._api.register("clusters", dataset_display_name="clusters")


def apply_cautions(
    connection: duckdb.DuckDBPyConnection,
    scored: pa.Table,
    cautions: Cautions,
    columns: Collection[str],
) -> pa.Table:
    """Cap the weights of pairs where a caution of the model holds.

    Args:
        connection: has the records' features.
        scored: ``lo``, ``hi``, ``bits``.
        cautions: cautions of the model.
        columns: columns of the features.

    Returns:
        ``lo``, ``hi``, ``bits``, in the order of the record ids.
    """
    if not cautions.when:
        return scored
    sides = (
        f"(SELECT unique_id AS {side}_id, {', '.join(f'{name} AS {name}_{side}' for name in columns)} "
        f"FROM {FEATURE_TABLE})"
        for side in "lr"
    )
    shared = share_subexpressions(tuple(cautions.conditions.values()), "shared_")
    query = shared.write_query(
        f"SELECT * FROM scored JOIN {next(sides)} ON lo = l_id JOIN {next(sides)} ON hi = r_id"
    )
    capped_bits = cautions.write_capped_weight("bits", shared.conditions)
    connection.register("scored", scored)
    result = connection.sql(
        f"SELECT lo, hi, {capped_bits} AS bits FROM ({query}) ORDER BY lo, hi"
    ).to_arrow_table()
    connection.unregister("scored")
    return result.cast(WEIGHT_SCHEMA)


def _register_frequencies(linker: Linker, api: DuckDBAPI, frequencies: Frequencies) -> None:
    """Give Splink the model's term frequency of every value, rare ones included."""
    connection = api.duckdb_con
    for column, shares in frequencies.tables.items():
        frozen = pa.table({"value": list(shares), "share": list(shares.values())})
        table_columns = connection.execute(f"SELECT column_name FROM (DESCRIBE {FEATURE_TABLE})").fetchall()
        if (column,) not in table_columns:
            continue
        connection.register("frozen", frozen.cast(pa.schema([("value", "string"), ("share", "double")])))
        connection.execute(
            f'CREATE OR REPLACE TABLE "frozen_{column}" AS '
            f'SELECT value AS "{column}", coalesce(share, {frequencies.tails[column]!r}::DOUBLE) '
            f'AS "tf_{column}" FROM (SELECT DISTINCT "{column}" AS value FROM {FEATURE_TABLE} '
            f'WHERE "{column}" IS NOT NULL) LEFT JOIN frozen USING (value)'
        )
        registered = api.register(f"frozen_{column}", dataset_display_name=f"frozen_{column}")
        linker.table_management.register_term_frequency_lookup(registered, column)
        connection.unregister("frozen")


def find_all_candidate_pairs(
    keys: pa.Table,
    touched: pa.Array | None = None,
    *,
    memory: str | None = None,
    work_dir: Path | None = None,
) -> pa.Table:
    """Find the distinct pairs of records that share a blocking key.

    No block is left out.

    Args:
        keys: ``key``, ``record_id`` (int64), each row once.
        touched: record ids of which a pair must have at least one; None for all pairs.
        memory: DuckDB's memory limit, such as ``4GB``; None for its default.
        work_dir: where DuckDB may spill, in a directory that only this user can read; None for nowhere.

    Returns:
        ``lo``, ``hi`` with lo < hi, in no particular order.
    """
    with ExitStack() as stack:
        spill = (
            None
            if work_dir is None
            else stack.enter_context(tempfile.TemporaryDirectory(prefix="pairing-", dir=work_dir))
        )
        connection = stack.enter_context(
            duckdb.connect(":memory:") if spill is None else connect_duckdb(Path(spill), memory)
        )
        return find_pairs_sharing_keys(connection, keys, touched)


def find_pairs_sharing_keys(
    connection: duckdb.DuckDBPyConnection, keys: pa.Table, touched: pa.Array | None
) -> pa.Table:
    """Find record pairs that share a blocking key, on a given connection.

    Otherwise as ``find_all_candidate_pairs``.
    """
    connection.register("keys", keys)
    left, order = "keys", "a.record_id < b.record_id"
    if touched is not None:
        connection.register("touched", pa.table({"record_id": touched}))
        left = "(FROM keys SEMI JOIN touched USING (record_id))"
        order = "a.record_id <> b.record_id"
    relation = connection.sql(
        "SELECT DISTINCT least(a.record_id, b.record_id) AS lo, "
        "greatest(a.record_id, b.record_id) AS hi "
        f"FROM {left} AS a JOIN keys AS b ON a.key = b.key AND {order}"
    )
    pairs = relation.to_arrow_table().cast(PAIR_SCHEMA)
    for name in ("keys", "touched"):
        connection.unregister(name)
    return pairs


def make_feature_schema(columns: Iterable[str]) -> pa.Schema:
    """Return the Arrow schema of a table of record IDs and features."""
    return pa.schema([("unique_id", pa.int64()), *((name, _get_arrow_type(name)) for name in columns)])


def make_feature_batches(
    records: Iterable[tuple[int, Features]], columns: Iterable[str]
) -> Iterator[pa.RecordBatch]:
    """Yield record IDs and features in Arrow batches; empty lists are NULL."""
    names = tuple(columns)
    schema = make_feature_schema(names)
    source = iter(records)
    while rows := list(islice(source, BATCH_ROWS)):
        arrays: list[Any] = [pa.array([number for number, _ in rows], pa.int64())]
        for name in names:
            values = [getattr(features, name) for _, features in rows]
            if name in LIST_COLUMNS:
                values = [value or None for value in values]
            arrays.append(pa.array(values, _get_arrow_type(name)))
        yield pa.record_batch(arrays, schema=schema)


def make_feature_table(records: Iterable[tuple[int, Features]], columns: tuple[str, ...]) -> pa.Table:
    """Return an Arrow table of record IDs and a model's feature columns."""
    return pa.Table.from_batches(make_feature_batches(records, columns), make_feature_schema(columns))


def _get_arrow_type(column: str) -> pa.DataType:
    """Return the Arrow type of a feature column."""
    if column in LIST_COLUMNS:
        return pa.list_(pa.string())
    if column in NUMBER_COLUMNS:
        return pa.int32()
    return pa.bool_() if column in BOOLEAN_COLUMNS else pa.string()
