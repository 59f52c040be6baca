"""When a call is made again, and after which pause."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LONGEST_HEADER = 64
"""Characters of a ``Retry-After`` that is read at all."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a call is made, and the pauses in between.

    Only a call that may be repeated is made again: a read, a record sent or withdrawn, or a call with an
    idempotency key. It is made again if no answer came, or if the answer is 408, 429, 502, 503 or 504. The
    client waits as long as ``Retry-After`` says, and a random time more, whose limit doubles with each call.

    Args:
        attempts: most calls in all, from 1. With 1, nothing is made again.
        first_pause_s: longest random pause before the second call, in seconds.
        longest_pause_s: longest random pause, and the longest ``Retry-After`` that is waited for. After a
            longer one, the error is raised at once; its ``retry_after_s`` says how long to wait.
    """

    attempts: int = 5
    first_pause_s: float = 0.25
    longest_pause_s: float = 60.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.first_pause_s < 0 or self.longest_pause_s < 0:
            raise ValueError("a RetryPolicy has at least 1 attempt, and no negative pause")

    def find_pause_s(
        self, attempt: int, retry_after_s: float | None, draw: Callable[[], float] = random.random
    ) -> float | None:
        """Return the pause before the next call, in seconds.

        Args:
            attempt: number of the call that failed, from 1.
            retry_after_s: what the answer asked for.
            draw: draws a number from 0 to 1.

        Returns:
            None if there is to be no further call.
        """
        asked_s = retry_after_s or 0.0
        if attempt >= self.attempts or asked_s > self.longest_pause_s:
            return None
        # Many clients that failed together must not come back together.
        doublings = min(attempt - 1, 32)
        return asked_s + draw() * min(self.first_pause_s * 2.0**doublings, self.longest_pause_s)


def parse_retry_after(text: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds of a ``Retry-After`` header (RFC 9110, section 10.2.3).

    Args:
        text: the header: seconds, or a date of HTTP.
        now: the present time.

    Returns:
        None for no header, or one that cannot be read. 0 for a time that has passed.
    """
    if text is None or len(text) > _LONGEST_HEADER:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:  # the zone -0000, which says nothing: dates of HTTP are in UTC
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
