"""Reader of census name tables, for a more realistic state.

The tables are the US Census Bureau's 2020 surnames and first names (public domain) as two Parquet
files. A name's weight in a group is its count times its share of that group.
"""

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mpi.domain.errors import FileError
from training.simulate.columns import text_column
from training.simulate.people.names import AFRICAN, GROUPS, NameBook, NamePool

_REST_ROW = "ALL OTHER NAMES"
"""Row of the table that is no name.

It counts everybody whose name is listed nowhere.
"""
_SURNAMES, _FIRST_NAMES = "census_2020.parquet", "census_2020_first_names.parquet"
_GROUP_COLUMNS = ("pctwhite", "pctblack", "pcthispanic", "pctapi", None, "pct2prace")
_SEX_COLUMNS = ("pctfemale", "pctmale")

_Weights = dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]


def read_census_names(folder: Path, fallback: NameBook) -> NameBook:
    """Read the pools of names to draw from the census tables.

    The tables do not tell African-born families: those stay.

    Args:
        folder: folder that holds ``census_2020.parquet`` and ``census_2020_first_names.parquet``.
        fallback: book from which the missing group is taken.

    Raises:
        FileError: a table is missing or has other columns.
    """
    surnames, surname_weights = _read_table(folder / _SURNAMES, ())
    first_names, first_name_weights = _read_table(folder / _FIRST_NAMES, _SEX_COLUMNS)
    surname_pools, given_pools = [], []
    for group in range(GROUPS):
        column = _GROUP_COLUMNS[group]
        if group == AFRICAN or column is None:
            surname_pools.append(fallback.surnames[group])
            given_pools.append(fallback.given[group])
            continue
        surname_pools.append(_build_pool(surnames, surname_weights["count"] * surname_weights[column]))
        group_weights = first_name_weights["count"] * first_name_weights[column]
        female, male = (
            _build_pool(first_names, group_weights * first_name_weights[sex]) for sex in _SEX_COLUMNS
        )
        given_pools.append((female, male))
    return NameBook.from_pools(surname_pools, given_pools)


def _read_table(path: Path, extra_columns: tuple[str, ...]) -> tuple[list[str], _Weights]:
    """Read names and weights of one census table."""
    columns = ["count", *(column for column in _GROUP_COLUMNS if column), *extra_columns]
    try:
        table = pq.read_table(path, columns=["name", *columns])
    except (OSError, ValueError) as error:
        raise FileError(f"{path.name} is not a readable census table; --names takes its folder") from error
    table = table.filter(pc.not_equal(table.column("name"), _REST_ROW))
    names = [str(name).title() for name in table.column("name").to_pylist()]
    return names, {name: np.nan_to_num(table.column(name).to_numpy().astype(float)) for name in columns}


def _build_pool(names: list[str], weights: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> NamePool:
    """Build a weighted pool of the names with a positive weight."""
    used = np.flatnonzero(weights > 0)
    if not len(used):
        raise FileError(
            "a census table has no name for one of the groups or sexes; --names takes whole tables"
        )
    edges = np.cumsum(weights[used])
    return NamePool(text_column([names[row] for row in used.tolist()]), edges / edges[-1])
