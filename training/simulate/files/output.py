"""Writer of a simulated state: one file per source, truth and manifest."""

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from mpi.domain.errors import FileError
from mpi.domain.record import SENT_FIELDS
from training.simulate.files.tables import FileFormat, TableWriter
from training.simulate.simulation import Population
from training.simulate.sources.caseload import CASELOAD_FIELDS, write_caseload
from training.simulate.sources.records import TRUTH_FIELDS
from training.simulate.sources.rosters import SourceSystem


def save_population(population: Population, folder: Path) -> dict[str, Any]:
    """Write a simulated state as CSV files into a folder.

    Returns:
        The manifest.

    Raises:
        FileError: the folder cannot be made or written.
    """
    return save_populations([population], folder)


def save_populations(
    populations: Iterable[Population], folder: Path, form: FileFormat = FileFormat.CSV
) -> dict[str, Any]:
    """Write the parts of a simulated state one after another.

    Each block is released before the next is simulated.

    Args:
        populations: blocks of the state.
        folder: folder for the files; made if absent.
        form: format of the files.

    Returns:
        The manifest.

    Raises:
        FileError: the folder cannot be made or written.
    """
    try:
        return _write_populations(populations, folder, form)
    except OSError as error:
        raise FileError(f"the state cannot be written to {folder}: {error.strerror}") from error


def _write_populations(populations: Iterable[Population], folder: Path, form: FileFormat) -> dict[str, Any]:
    """Write the record tables, truth, caseload and manifest of a simulated state."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest: dict[str, Any] = {}
    with ExitStack() as stack:
        tables = {
            source: stack.enter_context(TableWriter(folder, source, SENT_FIELDS, form))
            for source in SourceSystem
        }
        truth = stack.enter_context(TableWriter(folder, "truth", TRUTH_FIELDS, form))
        caseload = stack.enter_context(TableWriter(folder, "caseload", CASELOAD_FIELDS, form))
        for population in populations:
            for source, file in population.files.items():
                tables[source].append([file.columns[name] for name in SENT_FIELDS])
                truth.append([file.truth[name] for name in TRUTH_FIELDS])
            cases = write_caseload(population.files[SourceSystem.CCWIS])
            caseload.append([cases[name] for name in CASELOAD_FIELDS])
            manifest = merge_manifests(manifest, build_manifest(population))
    content = json.dumps(manifest, indent=2) + "\n"
    (folder / "manifest.json").write_text(content, encoding="utf-8", newline="\n")
    return manifest


def build_manifest(population: Population) -> dict[str, Any]:
    """Build the manifest: seed, rates and counts of a simulated state."""
    state = population.state
    tags = Counter(
        mark for record_tags in population.truth_column("tags") for mark in record_tags.split("|") if mark
    )
    return {
        "synthetic": True,
        "seed": population.seed,
        "as_of": state.rates.state.as_of,
        "rates_digest": state.rates.digest,
        "records": population.records,
        "records_by_source": {str(source): len(file) for source, file in population.files.items()},
        "persons": len(set(population.truth_column("person_id"))),
        "children": len(state.births),
        "households": len(state.homes),
        "tagged_records": dict(sorted(tags.items())),
    }


_COUNTS = ("records", "persons", "children", "households")
_COUNTS_BY_NAME = ("records_by_source", "tagged_records")


def merge_manifests(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Merge the manifests of two parts of a state that share nobody."""
    if not first:
        return second
    sums = {name: first[name] + second[name] for name in _COUNTS}
    for name in _COUNTS_BY_NAME:
        counts = Counter(first[name]) + Counter(second[name])
        sums[name] = {key: counts[key] for key in dict.fromkeys([*first[name], *sorted(second[name])])}
    return first | sums
