"""Names of schools and districts, with registrars, from the operator's file.

``schools.csv`` in ``MPI_HOME`` has the columns ``school_id`` and ``name``. The columns ``district_id`` and
``district`` are optional, and so are ``registrar``, ``phone`` and ``email`` of the office that sends a
student's records. A school without a district in the file has its name in every district::

    district_id,district,school_id,name,registrar,phone,email
    D01,North School District,1042,Jefferson Elementary School,Rae Osei,614-555-0100,records@north.example
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from mpi.domain.errors import InputError
from mpi.service.core.index import Index

FILE_NAME = "schools.csv"
_REQUIRED = frozenset({"school_id", "name"})
_ENROLLMENTS = "enrollments"


@dataclass(frozen=True, slots=True)
class SchoolOffice:
    """The office of a school that sends a student's records.

    Args:
        registrar: name of the registrar or the office.
        phone: telephone number, as the operator writes it.
        email: mail address.
    """

    registrar: str | None = None
    phone: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class SchoolDirectory:
    """Names of schools and districts.

    Args:
        schools: name by district ID, empty for any, and school ID.
        districts: name by district ID.
        offices: office by district ID, empty for any, and school ID.
    """

    schools: Mapping[tuple[str, str], str] = field(default_factory=dict)
    districts: Mapping[str, str] = field(default_factory=dict)
    offices: Mapping[tuple[str, str], SchoolOffice] = field(default_factory=dict)

    def find_office(self, school_id: str | None, district_id: str | None) -> SchoolOffice | None:
        """Return the office of a school, or None."""
        school = school_id or ""
        return self.offices.get((district_id or "", school)) or self.offices.get(("", school))

    def find_name(self, school_id: str | None, district_id: str | None) -> str | None:
        """Return the name of a school, or None."""
        school = school_id or ""
        return self.schools.get((district_id or "", school)) or self.schools.get(("", school))

    def add_names(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a record or enrollment with names before its school IDs.

        Args:
            values: values by canonical field name.
        """
        if not self.schools:
            return values
        named = {**values, **self._name_ids(values)}
        enrollments = values.get(_ENROLLMENTS)
        if isinstance(enrollments, list | tuple):
            named[_ENROLLMENTS] = [
                {**each, **self._name_ids(each)} if isinstance(each, Mapping) else each
                for each in enrollments
            ]
        return named

    def _name_ids(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Return name and ID of the school and district that values name."""
        school_id, district_id = (str(values.get(name) or "") for name in ("school_id", "district_id"))
        school = self.schools.get((district_id, school_id)) or self.schools.get(("", school_id))
        district = self.districts.get(district_id)
        return {
            name: f"{text} ({identifier})"
            for name, text, identifier in (
                ("school_id", school, school_id),
                ("district_id", district, district_id),
            )
            if text
        }


NO_SCHOOLS = SchoolDirectory()
"""Directory without any name."""


def load_school_directory(index: Index) -> SchoolDirectory:
    """Load the names of schools and districts; empty without the file.

    Raises:
        InputError: the file cannot be read, or lacks a column.
    """
    path = index.home / FILE_NAME
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return NO_SCHOOLS
    return _read_file(path, changed)


@lru_cache(maxsize=4)
def _read_file(path: Path, _changed: int) -> SchoolDirectory:
    """Read the file of schools."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = _REQUIRED.difference(reader.fieldnames or ())
            if missing:
                raise InputError(f"{FILE_NAME}: the column {min(missing)} is missing")
            return _build_directory(reader)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(
            f"{FILE_NAME} cannot be read as CSV in UTF-8: the operator has to mend it"
        ) from error


def _build_directory(rows: Iterable[Mapping[str, str | None]]) -> SchoolDirectory:
    """Return the names that the rows of a file give.

    If rows share an ID, the last row counts.
    """
    schools: dict[tuple[str, str], str] = {}
    offices: dict[tuple[str, str], SchoolOffice] = {}
    districts: dict[str, str] = {}
    for row in rows:
        district_id, district, school_id, name = (
            (row.get(column) or "").strip() for column in ("district_id", "district", "school_id", "name")
        )
        if school_id and name:
            schools[district_id, school_id] = name
            office = (row.get(column) for column in ("registrar", "phone", "email"))
            values = tuple((value or "").strip() or None for value in office)
            if any(values):
                offices[district_id, school_id] = SchoolOffice(*values)
        if district_id and district:
            districts[district_id] = district
    return SchoolDirectory(schools, districts, offices)
