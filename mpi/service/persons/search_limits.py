"""Limits on each client's person searches, counted from the disclosure ledger.

The ledger has a line for each answer, so that the limits hold over all processes of an index. The count and
the new line are one transaction, in which no other search of the client is counted.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from mpi.domain import clock
from mpi.domain.errors import SearchLimitError
from mpi.domain.viewer import Action, Viewer
from mpi.service.core.index import Index
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.unit_of_work.database import Lock
from mpi.storage.unit_of_work.units import ReadUnit

MINUTE = timedelta(minutes=1)
"""Period in which the searches of a client are counted."""
DAY = timedelta(days=1)
"""Period in which the searches of a client that find one child are counted."""


def require_search_left(unit: ReadUnit, index: Index) -> None:
    """Refuse a search where this minute's searches are used up.

    Call it before anything is compared. ``disclose_search`` checks again before the answer leaves.

    Raises:
        SearchLimitError: the client has to wait.
    """
    limit = index.settings.search_limits.per_minute
    first_counted = unit.disclosures.time_of_answer(
        unit.viewer.client, Action.PERSON_SEARCH, find_start(MINUTE), limit
    )
    if first_counted is not None:
        raise SearchLimitError(
            f"this client has had {limit:,} person searches answered within a minute: "
            "wait, then search again",
            count_seconds_left(first_counted, MINUTE),
        )


def disclose_search(
    index: Index, viewer: Viewer, disclosures: Sequence[Disclosure], children: Iterable[Collection[int]]
) -> None:
    """Write a search to the ledger, unless it exceeds a limit.

    Args:
        index: the open index.
        viewer: who is about to be answered.
        disclosures: the line of the search, and those of what else its answer shows.
        children: the records of each child that the search found.

    Raises:
        SearchLimitError: the client has to wait; the answer must not leave.
        StoreError: the ledger cannot be written; the answer must not leave.
    """
    with index.database.ledger.write(viewer, "disclose", Lock.NONE) as unit:
        unit.disclosures.lock_client(viewer.client)
        require_search_left(unit, index)
        _require_finds_left(unit, index, list(children))
        unit.disclosures.add_all(unit.counters.take("disclosure", len(disclosures)), disclosures)


def _require_finds_left(unit: ReadUnit, index: Index, children: Sequence[Collection[int]]) -> None:
    """Refuse a search for a child that was found too often.

    Raises:
        SearchLimitError: the client has to wait.
    """
    limit = index.settings.search_limits.per_child
    times_by_line = unit.disclosures.times_of_answers_about(
        unit.viewer.client,
        Action.PERSON_SEARCH,
        find_start(DAY),
        {record for records in children for record in records},
    )
    for records in children:
        lines = {line: at for record in records for line, at in times_by_line.get(record, {}).items()}
        if len(lines) >= limit:
            raise SearchLimitError(
                f"this client has found one of these children {limit:,} times within a day: "
                "look the child up by enterprise ID or local ID",
                count_seconds_left(sorted(lines.values())[-limit], DAY),
            )


def find_start(period: timedelta) -> str:
    """Return the moment at which a period that ends now began."""
    return clock.format_timestamp(clock.now() - period)


def count_seconds_left(first_counted: str, period: timedelta) -> int:
    """Return the seconds until one search more is within a limit.

    Args:
        first_counted: time of the earliest search that has to leave the period.
        period: the period.
    """
    left = datetime.fromisoformat(first_counted) + period - clock.now()
    return max(1, min(math.ceil(left.total_seconds()), int(period.total_seconds())))
