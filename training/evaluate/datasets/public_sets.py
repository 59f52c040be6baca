"""Public development sets, mapped to canonical columns."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mpi.domain.errors import FileError
from mpi.domain.record import SENT_FIELDS
from training.evaluate.datasets.canonical_set import CanonicalSet
from training.evaluate.datasets.dataset import CareRecords, Dataset, Person, standardize_records
from training.records import SOURCE_COLUMN, RecordRow

PublishedRow = Mapping[str, object]
TRUTH_COLUMN = "true_id"
_HOUSEHOLD_COLUMN = "household_true"


@dataclass(frozen=True, slots=True)
class DevelopmentSet:
    """Description of one public set of records with known truth.

    Args:
        name: name of the set, and of its file without ``.parquet``.
        to_canonical: function from a published row to canonical fields.
        groups: dimension to the column that tells it.
        care_source: the source that is child welfare's.
        date_format: format of its birth dates.
        date_formats: formats of the birth dates of single sources.
        uses_own_model: whether a model is fitted on the set itself, unlabelled: it is not of US
            children.
        uses_shipped_model: whether it is evaluated with the shipped model.
        is_in_matrix_only: whether only the field-subset matrix uses it.
    """

    name: str
    to_canonical: Callable[[PublishedRow], PublishedRow]
    groups: Mapping[str, str]
    care_source: str | None = None
    date_format: str = "%Y-%m-%d"
    date_formats: Mapping[str, str] = field(default_factory=dict)
    uses_own_model: bool = False
    uses_shipped_model: bool = True
    is_in_matrix_only: bool = False

    def read_rows(self, folder: Path) -> Iterator[RecordRow]:
        """Read the records of the set as raw rows.

        Raises:
            FileError: the file does not exist, or is not Parquet.
        """
        for row in self._read_table(folder).to_pylist():
            yield self._to_raw_row(row)

    def load_dataset(self, folder: Path) -> Dataset:
        """Load a public evaluation set as a standardized dataset.

        Raises:
            FileError: the file does not exist, or is not Parquet.
        """
        table = self._read_table(folder)
        rows = table.to_pylist()
        truth: dict[int, Person] = {number: row[TRUTH_COLUMN] for number, row in enumerate(rows)}
        return Dataset(
            name=self.name,
            records=standardize_records([self._to_raw_row(row) for row in rows]),
            truth=truth,
            sources=dict(enumerate(str(row.get("source") or self.name) for row in rows)),
            households={
                row[TRUTH_COLUMN]: row[_HOUSEHOLD_COLUMN] for row in rows if _HOUSEHOLD_COLUMN in row
            },
            groups=self._build_groups(rows),
            care=self._find_care_records(rows),
            raw=self._to_canonical_set(rows).build_notebook_table(),
        )

    def load_canonical(self, folder: Path) -> CanonicalSet:
        """Load the set's records in canonical columns, ordered by source.

        Files with one source each are read in this order, and the notebook's sample depends on it.

        Raises:
            FileError: the file does not exist, or is not Parquet.
        """
        rows = self._read_table(folder).to_pylist()
        return self._to_canonical_set(sorted(rows, key=lambda row: str(row.get("source"))))

    def _read_table(self, folder: Path) -> pa.Table:
        """Read the Parquet file of a public evaluation set."""
        path = folder / "eval" / f"{self.name}.parquet"
        try:
            return pq.read_table(path)
        except (OSError, pa.ArrowException) as fault:
            raise FileError(f"{path}: cannot be read as Parquet: {fault}") from None

    def _to_raw_row(self, row: PublishedRow) -> RecordRow:
        """Convert a published row to a raw row of canonical fields."""
        filled = {name: value for name, value in self.to_canonical(row).items() if value}
        return RecordRow(str(row.get("source") or self.name), filled, {TRUTH_COLUMN: row[TRUTH_COLUMN]})

    def _to_canonical_fields(self, row: PublishedRow) -> dict[str, str]:
        """Convert a published row to canonical texts, with dates as ISO."""
        fields = {name: str(value) for name, value in self.to_canonical(row).items() if value}
        if "birth_date" in fields:
            date_format = self.date_formats.get(str(row.get("source")), self.date_format)
            fields["birth_date"] = _to_iso_date(fields["birth_date"], date_format)
        return fields

    def _to_canonical_set(self, rows: list[PublishedRow]) -> CanonicalSet:
        """Convert published rows to canonical columns with their truth."""
        fields = [self._to_canonical_fields(row) for row in rows]
        filled = {name for row in fields for name in row}
        columns = {
            name: pa.array([row.get(name) for row in fields], pa.string())
            for name in SENT_FIELDS
            if name in filled
        }
        sources = pa.array([str(row.get("source") or self.name) for row in rows], pa.string())
        truth = np.unique([str(row[TRUTH_COLUMN]) for row in rows], return_inverse=True)[1]
        return CanonicalSet(self.name, pa.table({SOURCE_COLUMN: sources, **columns}), truth)

    def _build_groups(self, rows: list[PublishedRow]) -> dict[str, dict[Person, str]]:
        """Group the set's persons for the bias table, by race and such."""
        if not self.groups:
            return {}
        groups: dict[str, dict[Person, str]] = {
            dimension: {row[TRUTH_COLUMN]: str(row[column]) for row in rows if row[column]}
            for dimension, column in self.groups.items()
        }
        fields = [(row[TRUTH_COLUMN], self.to_canonical(row)) for row in rows]
        two_surnames = {
            person for person, row_fields in fields if set(str(row_fields["last_name"] or "")) & {" ", "-"}
        }
        with_ssn = {person for person, row_fields in fields if row_fields["ssn"]}
        people = {row[TRUTH_COLUMN] for row in rows}
        groups["surnames"] = {person: "two" if person in two_surnames else "one" for person in people}
        groups["SSN"] = {person: "known" if person in with_ssn else "missing" for person in people}
        if self.care_source is not None:
            in_care = {row[TRUTH_COLUMN] for row in rows if row["source"] == self.care_source}
            groups["child welfare"] = {
                person: "known" if person in in_care else "unknown" for person in people
            }
        return groups

    def _find_care_records(self, rows: list[PublishedRow]) -> CareRecords | None:
        """Find the set's records of children in care, and its school records."""
        if self.care_source is None:
            return None
        care_records = frozenset(n for n, row in enumerate(rows) if row["source"] == self.care_source)
        return CareRecords(care_records, frozenset(range(len(rows))) - care_records)


