"""Daily warnings in the log of agreements that end, and other deadlines."""

import logging
from datetime import timedelta

from mpi.domain.errors import MpiError
from mpi.domain.viewer import make_operator
from mpi.service.agreements.views import AgreementView, list_due_notices
from mpi.service.core.index import Index

INTERVAL = timedelta(days=1)
"""Time between two warnings of a server."""
_log = logging.getLogger("mpi.agreements")


def describe_notice(view: AgreementView) -> str:
    """Describe in a sentence how soon an agreement ends."""
    if view.end is None:
        return ""
    days = view.end.days_left
    when = "today is its last day" if days == 0 else f"{days} day{'' if days == 1 else 's'} left"
    return f"agreement {view.code} ends after {view.end.last_day.isoformat()}: {when}"


def log_due_notices(index: Index) -> None:
    """Log a warning for each agreement whose end is near."""
    try:
        for view in list_due_notices(index, make_operator()):
            _log.warning("%s; propose a renewal with mpi agreement add", describe_notice(view))
    except MpiError as error:
        _log.warning("the agreements could not be read: %s", error)
