"""The public development sets, in canonical columns."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mpi.domain.errors import FileError
from training.records import Sent

Row = Mapping[str, object]
TRUTH = "true_id"


@dataclass(frozen=True, slots=True)
class DevelopmentSet:
    """A set of records whose truth is known.

    Args:
        name: also its file's, without ``.parquet``.
        canonical: its row as canonical fields.
    """

    name: str
    canonical: Callable[[Row], Row]

    def rows(self, folder: Path) -> Iterator[Sent]:
        """The records of the set.

        Raises:
            FileError: the file is not there, or not Parquet.
        """
        path = folder / "eval" / f"{self.name}.parquet"
        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowException) as fault:
            raise FileError(f"{path}: cannot be read as Parquet: {fault}") from None
        for row in table.to_pylist():
            filled = {name: value for name, value in self.canonical(row).items() if value}
            yield Sent(str(row.get("source") or self.name), filled, {TRUTH: row[TRUTH]})


def _town(row: Row) -> Row:
    street = [row["street_number"], row["street_name"]]
    return {
        "first_name": row["first_name"],
        "middle_name": row["middle_initial"],
        "last_name": row["last_name"],
        "birth_date": row["date_of_birth"],
        "sex": row["sex"],
        "ssn": row["ssn"],
        "address_line1": " ".join(str(part) for part in street if part),
        "address_line2": row["unit_number"],
        "city": row["city"],
        "state": row["state"],
        "postal_code": row["zipcode"],
        "household_ids": row["household_id"],
    }


def _state(row: Row) -> Row:
    return {
        "first_name": row["first_name"],
        "middle_name": row["middle_initial"],
        "last_name": row["last_name"],
        "birth_date": row["dob"],
        "sex": row["sex"],
        "ssn": row["ssn"],
        "address_line1": row["address"],
        "postal_code": row["zip"],
    }


DEVELOPMENT_SETS = (
    DevelopmentSet("pp_children_multi", _town),
    DevelopmentSet("pp_link_census_2020_2030", _town),
    DevelopmentSet("sim_state_100k", _state),
)
