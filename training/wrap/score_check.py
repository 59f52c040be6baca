"""Comparison of a wrapped model's weights with those that Splink itself gives.

Splink blocks and scores a sample of the records as a notebook would. The online scorer of the index then
weighs the same pairs. With the model's own frequencies both agree, or the model is refused. Splink's own
frequencies count every value. A model folder that is to be shared counts only those of ten records or more,
so that pairs of rarer values may differ.
"""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from splink import DuckDBAPI, Linker

from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.model.frequencies import Frequencies
from mpi.matching.model.match_model import load_model
from mpi.matching.model.scoring_parameters import make_batch_settings
from mpi.matching.scoring.splink_engine import connect_duckdb
from training.fit.errors import TrainingError
from training.fit.frequencies import count_all_values
from training.record_table import decode_features

SAMPLED_RECORDS = 5_000
"""Records of which all pairs that Splink blocks are compared, at most."""
MOST_PAIRS = 50_000
"""Pairs that are compared at most, in the order of their records."""
TOLERANCE_BITS = 1e-6
"""Greatest difference of two weights that count as equal."""
_RULES = "blocking_rules_to_generate_predictions"

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScoreCheck:
    """Weights of pairs by Splink and by the index.

    Args:
        pairs: ``lo``, ``hi``, ``splink`` and ``index``: both weights of each pair, in bits.
    """

    pairs: pa.Table

    @property
    def differences(self) -> FloatArray:
        """Absolute difference of both weights of each pair, in bits."""
        splink, index = (self.pairs[name].to_numpy() for name in ("splink", "index"))
        return np.asarray(np.abs(splink - index), dtype=np.float64)

    @property
    def unequal(self) -> int:
        """Number of pairs whose weights differ."""
        return int((self.differences > TOLERANCE_BITS).sum())

    @property
    def largest(self) -> float:
        """Largest difference of two weights, in bits; 0 without a pair."""
        return float(self.differences.max(initial=0.0))


def check_scores(settings: Mapping[str, Any], records: pa.Table, folder: Path) -> ScoreCheck:
    """Compare the weights of a wrapped model with Splink's own.

    Args:
        settings: settings that Splink saved.
        records: feature table with which the model was wrapped.
        folder: folder of the wrapped model.

    Raises:
        TrainingError: with the model's own frequencies, a pair has another weight than Splink gives it.
    """
    model = load_model(folder)
    scorer = compile_scorer(model)
    sample = records.sort_by("unique_id").slice(0, SAMPLED_RECORDS)
    features = dict(decode_features(sample))

    def weigh(pairs: pa.Table) -> list[float]:
        """Weigh pairs as the index does."""
        ends = zip(pairs["lo"].to_pylist(), pairs["hi"].to_pylist(), strict=True)
        return [scorer.weigh(features[lo], features[hi]) for lo, hi in ends]

    columns = sorted(model.frequencies.tables)
    exact = count_all_values(records, columns)
    by_splink = _score_by_splink(settings, sample, exact)
    weights = pa.array(weigh(by_splink), pa.float64())
    check = ScoreCheck(by_splink.append_column("index", weights))
    if check.unequal:
        frozen = _score_by_splink(settings, sample, _complete(model.frequencies, records))
        _require_equal(ScoreCheck(frozen.append_column("index", pa.array(weigh(frozen), pa.float64()))))
    return check


def _require_equal(check: ScoreCheck) -> None:
    """Raise if weights differ though both count the same frequencies."""
    if check.unequal:
        raise TrainingError(
            f"{check.unequal:,} of {len(check.pairs):,} pairs have another weight than Splink gives them (up "
            f"to {check.largest:.6f} bits): this is a fault of the program; do not use the model"
        )


def _complete(frequencies: Frequencies, records: pa.Table) -> dict[str, dict[str, float]]:
    """Return the share of every value, as the model counts it."""
    return {
        column: {
            value: frequencies.get_share(column, value)
            for value in pc.unique(records[column].drop_null()).to_pylist()
        }
        for column in frequencies.tables
    }


def _score_by_splink(
    settings: Mapping[str, Any], records: pa.Table, shares: Mapping[str, Mapping[str, float]]
) -> pa.Table:
    """Let Splink block and score records.

    Args:
        settings: settings that Splink saved.
        records: feature table.
        shares: share of each value, by column that the settings adjust for.

    Returns:
        ``lo``, ``hi`` and ``splink`` (bits), in the order of the records.
    """
    rules = settings.get(_RULES) or ["1 = 1"]
    own_settings = {**make_batch_settings(settings, detailed=False), _RULES: rules}
    with tempfile.TemporaryDirectory() as spill, closing(connect_duckdb(Path(spill))) as connection:
        connection.register("as_read", records)
        connection.execute("CREATE TABLE own_records AS FROM as_read")
        api = DuckDBAPI(connection)
        linker = Linker(api.register("own_records"), own_settings, log_level=None, validate_settings=False)
        for column, table in shares.items():
            _register_shares(linker, api, connection, column, table)
        scored = linker.inference.predict(warning_mode="never")
        return connection.sql(
            "SELECT least(unique_id_l, unique_id_r) AS lo, greatest(unique_id_l, unique_id_r) AS hi, "
            f"match_weight AS splink FROM {scored.physical_name} ORDER BY lo, hi LIMIT {MOST_PAIRS}"
        ).to_arrow_table()


def _register_shares(
    linker: Linker,
    api: DuckDBAPI,
    connection: duckdb.DuckDBPyConnection,
    column: str,
    shares: Mapping[str, float],
) -> None:
    """Give Splink the share of each value of a column."""
    names: Sequence[str] = (column, f"tf_{column}")
    connection.register(
        "shares",
        pa.table(
            [pa.array(list(shares), pa.string()), pa.array(list(shares.values()), pa.float64())],
            names=list(names),
        ),
    )
    connection.execute(f'CREATE TABLE "shares_of_{column}" AS FROM shares')
    connection.unregister("shares")
    linker.table_management.register_term_frequency_lookup(api.register(f"shares_of_{column}"), column)
