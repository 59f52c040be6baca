"""Blocking and scoring by Splink on Spark.

Keys, comparisons and frequencies are those of DuckDB. Nothing grows on the machine that asks: features and
keys are written in batches to a folder that every worker reaches, Spark joins and scores there, and only
the pairs above the floor come back.
"""

from collections.abc import Callable, Collection, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mpi.domain.weight import HALF_WEIGHT_STEP, WEIGHT_DECIMALS
from mpi.matching.model.cautions import Cautions
from mpi.matching.model.frequencies import Frequencies
from mpi.matching.model.scoring_parameters import make_batch_settings
from mpi.matching.spark.conditions import to_spark_condition, to_spark_settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_run_numbers = count()


def find_candidate_pairs(keys: "DataFrame") -> "DataFrame":
    """Find the distinct pairs of records that share a blocking key.

    No block is left out.

    Args:
        keys: ``key``, ``record_id``, each row once.

    Returns:
        ``lo``, ``hi`` with lo < hi.
    """
    left = keys.withColumnRenamed("record_id", "lo")
    right = keys.withColumnRenamed("record_id", "hi")
    return left.join(right, "key").where("lo < hi").select("lo", "hi").distinct()


class SparkScorer:
    """Splink with one model over a table of features on Spark.

    Args:
        settings: complete Splink settings, as the model has them.
        frequencies: frozen frequencies of the columns that the settings adjust for.
        session: has the index's functions registered, and a checkpoint folder.
        features: ``unique_id`` and the columns that the model reads.
        detailed: whether ``score`` keeps the levels and the parts of the weight.

    Raises:
        ModelError: a condition has no exact translation.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        frequencies: Frequencies,
        session: "SparkSession",
        features: "DataFrame",
        *,
        detailed: bool = False,
    ) -> None:
        from splink import Linker, SparkAPI  # noqa: PLC0415 - an optional extra

        self._details = ("*",) if detailed else ()
        self._features = features
        self._run = next(_run_numbers)  # Splink takes a table name once a session
        self._session = session
        # Splink's own functions, of the jar in its package, are not DuckDB's.
        api: Callable[..., Any] = SparkAPI
        self._api = api(spark_session=session, register_udfs_automatically=False)
        batch_settings = make_batch_settings(to_spark_settings(settings), detailed=detailed)
        records = self._api.register(features, dataset_display_name=f"records_{self._run}")
        self._linker = Linker(records, batch_settings, log_level=None, validate_settings=False)
        for column in frequencies.tables:
            if column in features.columns:
                self._register_frequencies(column, frequencies)

    def _register_frequencies(self, column: str, frequencies: Frequencies) -> None:
        """Give Splink the model's term frequency of every value, rare ones included."""
        from pyspark.sql import functions as f  # noqa: PLC0415 - an optional extra

        table = frequencies.tables[column]
        schema = pa.schema([(column, pa.string()), ("share", pa.float64())])
        frozen = self._session.createDataFrame(
            pa.table({column: list(table), "share": list(table.values())}, schema=schema)
        )
        values = self._features.select(column).where(f.col(column).isNotNull()).distinct()
        share = f.coalesce(f.col("share"), f.lit(frequencies.tails[column]))
        complete = values.join(frozen, column, "left").select(column, share.alias(f"tf_{column}"))
        registered = self._api.register(complete, dataset_display_name=f"frozen_{column}_{self._run}")
        self._linker.table_management.register_term_frequency_lookup(registered, column)

    def score(self, pairs: "DataFrame", floor: float | None = None) -> "DataFrame":
        """Score record pairs on Spark and keep those above a floor.

        Splink is given no floor: Spark would move that filter to where the weights are not computed yet, and
        compute every comparison twice, which took three times as long.

        Args:
            pairs: ``lo``, ``hi``.
            floor: lowest weight to keep, in bits; None for all.

        Returns:
            ``lo``, ``hi``, ``bits`` and, if detailed, Splink's columns of each comparison.
        """
        blocked = pairs.selectExpr("'0' AS match_key", "lo AS join_key_l", "hi AS join_key_r")
        registered = self._api.register(blocked, dataset_display_name=f"blocked_{self._run}")
        self._linker.table_management.register_blocked_pairs_for_predict(registered)
        predicted = self._linker.inference.predict(warning_mode="never").as_spark_dataframe()
        selected = (
            predicted if floor is None else predicted.where(f"match_weight >= {floor - HALF_WEIGHT_STEP!r}D")
        )
        bits = f"round(match_weight, {WEIGHT_DECIMALS}) AS bits"
        result: DataFrame = selected.selectExpr(
            "unique_id_l AS lo", "unique_id_r AS hi", bits, *self._details
        )
        return result


def apply_cautions(
    scored: "DataFrame", features: "DataFrame", cautions: Cautions, columns: Collection[str]
) -> "DataFrame":
    """Cap the weights of pairs where a caution of the model holds.

    Args:
        scored: ``lo``, ``hi``, ``bits``.
        features: ``unique_id`` and the columns.
        cautions: cautions of the model.
        columns: columns that the cautions may read.
    """
    if not cautions.when:
        return scored
    conditions = [f"({to_spark_condition(condition)}) IS TRUE" for condition in cautions.conditions.values()]
    any_caution = cautions.write_any("bits", conditions, suffix="D")
    sides = [
        features.selectExpr(f"unique_id AS {record}", *(f"{name} AS {name}_{side}" for name in columns))
        for record, side in (("lo", "l"), ("hi", "r"))
    ]
    # Most pairs weigh too little for a caution to lower, and need no second look.
    heavy, light = scored.where(f"bits > {cautions.bits!r}D"), scored.where(f"bits <= {cautions.bits!r}D")
    joined = heavy.join(sides[0], "lo").join(sides[1], "hi")
    lowered = joined.selectExpr(
        "lo", "hi", f"CASE WHEN {any_caution} THEN {cautions.bits!r}D ELSE bits END AS bits"
    )
    return lowered.unionAll(light.select("lo", "hi", "bits"))
