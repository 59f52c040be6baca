"""The one reader of the clock, so that tests can set it; and moments as the index writes them."""

from datetime import UTC, datetime

from mpi.domain.errors import InputError


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def today() -> str:
    """The present day in UTC, ``YYYY-MM-DD``."""
    return now().date().isoformat()


def format_timestamp(moment: datetime) -> str:
    """A moment as the index writes it: ``2026-11-24T15:04:05.123456Z``, which sorts as text."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_timestamp(text: str) -> str:
    """A moment as typed, as the index writes it: a date is its first instant, no offset means UTC.

    Raises:
        InputError: it is not an ISO 8601 date or time.
    """
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            "as_of must be an ISO 8601 date or time, such as 2026-11-24T15:04:05Z (in a URL write + as %2B)"
        ) from None
    return format_timestamp(read if read.tzinfo else read.replace(tzinfo=UTC))
