"""Answers that told of a child while two records were linked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mpi.domain import clock
from mpi.domain.errors import InputError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import find_record_numbers
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.repositories.persons.persons import Membership
from mpi.storage.unit_of_work.units import ReadUnit

_GRACE = timedelta(minutes=1)
"""Time after the end of a link in which an answer may still leave that was computed before."""
_FIELDS = ("at", "client", "purpose", "agreement", "action", "fields")


@dataclass(frozen=True, slots=True)
class LinkInterval:
    """A time in which two records were one person.

    Args:
        since: first moment (ISO, UTC).
        until: moment of the separation; None while the link is in force.
    """

    since: str
    until: str | None


@dataclass(frozen=True, slots=True)
class LinkDisclosure:
    """Answer that told of a record while two were linked.

    Args:
        at: when it left (ISO, UTC).
        client: who received it.
        purpose: purpose of use.
        agreement: code of the agreement.
        action: kind of request.
        fields: names of the fields.
        names_both: whether it named both records.
        is_about_all: whether it was about more records than a line names, such as an export.
    """

    at: str
    client: str
    purpose: str | None
    agreement: str | None
    action: str
    fields: tuple[str, ...]
    names_both: bool
    is_about_all: bool


@dataclass(frozen=True, slots=True)
class LinkReport:
    """What was told because of a link.

    Args:
        intervals: when the records were one person, oldest first.
        disclosures: the answers in these times, oldest first.
    """

    intervals: tuple[LinkInterval, ...]
    disclosures: tuple[LinkDisclosure, ...]


def find_disclosures_of_link(index: Index, viewer: Viewer, one: RecordRef, other: RecordRef) -> LinkReport:
    """Return every answer that told of two records while they were linked.

    The reading has a line of its own on the ledger. An answer that left within a minute after the separation
    is among them, since it may have been computed before.

    Args:
        index: the open index.
        viewer: who asks.
        one: a record.
        other: another record.

    Raises:
        InputError: both are the same record.
        NotFoundError: one of the records does not exist for this viewer.
        AccessDenied: the viewer may not read the ledger.
    """
    require_permission(viewer, Action.LEDGER_READ)
    if one == other:
        raise InputError("name two different records")
    with index.database.read(viewer) as unit:
        (pair,) = find_record_numbers(unit, [[one, other]])
        intervals = _find_intervals(unit, pair)
        lines = unit.disclosure_search.about_records(intervals[0].since, pair) if intervals else []
    told = [line for line in lines if any(_is_within(line.at, interval) for interval in intervals)]
    disclose(index, viewer, Action.LEDGER_READ, pair, _FIELDS)
    return LinkReport(tuple(intervals), tuple(_to_disclosure(line, pair) for line in told))


def _find_intervals(unit: ReadUnit, pair: Sequence[int]) -> list[LinkInterval]:
    """Return when two records were one person."""
    memberships = unit.persons.memberships_of(pair)
    shared = sorted(
        (max(a.from_commit, b.from_commit), _earliest_end(a, b))
        for a in memberships[pair[0]]
        for b in memberships[pair[1]]
        if a.person_id == b.person_id and _overlap(a, b)
    )
    numbers = {number for begin, end in shared for number in (begin, end) if number}
    times = {number: at for number, (at, _, _) in unit.commit_info(numbers).items()}
    return [LinkInterval(times[begin], times[end] if end else None) for begin, end in shared]


def _earliest_end(one: Membership, other: Membership) -> int:
    """Return the commit that ended the first membership; 0 for none."""
    return min((end for end in (one.to_commit, other.to_commit) if end is not None), default=0)


def _overlap(one: Membership, other: Membership) -> bool:
    end = _earliest_end(one, other)
    return not end or max(one.from_commit, other.from_commit) < end


def _is_within(at: str, interval: LinkInterval) -> bool:
    if at < interval.since:
        return False
    if interval.until is None:
        return True
    return at <= clock.format_timestamp(datetime.fromisoformat(interval.until) + _GRACE)


def _to_disclosure(line: Disclosure, pair: Sequence[int]) -> LinkDisclosure:
    return LinkDisclosure(
        at=line.at,
        client=line.client,
        purpose=line.purpose,
        agreement=line.agreement,
        action=line.action,
        fields=line.fields,
        names_both=set(pair) <= set(line.record_ids),
        is_about_all=line.handle is not None,
    )
