"""Children of an AFCARS file who are in care on a day."""

from pathlib import Path

from mpi.domain.errors import FileError
from mpi.intake.afcars_file import AfcarsFile
from mpi.intake.rows import CanonicalRow
from mpi.reports.reconciliation import FileChild
from mpi.standardize.fields.dates import is_within_period


def read_afcars_children(path: Path, day: str) -> list[FileChild]:
    """Return an AFCARS file's children who are in care on a day.

    Args:
        path: the file (XML).
        day: the day, ``YYYY-MM-DD``.

    Raises:
        FileError: it is no AFCARS file, or a record of it cannot be read.
    """
    children = []
    for row in AfcarsFile(path).rows():
        number = str(row.fields.get("local_id", "")) if isinstance(row, CanonicalRow) else ""
        if not isinstance(row, CanonicalRow) or not number:
            raise FileError(f"{path.name}, line {row.line}: this record has no number or is too large")
        if _is_in_care(row.fields.get("flags"), day):
            birth_date = row.fields.get("birth_date")
            children.append(FileChild(number, None if birth_date is None else str(birth_date)))
    return children


def _is_in_care(flags: object, day: str) -> bool:
    """Return whether one of the file's removals is open on a day."""
    return any(
        is_within_period(flag["begin"], flag.get("end"), day)
        for flag in (flags if isinstance(flags, list) else ())
    )
