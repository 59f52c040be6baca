"""Test whether a record has an open enrollment, for the survivor rule."""

from mpi.domain.record import CanonicalRecord
from mpi.standardize.fields.dates import to_iso_day


def has_open_enrollment(record: CanonicalRecord, today: str) -> bool:
    """Return whether a record shows an open school enrollment on a day.

    An enrollment without an entry date counts as begun. The interval is ``[entry_date, exit_date)``.
    """
    for enrollment in record.enrollments:
        begin, end = to_iso_day(enrollment.entry_date), to_iso_day(enrollment.exit_date)
        if (begin is None or begin <= today) and (end is None or today < end):
            return True
    return False
