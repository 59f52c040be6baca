"""Files: one CSV a source in canonical columns, ``truth.csv`` and ``manifest.json``."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mpi.domain.errors import FileError
from mpi.domain.record import SENT_FIELDS
from training.simulate.columns import Texts
from training.simulate.records import TRUTH_FIELDS
from training.simulate.simulation import Population


def save(population: Population, folder: Path) -> dict[str, object]:
    """Write the state into the folder, which is made; gives back the manifest.

    Raises:
        FileError: the folder cannot be made or written.
    """
    try:
        return _save(population, folder)
    except OSError as error:
        raise FileError(f"the state cannot be written to {folder}: {error.strerror}") from error


def _save(population: Population, folder: Path) -> dict[str, object]:
    folder.mkdir(parents=True, exist_ok=True)
    for source, file in population.files.items():
        _write(folder / f"{source}.csv", SENT_FIELDS, [file.columns[name] for name in SENT_FIELDS])
    truth = [population.truth(name) for name in TRUTH_FIELDS]
    _write(folder / "truth.csv", TRUTH_FIELDS, truth)
    manifest = describe(population)
    content = json.dumps(manifest, indent=2) + "\n"
    (folder / "manifest.json").write_text(content, encoding="utf-8", newline="\n")
    return manifest


def describe(population: Population) -> dict[str, object]:
    """The manifest: what was simulated, how much of it, and by which rates."""
    state = population.state
    tags = [mark for held in population.truth("tags") for mark in held.split("|") if mark]
    marks, counts = np.unique(np.array(tags, dtype=str), return_counts=True)
    return {
        "synthetic": True,
        "seed": population.seed,
        "as_of": state.rates.state.as_of,
        "rates_digest": state.rates.digest,
        "records": population.records,
        "records_by_source": {str(source): len(file) for source, file in population.files.items()},
        "persons": len(set(population.truth("person_id"))),
        "children": len(state.births),
        "households": len(state.homes),
        "tagged_records": dict(zip(marks.tolist(), counts.tolist(), strict=True)),
    }


def _write(path: Path, header: Sequence[str], columns: Sequence[Texts]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(zip(*columns, strict=True))
