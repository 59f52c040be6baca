"""Warnings of due incidents, in lists and daily in the log.

They name an incident by its code, and no child and no recipient.
"""

import logging
from datetime import date

from mpi.domain import clock
from mpi.domain.errors import MpiError
from mpi.domain.viewer import make_operator
from mpi.policy.cases.incident_clock import SEND
from mpi.service.core.index import Index
from mpi.service.incidents.views import Incident, build_incidents

_URGENT_NOTICES = (0, 1)
"""Notices of a clock that has a day left or none; earlier ones are for who looks at the list."""
_log = logging.getLogger("mpi.incidents")


def describe_notice(incident: Incident, today: date) -> str | None:
    """Describe what of an incident is due within a day, if anything."""
    deadline = incident.deadline
    if deadline is None or deadline.find_notice(today) not in _URGENT_NOTICES:
        return None
    waiting = incident.waiting_count
    what = (
        "its corrections are to be sent"
        if deadline.name == SEND
        else f"{waiting} acknowledgement{'' if waiting == 1 else 's'} of its corrections wait"
    )
    left = deadline.days_left(today)
    when = (
        f"due since {deadline.due.isoformat()}, {-left} day{'' if left == -1 else 's'} ago"
        if left < 0
        else f"due by {deadline.due.isoformat()}"
    )
    return f"incident {incident.code}: {what}, {when}"


def log_incident_notices(index: Index) -> None:
    """Log a warning for each incident due by tomorrow, or overdue."""
    try:
        with index.database.read(make_operator()) as unit:
            incidents, _ = build_incidents(unit, index, unit.incidents.all_open())
    except MpiError as error:
        _log.warning("the incidents could not be read: %s", error)
        return
    today = clock.now().date()
    for incident in incidents:
        notice = describe_notice(incident, today)
        if notice is not None:
            _log.warning("%s; see mpi incident show", notice)
