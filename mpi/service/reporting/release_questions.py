"""Question of a release: who is in care, and since when.

The definition of care and the first day of the period say it. Readers get releases of one question at a
time. Two questions of one time tell their difference, such as the children at home on trial whom one
definition counts, and this difference may be a small count.
"""

from datetime import date, timedelta
from typing import Any

import orjson

from mpi.domain import clock
from mpi.domain.errors import ConflictError

_DAYS_BETWEEN_QUESTIONS = 28
"""Days after a release from which another question may be asked. Until then children enter and leave care."""
_DEFINITION = ("care", "definitions")
"""Members of a request that say by which definition children are in care."""


def is_same_question(request: str, other: str) -> bool:
    """Return whether two requests count the same children, each on its day."""
    return _read_question(request) == _read_question(other)


def check_question(request: str, latest: str, published_on: str) -> None:
    """Refuse a request that asks another question than the latest release.

    A period that begins after the days of that release is a new school year, and may be asked for.

    Args:
        request: JSON of the request.
        latest: JSON of the request of the latest release.
        published_on: day on which that was published, ``YYYY-MM-DD``.

    Raises:
        ConflictError: the question is another one, and the latest release too recent.
    """
    if is_same_question(request, latest):
        return
    wanted, answered = _read_question(request), _read_question(latest)
    last_day = date.fromisoformat(published_on) + timedelta(days=_DAYS_BETWEEN_QUESTIONS)
    is_same_definition = all(wanted[member] == answered[member] for member in _DEFINITION)
    latest_day = orjson.loads(latest)["day"]
    if clock.today() > last_day.isoformat() or (is_same_definition and (wanted["since"] or "") > latest_day):
        return
    since = f" --since {answered['since']}" if answered["since"] else " without --since"
    ways = [f"publish after {last_day}", "use --exact"]
    if is_same_definition:
        ways.insert(1, f"begin --since after {latest_day}")
    raise ConflictError(
        f"the reports of {published_on} answer another question (--care {answered['care']}{since}"
        f"{', with --definitions' if answered['definitions'] else ''}), and the difference of the two may be "
        f"a small count: ask the same, {', '.join(ways[:-1])} or {ways[-1]}"
    )


def _read_question(request: str) -> dict[str, Any]:
    """Return the members of a request that say who is counted."""
    members = orjson.loads(request)
    since = None if members["since"] == members["day"] else members["since"]
    return {**{member: members[member] for member in _DEFINITION}, "since": since}
