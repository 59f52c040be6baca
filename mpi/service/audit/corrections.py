"""Corrections of wrong links as their recipients read and acknowledge them.

A correction names the records that the recipient was told of and may still see, with the enterprise IDs that
hold them today. It names no other record, so that no recipient learns that another agency holds one. If the
separation is undone, a further correction reverses it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from mpi.domain.errors import NotFoundError
from mpi.domain.viewer import Action, Viewer, is_allowed, require_any_permission
from mpi.policy.cases.incident_clock import IncidentDays, find_deadline
from mpi.service.audit.incidents import acknowledge_in
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.notices.sent_corrections import (
    RECIPIENT_ACTIONS,
    ReadableCorrection,
    find_readable_corrections,
)

_FIELDS = ("source", "local_id", "enterprise_id")


@dataclass(frozen=True, slots=True)
class CorrectedRecord:
    """A record whose link was wrong.

    Args:
        source: code of its source.
        local_id: its local ID.
        enterprise_id: the enterprise ID that holds it today; None where none does.
    """

    source: str
    local_id: str
    enterprise_id: str | None


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction as its recipient reads it.

    Args:
        code: code of the incident.
        since: when the recipient was told first (ISO, UTC).
        until: when it was told last (ISO, UTC).
        records: records whose earlier answers were wrong.
        sent_at: when the correction was sent (ISO, UTC).
        due: day by which it is to be acknowledged (ISO); None where it need not be any more.
        acknowledged_at: when it was acknowledged (ISO, UTC); None before.
        withdrawn_at: from when on it holds no longer (ISO, UTC); None while it holds.
        reverses: code of the earlier correction that it reverses; None where it corrects a wrong link.
    """

    code: str
    since: str
    until: str
    records: tuple[CorrectedRecord, ...]
    sent_at: str
    due: str | None
    acknowledged_at: str | None
    withdrawn_at: str | None
    reverses: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return the correction as plain values for JSON."""
        return asdict(self)


def list_corrections(index: Index, viewer: Viewer) -> list[Correction]:
    """Return the corrections sent to the viewer, the latest first.

    Raises:
        AccessDenied: the viewer may neither write nor look up records.
    """
    require_any_permission(viewer, RECIPIENT_ACTIONS)
    with index.database.read(viewer) as unit:
        corrections = find_readable_corrections(unit)
        record_ids = {record for each in corrections for record in each.labels}
        persons = unit.persons.current_persons(record_ids)
        eids = {number: person.eid for number, person in unit.persons.by_ids(set(persons.values())).items()}
        commits = unit.commit_info(_list_commits(corrections))
    if record_ids:
        disclose(index, viewer, _find_action(viewer), record_ids, _FIELDS)
    times = {number: at for number, (at, _, _) in commits.items()}
    days = index.settings.incident_days
    return [
        Correction(
            code=each.sent.code,
            since=each.sent.since,
            until=each.sent.until,
            records=tuple(
                CorrectedRecord(
                    label.source, label.local_id, eids[persons[record]] if record in persons else None
                )
                for record, label in each.labels.items()
            ),
            sent_at=times[each.sent.sent_commit],
            due=_find_due(days, times[each.sent.sent_commit]) if each.sent.is_waiting else None,
            acknowledged_at=_find_time(times, each.sent.acknowledged_commit),
            withdrawn_at=_find_time(times, each.sent.withdrawn_commit),
            reverses=each.reverses,
        )
        for each in corrections
    ]


def acknowledge_correction(index: Index, viewer: Viewer, code: str) -> None:
    """Acknowledge a correction sent to the viewer.

    Raises:
        NotFoundError: no such correction was sent to the viewer, or the viewer may see none of its records.
        ConflictError: it was acknowledged before.
        AccessDenied: the viewer may neither write nor look up records.
    """
    require_any_permission(viewer, RECIPIENT_ACTIONS)
    with index.database.write(viewer, "correction-acknowledge") as unit:
        if find_stored_answer(unit, index) is not None:
            return
        if all(each.sent.code != code for each in find_readable_corrections(unit)):
            raise NotFoundError("there is no such correction")
        acknowledge_in(unit, code, viewer.client, viewer.client)
        store_answer(unit, index, {"code": code}, ())


def _find_action(viewer: Viewer) -> Action:
    return next(action for action in RECIPIENT_ACTIONS if is_allowed(viewer, action))


def _list_commits(corrections: Iterable[ReadableCorrection]) -> set[int]:
    numbers = {
        number
        for each in corrections
        for number in (each.sent.sent_commit, each.sent.acknowledged_commit, each.sent.withdrawn_commit)
    }
    return {number for number in numbers if number is not None}


def _find_time(times: Mapping[int, str], commit_no: int | None) -> str | None:
    return None if commit_no is None else times[commit_no]


def _find_due(days: IncidentDays, sent_at: str) -> str:
    """Return the day by which a correction is to be acknowledged.

    No agreement's clock counts: that of another recipient would tell of it.
    """
    sent = datetime.fromisoformat(sent_at).date()
    return find_deadline(days, sent, sent).due.isoformat()
