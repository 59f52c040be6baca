"""Names from census tables: a more lifelike state where the tables are at hand.

The tables are those of the US Census Bureau's 2020 surnames and first names (public domain) as two
Parquet files. A name's weight in a group is its count times its share of that group.
"""

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mpi.domain.errors import FileError
from training.simulate.columns import text_column
from training.simulate.people.names import AFRICAN, GROUPS, NameBook, NamePool

_REST_ROW = "ALL OTHER NAMES"
"""A row of the table that is no name: it counts everybody whose name is listed nowhere."""
_SURNAMES, _FIRST_NAMES = "census_2020.parquet", "census_2020_first_names.parquet"
_GROUP_COLUMNS = ("pctwhite", "pctblack", "pcthispanic", "pctapi", None, "pct2prace")
_SEX_COLUMNS = ("pctfemale", "pctmale")

_Weights = dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]


def read_census_names(folder: Path, otherwise: NameBook) -> NameBook:
    """A book from the census tables; the tables do not tell African-born families: those stay.

    Args:
        folder: holds ``census_2020.parquet`` and ``census_2020_first_names.parquet``.
        otherwise: the book to take the missing group from.

    Raises:
        FileError: a table is missing or is not what it should be.
    """
    surnames, surname_weights = _read_table(folder / _SURNAMES, ())
    given, given_weights = _read_table(folder / _FIRST_NAMES, _SEX_COLUMNS)
    surname_pools, given_pools = [], []
    for group in range(GROUPS):
        column = _GROUP_COLUMNS[group]
        if group == AFRICAN or column is None:
            surname_pools.append(otherwise.surnames[group])
            given_pools.append(otherwise.given[group])
            continue
        surname_pools.append(_build_pool(surnames, surname_weights["count"] * surname_weights[column]))
        shared = given_weights["count"] * given_weights[column]
        female, male = (_build_pool(given, shared * given_weights[sex]) for sex in _SEX_COLUMNS)
        given_pools.append((female, male))
    return NameBook.from_pools(surname_pools, given_pools)


def _read_table(path: Path, more: tuple[str, ...]) -> tuple[list[str], _Weights]:
    columns = ["count", *(column for column in _GROUP_COLUMNS if column), *more]
    try:
        table = pq.read_table(path, columns=["name", *columns])
    except (OSError, ValueError) as error:
        raise FileError(f"{path.name} is not a readable census table; --names takes its folder") from error
    table = table.filter(pc.not_equal(table.column("name"), _REST_ROW))
    names = [str(name).title() for name in table.column("name").to_pylist()]
    return names, {name: np.nan_to_num(table.column(name).to_numpy().astype(float)) for name in columns}


def _build_pool(names: list[str], weights: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> NamePool:
    borne = np.flatnonzero(weights > 0)
    if not len(borne):
        raise FileError(
            "a census table has no name for one of the groups or sexes; --names takes whole tables"
        )
    edges = np.cumsum(weights[borne])
    return NamePool(text_column([names[row] for row in borne.tolist()]), edges / edges[-1])