def _to_iso_date(text: str, date_format: str) -> str:
    """Convert a date of the given format to ISO; keep others."""
    try:
        return datetime.strptime(text, date_format).date().isoformat()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        return text


def _map_town_row(row: PublishedRow) -> PublishedRow:
    """Map a row of a pseudopeople test set to canonical fields."""
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


def _map_state_row(row: PublishedRow) -> PublishedRow:
    """Map a row of the public set ``sim_state_100k`` to canonical fields."""
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


def _map_febrl_row(row: PublishedRow) -> PublishedRow:
    """Map a row of a FEBRL test set to canonical fields."""
    number = row["soc_sec_id"]
    identifiers = [{"system": "soc_sec_id", "assigner": "AU", "value": number}]
    return {
        "first_name": row["given_name"],
        "last_name": row["surname"],
        "address_line1": " ".join(str(row[part]) for part in ("street_number", "address_1") if row[part]),
        "address_line2": row["address_2"],
        "city": row["suburb"],
        "state": row["state"],
        "postal_code": row["postcode"],
        "birth_date": row["date_of_birth"],
        "identifiers": json.dumps(identifiers) if number else None,
    }


def _map_fake_row(row: PublishedRow) -> PublishedRow:
    """Map a row of the public set ``fake_1000`` to canonical fields."""
    return {
        "first_name": row["first_name"],
        "last_name": row["surname"],
        "birth_date": row["dob"],
        "city": row["city"],
        "email": row["email"],
    }


def _map_iowa_row(row: PublishedRow) -> PublishedRow:
    """Map a row of the historical set ``iowa`` to canonical fields."""
    return {
        "first_name": row["first_name"],
        "middle_name": row["middle_name"],
        "last_name": row["last_name"],
        "birth_date": row["birth_year"],
    }


_TOWN_GROUPS = {"race": "race_ethnicity", "sex": "sex"}

DEVELOPMENT_SETS = (
    DevelopmentSet(
        name="pp_children_multi",
        to_canonical=_map_town_row,
        groups=_TOWN_GROUPS,
        date_format="%m/%d/%Y",
        date_formats={"ssa": "%Y%m%d", "wic": "%m%d%Y"},
    ),
    DevelopmentSet(
        name="pp_link_census_2020_2030",
        to_canonical=_map_town_row,
        groups=_TOWN_GROUPS,
        date_format="%m/%d/%Y",
        uses_own_model=True,
    ),
    DevelopmentSet(
        name="sim_state_100k",
        to_canonical=_map_state_row,
        groups={"race": "race", "sex": "sex"},
        care_source="cw",
    ),
    DevelopmentSet(
        name="febrl3",
        to_canonical=_map_febrl_row,
        groups={},
        date_format="%Y%m%d",
        uses_own_model=True,
        uses_shipped_model=False,
    ),
    DevelopmentSet(
        name="febrl4",
        to_canonical=_map_febrl_row,
        groups={},
        date_format="%Y%m%d",
        uses_own_model=True,
        uses_shipped_model=False,
    ),
    DevelopmentSet(
        name="fake_1000",
        to_canonical=_map_fake_row,
        groups={},
        uses_own_model=True,
        uses_shipped_model=False,
    ),
    DevelopmentSet(
        name="iowa",
        to_canonical=_map_iowa_row,
        groups={},
        uses_own_model=True,
        uses_shipped_model=False,
        is_in_matrix_only=True,
    ),
)
