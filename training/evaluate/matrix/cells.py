"""Cells of the matrix: development sets, whole and cut down."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.evaluate.datasets.canonical_set import CanonicalSet
from training.evaluate.datasets.public_sets import DEVELOPMENT_SETS, DevelopmentSet
from training.fit.errors import TrainingError
from training.records import SOURCE_COLUMN

_NAMES = ("first_name", "last_name")
_MIDDLE_NAME, _BIRTH_DATE, _SEX, _POSTAL_CODE = "middle_name", "birth_date", "sex", "postal_code"
_NUMBERS = ("ssn", "identifiers")
_HOME = frozenset(
    ("address_line1", "address_line2", "city", "state", "postal_code", "county", "addresses", "household_ids")
)
_LEAST_FILLED = 0.05
_YEAR = r"^(?P<year>\d{4})"
LEAST_MATCHES = 100
"""Fewest matches of a source that is a cell of its own."""

FULL, ONE_SOURCE, BIRTH_YEAR = "full", "one_source", "names_year"
_KEPT_COLUMNS = {
    "names_date": (_MIDDLE_NAME, _BIRTH_DATE),
    "names_date_sex": (_BIRTH_DATE, _SEX),
    "names_date_postal": (_MIDDLE_NAME, _BIRTH_DATE, _POSTAL_CODE),
    "names_date_sex_number": (_MIDDLE_NAME, _BIRTH_DATE, _SEX, *_NUMBERS),
}
_DROPPED_COLUMNS = {"no_middle_name": frozenset((_MIDDLE_NAME,)), "no_home": _HOME}
SUBSETS = (FULL, *_KEPT_COLUMNS, BIRTH_YEAR, *_DROPPED_COLUMNS, ONE_SOURCE)
"""Names of the field subsets."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the matrix: a development set and a field subset.

    Args:
        set_name: name of the development set.
        subset: name of the field subset.
    """

    set_name: str
    subset: str

    def __str__(self) -> str:
        return f"{self.set_name}/{self.subset}"


def list_cells(folder: Path, only: list[str] | None) -> list[tuple[Cell, CanonicalSet]]:
    """List the wanted cells of the sets, smallest sets first.

    A subset is left out where the set lacks its columns, or where it equals an earlier one.

    Args:
        folder: folder of the development sets.
        only: names of sets or cells (``SET/SUBSET``); None for all.

    Raises:
        FileError: a set cannot be read.
        TrainingError: there is no such set or cell.
    """
    wanted = set(only or (each.name for each in DEVELOPMENT_SETS))
    sets = [each for each in DEVELOPMENT_SETS if _is_wanted(each, wanted)]
    cells = [cell for each in sets for cell in cut_set(each.load_canonical(folder))]
    chosen = [(cell, data) for cell, data in cells if wanted & {cell.set_name, str(cell)}]
    unknown = wanted - {name for cell, _ in chosen for name in (cell.set_name, str(cell))}
    if unknown:
        raise TrainingError(
            f"the matrix has no cell {min(unknown)!r}; a cell is SET/SUBSET, with a set of "
            f"{', '.join(each.name for each in DEVELOPMENT_SETS)} and a subset of {', '.join(SUBSETS)} "
            "that its columns can give"
        )
    return sorted(chosen, key=lambda cell_and_data: len(cell_and_data[1].table))


def _is_wanted(development_set: DevelopmentSet, wanted: set[str]) -> bool:
    """Return whether any wanted cell is of the set."""
    return any(name.partition("/")[0] == development_set.name for name in wanted)


def cut_set(full: CanonicalSet) -> Iterator[tuple[Cell, CanonicalSet]]:
    """Yield the full set, then its field subsets."""
    seen: list[pa.Table] = []
    for subset in SUBSETS:
        data = _cut(full, subset)
        if data is not None and not any(data.table.equals(earlier) for earlier in seen):
            seen.append(data.table)
            yield Cell(full.name, subset), data


def _cut(full: CanonicalSet, subset: str) -> CanonicalSet | None:
    """Cut a set to a field subset; None if it cannot."""
    if subset == FULL:
        return full
    if subset == ONE_SOURCE:
        return _select_one_source(full)
    if subset == BIRTH_YEAR:
        return _keep_birth_year(full)
    if subset in _DROPPED_COLUMNS:
        kept = [name for name in full.columns if name not in _DROPPED_COLUMNS[subset]]
        return full.select_columns(kept)
    return _keep_columns(full, _KEPT_COLUMNS[subset])


def _keep_columns(full: CanonicalSet, columns: tuple[str, ...]) -> CanonicalSet | None:
    """Keep names and given columns; None if the last is empty.

    A number is the SSN, or an identifier where the set has no SSN. A set without sex gives none.
    """
    present = [name for name in columns if _is_filled(full, name)]
    last = set(_NUMBERS) if columns[-1] in _NUMBERS else {columns[-1]}
    if not last & set(present):
        return None
    kept = {*_NAMES, *present}
    return full.select_columns([name for name in full.columns if name in kept])


def _is_filled(full: CanonicalSet, name: str) -> bool:
    """Return whether enough rows have a value in a column."""
    rows = len(full.table)
    return name in full.columns and rows - full.table[name].null_count > _LEAST_FILLED * rows


def _keep_birth_year(full: CanonicalSet) -> CanonicalSet | None:
    """Keep names and the year of birth."""
    data = _keep_columns(full, (_MIDDLE_NAME, _BIRTH_DATE))
    if data is None:
        return None
    position = data.table.column_names.index(_BIRTH_DATE)
    years = pc.struct_field(pc.extract_regex(data.table[_BIRTH_DATE], _YEAR), "year")
    return CanonicalSet(full.name, data.table.set_column(position, _BIRTH_DATE, years), full.truth)


def _select_one_source(full: CanonicalSet) -> CanonicalSet | None:
    """Keep the source with most matches; None if it has few."""
    sources = np.array(full.table[SOURCE_COLUMN].to_pylist())
    names = np.unique(sources)
    if len(names) == 1:
        return None
    matches = {name: _count_matches(full.truth[sources == name].tolist()) for name in names.tolist()}
    source = max(names.tolist(), key=matches.__getitem__)
    if matches[source] < LEAST_MATCHES:
        return None
    chosen = sources == source
    return CanonicalSet(full.name, full.table.filter(pa.array(chosen)), full.truth[chosen])


def _count_matches(people: list[int]) -> int:
    """Count the pairs of rows of one person."""
    return sum(count * (count - 1) // 2 for count in Counter(people).values())
