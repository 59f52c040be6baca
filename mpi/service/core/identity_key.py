"""Name and birth date: what a record says about who it is."""

from mpi.domain.record import CanonicalRecord
from mpi.standardize.fields.dates import to_iso_day


def identity_key(record: CanonicalRecord) -> tuple[object, ...]:
    """Given name, surname and birth date, comparable; another one means that the record may be of another."""
    names = (record.first_name, record.last_name)
    return (*((name or "").casefold() for name in names), to_iso_day(record.birth_date) or record.birth_date)
