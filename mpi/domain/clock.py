"""The clock in UTC, and the text form of timestamps.

All other modules read the clock here, so that tests can set it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from mpi.domain.errors import InputError

_CLOCK_SKEW = timedelta(days=1)
"""How far another machine's clock may be ahead."""
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
"""Nothing that the index holds was true earlier: a year before it is a typing error."""


def _read_system_clock() -> datetime:
    return datetime.now(UTC)


_read_clock: Callable[[], datetime] = _read_system_clock


def now() -> datetime:
    """Return the current time in UTC, with time zone."""
    return _read_clock()


def today() -> str:
    """Return the current date in UTC as ``YYYY-MM-DD``."""
    return now().date().isoformat()


def parse_day(text: str, name: str) -> date:
    """Return the day that a caller gave as ``YYYY-MM-DD``.

    Args:
        text: the day as sent.
        name: name of the member, for the error.

    Raises:
        InputError: the text is no date.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{name}: give a date, YYYY-MM-DD") from None


@contextmanager
def set_clock(read_clock: Callable[[], datetime]) -> Iterator[None]:
    """Replace the clock of this process, for all threads, within a block.

    Args:
        read_clock: returns the time in UTC, with time zone.
    """
    global _read_clock  # noqa: PLW0603 - the clock is one for the process, like the system's
    previous_clock, _read_clock = _read_clock, read_clock
    try:
        yield
    finally:
        _read_clock = previous_clock


@contextmanager
def fixed_clock(moment: datetime) -> Iterator[None]:
    """Stop the clock of this process at a moment within a block.

    Args:
        moment: with time zone.
    """
    with set_clock(lambda: moment):
        yield


def format_timestamp(moment: datetime) -> str:
    """Format a timestamp as the index stores it.

    Args:
        moment: with time zone.

    Returns:
        Text such as ``2026-11-24T15:04:05.123456Z``, which sorts in order of time.
    """
    # Not strftime, which does not pad a year before 1000 to four digits.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_timestamp(text: str) -> str:
    """Parse a typed date or time into a stored timestamp.

    Args:
        text: ISO 8601. A date stands for its first instant; a time without offset is UTC.

    Raises:
        InputError: the text is no ISO 8601 date or time.
    """
    try:
        return format_timestamp(_parse_utc(text))
    except (ValueError, OverflowError):
        raise InputError(
            "as_of must be an ISO 8601 date or time, such as 2026-11-24T15:04:05Z (in a URL write + as %2B)"
        ) from None


def parse_moment(text: str, name: str) -> datetime:
    """Parse the time when a file or a question was true.

    Args:
        text: ISO 8601. A date stands for its first instant; a time without offset is UTC.
        name: name of the field, for the error.

    Returns:
        The time in UTC.

    Raises:
        InputError: the text is no ISO 8601 date or time, lies before 1900, or more than a day ahead.
    """
    try:
        moment = _parse_utc(text)
    except (ValueError, OverflowError):
        raise InputError(f"{name}: give an ISO 8601 date or time, such as 2026-11-24T08:30Z") from None
    if moment < _EARLIEST:
        raise InputError(f"{name}: lies before 1900: give the year with four digits")
    if moment - now() > _CLOCK_SKEW:
        raise InputError(f"{name}: lies more than a day ahead of this machine's clock")
    return moment


def _parse_utc(text: str) -> datetime:
    """Parse an ISO 8601 date or time into UTC.

    Raises:
        ValueError: the text is no date or time.
        OverflowError: in UTC its year would be before 1 or after 9999.
    """
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
