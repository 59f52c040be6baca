"""Name and birth date of a record, to tell whether they changed."""

from mpi.domain.record import CanonicalRecord
from mpi.standardize.fields.dates import to_birth_day


def identity_key(record: CanonicalRecord) -> tuple[object, ...]:
    """Return a record's first name, last name and birth date, comparably.

    A version of the record with another key may describe another person.
    """
    names = (record.first_name, record.last_name)
    birth_date = to_birth_day(record.birth_date) or record.birth_date
    return (*((name or "").casefold() for name in names), birth_date)
