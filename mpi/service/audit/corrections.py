"""Corrections of wrong links as their recipients read and acknowledge them.

A correction names the records that the recipient was told of and may still see, with the enterprise IDs that
hold them today. It names no other record, so that no recipient learns that another agency holds one.
"""

from dataclasses import asdict, dataclass
from typing import Any

from mpi.domain.errors import NotFoundError
from mpi.domain.viewer import Action, Viewer, is_allowed, require_any_permission
from mpi.service.audit.incidents import acknowledge_in
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.notices.sent_corrections import RECIPIENT_ACTIONS, find_readable_corrections

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
        acknowledged_at: when it was acknowledged (ISO, UTC); None before.
    """

    code: str
    since: str
    until: str
    records: tuple[CorrectedRecord, ...]
    sent_at: str
    acknowledged_at: str | None

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
        numbers = {each.sent.sent_commit for each in corrections}
        numbers |= {no for each in corrections if (no := each.sent.acknowledged_commit) is not None}
        times = {number: at for number, (at, _, _) in unit.commit_info(numbers).items()}
    if record_ids:
        disclose(index, viewer, _find_action(viewer), record_ids, _FIELDS)
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
            acknowledged_at=None
            if each.sent.acknowledged_commit is None
            else times[each.sent.acknowledged_commit],
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
