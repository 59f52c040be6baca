"""Short-lived links into the pages.

A link names neither a child nor a record. A source's client makes one, for example for a button of the
student information system. Whoever opens it signs in first, and then sees what that person may see, and
nothing else.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from mpi.domain import clock
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, is_allowed, require_permission
from mpi.service.access.setup import hash_token
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import find_record_numbers, visible_labels
from mpi.service.persons.child_conditions import make_not_found, require_child_conditions
from mpi.service.review.open_questions import load_questions, require_question
from mpi.storage.repositories.notices.desk_links import StoredLink
from mpi.storage.unit_of_work.database import Lock
from mpi.storage.unit_of_work.units import ReadUnit

LIFETIME = timedelta(minutes=15)
"""Time for which a link works."""
_TOKEN_BYTES = 32
_MAX_TOKEN_LENGTH = 100
_PATH = "/go/"
_UNKNOWN = "this link has expired, or you may not see what it opens: open it again from your system"


@dataclass(frozen=True, slots=True)
class DeskLink:
    """Link into the pages.

    Args:
        path: path of the link below the address of the pages.
        expires_at: when it stops working (ISO, UTC).
    """

    path: str
    expires_at: str


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """Page that a link opens.

    Args:
        enterprise_id: the child; None for a question.
        question: key of the question; None for a child.
    """

    enterprise_id: str | None
    question: str | None


def link_child(index: Index, viewer: Viewer, record: RecordRef) -> DeskLink:
    """Make a link to the page of a record's child.

    Raises:
        NotFoundError: there is no such record for this viewer.
        AccessDenied: the viewer may not look up a record's child.
    """
    require_permission(viewer, Action.CROSSWALK_READ)
    with index.database.read(viewer) as unit:
        [[number]] = find_record_numbers(unit, [[record]])
    disclose(index, viewer, Action.CROSSWALK_READ, [number], ("source", "local_id"))
    return _store(index, viewer, record_id=number, question=None)


def link_question(index: Index, viewer: Viewer, key: str) -> DeskLink:
    """Make a link to the page of an open question.

    Raises:
        NotFoundError: there is no such open question for this viewer.
        AccessDenied: the viewer may not read questions.
    """
    require_permission(viewer, Action.TASK_READ)
    with index.database.read(viewer) as unit:
        question = require_question(unit, key)
    disclose(index, viewer, Action.TASK_READ, question.records, ("source", "local_id"))
    return _store(index, viewer, record_id=None, question=question.key)


def open_link(index: Index, viewer: Viewer, token: str) -> LinkTarget:
    """Return the page that a link opens for the viewer.

    Raises:
        NotFoundError: there is no such link, it has expired, or the viewer may not see the page. The message
            does not tell which.
        UnmetConditionError: the same, for a viewer whose policy has conditions on the child.
        StoreError: the ledger cannot be written; the page must not open.
    """
    token_hash = hash_token(token) if token.isascii() and len(token) <= _MAX_TOKEN_LENGTH else ""
    with index.database.read(viewer) as unit:
        link = unit.desk_links.find(token_hash, clock.format_timestamp(clock.now()))
        target = None if link is None else _find_target(unit, link)
    if link is None or target is None:
        raise make_not_found(viewer, _UNKNOWN)
    if link.record_id is not None:
        disclose(index, viewer, Action.CROSSWALK_READ, [link.record_id], ("enterprise_id",))
    return target


def _find_target(unit: ReadUnit, link: StoredLink) -> LinkTarget | None:
    """Return the page that a link leads to.

    The result is None if the viewer may not see the page.

    Raises:
        UnmetConditionError: a condition of the viewer's policy does not hold for the child.
    """
    if link.question is not None:
        may_read = is_allowed(unit.viewer, Action.TASK_READ)
        is_visible = may_read and bool(load_questions(unit, [link.question]))
        return LinkTarget(None, link.question) if is_visible else None
    record = link.record_id or 0
    if not is_allowed(unit.viewer, Action.PERSON_READ) or record not in visible_labels(unit, [record]):
        return None
    person_by_record = unit.persons.current_persons([record])
    if record not in person_by_record:
        return None
    person = person_by_record[record]
    require_child_conditions(unit, unit.persons.members([person])[person], _UNKNOWN)
    return LinkTarget(unit.persons.by_ids([person])[person].eid, None)


def _store(index: Index, viewer: Viewer, *, record_id: int | None, question: str | None) -> DeskLink:
    """Store a new link and delete the expired ones.

    Only a hash of the link's token is stored.
    """
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    now = clock.now()
    expires_at = clock.format_timestamp(now + LIFETIME)
    with index.database.write(viewer, "link", Lock.NONE) as unit:
        unit.desk_links.delete_expired(clock.format_timestamp(now))
        unit.desk_links.add(hash_token(token), StoredLink(record_id, question, viewer.client, expires_at))
    return DeskLink(f"{_PATH}{token}", expires_at)
