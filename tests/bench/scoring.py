"""The compiled scorer beside Splink, on the same records and the same model."""

import itertools
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
from splink import DuckDBAPI, Linker

from mpi.domain.viewer import operator
from mpi.matching.batch import _register_frequencies, connect, feature_table
from mpi.service.context import Index
from mpi.service.stored_features import load_features
from tests.bench.state import Made

RULES = (
    "l.birth_date = r.birth_date and l.surname = r.surname",
    "l.given = r.given and l.surname = r.surname",
    "l.ssn = r.ssn",
    "l.email = r.email",
    "l.street_number = r.street_number and l.street = r.street and l.birth_year = r.birth_year",
)
"""For Splink's own search: five plain rules, fewer than ours, which is to its advantage."""
SPLINK_CALLS = 10
NEW = 10**15
CHUNK = 20_000


def measure(made: Made) -> dict[str, object]:
    """Time a pair and a search, in this process."""
    with made.opened() as index:
        features, pairs = _sample(index)
        return {"pair": _pairs(index, features, pairs), "splink": _splink(index, features, pairs)}


def _sample(index: Index) -> tuple[dict[int, Any], list[tuple[int, int]]]:
    """Candidate pairs as searches meet them: records that share an edge, with their features."""
    with index.database.read(operator()) as unit:
        config = index.config_id(unit)
        numbers = sorted(unit.records.active())
        chosen = random.Random(1).sample(numbers, min(20_000, len(numbers)))
        edges = unit.derived.edges_of(config, chosen, index.matcher.model.thresholds.stored_from)
        pairs = sorted(edges)[:20_000]
        features = load_features(unit, config, {end for pair in pairs for end in pair})
    return features, pairs


def _pairs(index: Index, features: dict[int, Any], pairs: list[tuple[int, int]]) -> dict[str, float]:
    weight = index.matcher.scorer.weight
    took = []
    for lo, hi in pairs:
        left, right = features[lo], features[hi]
        began = time.perf_counter_ns()
        weight(left, right)
        took.append((time.perf_counter_ns() - began) / 1000)
    return {"p50_us": round(statistics.median(took), 2), "mean_us": round(statistics.fmean(took), 2)}


def _splink(index: Index, features: dict[int, Any], pairs: list[tuple[int, int]]) -> dict[str, float]:
    """Splink's ``predict_between`` of one record and the whole index, and ``score_pair`` of one pair."""
    model, columns = index.matcher.model, index.matcher.scorer.columns
    every = every_record(index, columns)
    took: dict[str, list[float]] = {"predict_between": [], "score_pair": []}
    with tempfile.TemporaryDirectory() as spill:
        connection = connect(Path(spill))
        connection.register("feature_table", every)
        api = DuckDBAPI(connection)
        records = api.register("feature_table", dataset_display_name="records")
        settings = {
            **model.settings,
            "retain_matching_columns": False,
            "retain_intermediate_calculation_columns": False,
            "additional_columns_to_retain": [],
            "blocking_rules_to_generate_predictions": list(RULES),
        }
        linker = Linker(records, settings, log_level=None, validate_settings=False)
        _register_frequencies(linker, api, model.frequencies)
        for number, (lo, hi) in enumerate(itertools.islice(pairs, SPLINK_CALLS)):
            left, right = (
                _registered(
                    api, connection, feature_table([(new, features[side])], columns), f"{name}_{number}"
                )
                for new, side, name in ((NEW + number, lo, "left"), (NEW - 1 - number, hi, "right"))
            )
            began = time.perf_counter()
            linker.inference.predict_between(records, left, warning_mode="never").as_record_list()
            took["predict_between"].append((time.perf_counter() - began) * 1000)
            began = time.perf_counter()
            linker.inference.score_pair(left, right).as_record_list()
            took["score_pair"].append((time.perf_counter() - began) * 1000)
        connection.close()
    return {f"{name}_p50_ms": round(statistics.median(times), 1) for name, times in took.items()}


def every_record(index: Index, columns: tuple[str, ...]) -> pa.Table:
    """The scoring table of every active record."""
    with index.database.read(operator()) as unit:
        config, numbers = index.config_id(unit), sorted(unit.records.active())
        return feature_table(
            (
                each
                for start in range(0, len(numbers), CHUNK)
                for each in load_features(unit, config, numbers[start : start + CHUNK]).items()
            ),
            columns,
        )


def _registered(api: DuckDBAPI, connection: Any, table: pa.Table, name: str) -> Any:
    connection.register(name, table)
    return api.register(name, dataset_display_name=name)
