"""Tests of states that are simulated block by block."""

import csv
import json
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from mpi.domain.record import SENT_FIELDS
from training.__main__ import build_app
from training.simulate.files.output import save_population, save_populations
from training.simulate.files.tables import FileFormat
from training.simulate.simulation import Population, simulate, simulate_in_blocks
from training.simulate.sources.records import TRUTH_FIELDS
from training.simulate.sources.rosters import SourceSystem

SMALL_BLOCK = 600
"""Source records of a block; small states then have several blocks."""


@pytest.fixture
def parts() -> list[Population]:
    return list(simulate_in_blocks(records=3_000, seed=7, records_per_block=SMALL_BLOCK))


def test_small_state_is_one_block_equal_to_the_whole_state(tmp_path: Path) -> None:
    save_population(simulate(records=400, seed=3), tmp_path / "whole")
    save_populations(simulate_in_blocks(records=400, seed=3), tmp_path / "blocks")
    for path in (tmp_path / "whole").iterdir():
        assert path.read_bytes() == (tmp_path / "blocks" / path.name).read_bytes()


@pytest.mark.parametrize("field", ["local_id", "household_ids", "ssn"])
def test_numbers_are_unique_across_blocks(parts: list[Population], field: str) -> None:
    for source in SourceSystem:
        values_by_block = [set(part.files[source].columns[field]) - {""} for part in parts]
        assert len(set.union(*values_by_block)) == sum(map(len, values_by_block)), source


def test_families_stay_within_one_block(parts: list[Population]) -> None:
    for field in ("person_id", "household_id"):
        ids_by_block = [set(part.truth_column(field)) for part in parts]
        assert len(parts) == 5
        assert len(set.union(*ids_by_block)) == sum(map(len, ids_by_block))


def test_progress_is_reported_for_each_block() -> None:
    reports: list[tuple[str, int, int]] = []
    parts = sum(
        1
        for _ in simulate_in_blocks(
            records=1_800, report=lambda *step: reports.append(step), records_per_block=SMALL_BLOCK
        )
    )
    assert reports == [("simulating", position, parts) for position in range(3)]


def test_every_child_has_its_own_ssn(parts: list[Population]) -> None:
    numbers = np.concatenate([part.state.people.ssn for part in parts])
    assert len(set(numbers)) == len(numbers)


def test_same_seed_gives_the_same_blocks(parts: list[Population]) -> None:
    repeated = list(simulate_in_blocks(records=3_000, seed=7, records_per_block=SMALL_BLOCK))
    for first, second in zip(parts, repeated, strict=True):
        assert first.truth_column("local_id").tolist() == second.truth_column("local_id").tolist()


def test_parquet_and_csv_hold_the_same_values(tmp_path: Path) -> None:
    for form in FileFormat:
        manifest = save_populations(
            simulate_in_blocks(records=1_500, seed=2, records_per_block=SMALL_BLOCK), tmp_path / form, form
        )
    for name, header in [*((str(source), SENT_FIELDS) for source in SourceSystem), ("truth", TRUTH_FIELDS)]:
        with (tmp_path / "csv" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        table = pq.read_table(tmp_path / "parquet" / f"{name}.parquet")
        assert rows[0] == list(header) == table.column_names
        parquet_rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
        assert [[value or "" for value in row] for row in parquet_rows] == rows[1:]
    assert manifest == json.loads((tmp_path / "csv" / "manifest.json").read_text())


def test_manifest_counts_all_blocks(parts: list[Population], tmp_path: Path) -> None:
    manifest = save_populations(parts, tmp_path)
    assert manifest["records"] == sum(part.records for part in parts)
    tags = Counter(
        tag
        for part in parts
        for record_tags in part.truth_column("tags")
        for tag in record_tags.split("|")
        if tag
    )
    assert manifest["tagged_records"] == dict(sorted(tags.items()))


def test_memory_does_not_grow_with_the_state(tmp_path: Path) -> None:
    def peak(records: int) -> int:
        tracemalloc.start()
        save_populations(
            simulate_in_blocks(records=records, records_per_block=SMALL_BLOCK), tmp_path / str(records)
        )
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak_bytes

    peak(600)
    assert peak(3_600) < 1.5 * peak(1_200)


def test_simulate_command_writes_parquet(tmp_path: Path) -> None:
    arguments = ["simulate", "--out", str(tmp_path), "--records", "400", "--format", "parquet"]
    result = CliRunner().invoke(build_app(arguments), arguments)
    assert result.exit_code == 0, result.output
    assert pq.read_table(tmp_path / "ccwis.parquet").num_rows > 20
