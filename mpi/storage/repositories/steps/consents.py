"""Repository of source owners' consents to steps."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, insert, select, update

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import ConsentRow, table_of

_consent = table_of(ConsentRow)


class ConsentStatus(StrEnum):
    """Status of the request for a source owner's consent."""

    ASKED = "asked"
    GIVEN = "given"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class StoredConsent:
    """A request for a source owner's consent to a step, with answer.

    Args:
        step_id: number of the steward's step that needs the consent.
        source_id: number of the source.
        status: whether it is asked, given or refused.
        asked_commit: commit number of the request.
        commit_no: commit number of the answer.
        reason: reason code of the owner.
    """

    step_id: int
    source_id: int
    status: ConsentStatus
    asked_commit: int
    commit_no: int | None = None
    reason: str | None = None


class Consents:
    """Repository of requests for source owners' consent to stewards' steps."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_requests(self, step_id: int, source_ids: Collection[int], commit_no: int) -> None:
        """Request the consent of source owners to a steward's step."""
        rows = [
            {
                "step_id": step_id,
                "source_id": source_id,
                "status": ConsentStatus.ASKED.value,
                "asked_commit": commit_no,
            }
            for source_id in sorted(source_ids)
        ]
        if rows:
            self._connection.execute(insert(_consent), rows)

    def record_answers(
        self, step_id: int, source_ids: Collection[int], status: ConsentStatus, commit_no: int, reason: str
    ) -> None:
        """Store source owners' answers to a request for consent."""
        self._connection.execute(
            update(_consent)
            .where(_consent.c.step_id == step_id, _consent.c.source_id.in_(sorted(source_ids)))
            .values(status=status.value, commit_no=commit_no, reason=reason)
        )

    def consents_of_steps(self, step_ids: Collection[int]) -> dict[int, list[StoredConsent]]:
        """Return the requests for source owners' consent, by steward's step."""
        consents: dict[int, list[StoredConsent]] = {}
        for chunk in iter_chunks(step_ids):
            rows = self._connection.execute(
                select(_consent)
                .where(is_in(_consent.c.step_id, chunk))
                .order_by(_consent.c.step_id, _consent.c.source_id)
            )
            for row in rows:
                consent = StoredConsent(
                    step_id=row.step_id,
                    source_id=row.source_id,
                    status=ConsentStatus(row.status),
                    asked_commit=row.asked_commit,
                    commit_no=row.commit_no,
                    reason=row.reason,
                )
                consents.setdefault(consent.step_id, []).append(consent)
        return consents
