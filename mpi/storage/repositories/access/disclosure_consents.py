"""Repository of consents to disclose single records."""

from collections.abc import Collection
from dataclasses import asdict, dataclass

import orjson
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from mpi.domain.viewer import ConsentScope
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import AnyRow, DisclosureConsentRow, RecordRow, table_of

_consent = table_of(DisclosureConsentRow)
_record = table_of(RecordRow)
_IN_FORCE = select(_consent).where(
    is_in(_consent.c.record_id, "ids"),
    _consent.c.agreement == bindparam("agreement"),
    _consent.c.signed <= bindparam("day"),
    _consent.c.ends >= bindparam("day"),
    _consent.c.revoked_commit.is_(None),
)


@dataclass(frozen=True, slots=True)
class StoredConsent:
    """A consent to disclose one record.

    Args:
        code: code of the consent.
        record_id: the record.
        agreement: code of the agreement under which it may be disclosed.
        recipient: code of the party that may receive it.
        purposes: codes of the purposes, in order.
        fields: fields that an answer may hold, in order.
        signer: who signed: a code of ``mpi.policy.cases.consent.Signer``.
        signed: day of the signature (ISO), from which it is in force.
        ends: last day (ISO).
        reference: number under which the signed paper is filed.
        recorded_commit: commit number of its recording.
        revoked_commit: commit number of its revocation; None while it is not revoked.
    """

    code: str
    record_id: int
    agreement: str
    recipient: str
    purposes: tuple[str, ...]
    fields: tuple[str, ...]
    signer: str
    signed: str
    ends: str
    reference: str
    recorded_commit: int
    revoked_commit: int | None = None


class DisclosureConsents:
    """Repository of consents to disclose single records."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, consent: StoredConsent) -> None:
        """Add a consent."""
        values = {
            **asdict(consent),
            "purposes": orjson.dumps(consent.purposes).decode(),
            "fields": orjson.dumps(consent.fields).decode(),
        }
        self._connection.execute(insert(_consent).values(values))

    def find(self, code: str) -> StoredConsent | None:
        """Return a consent by its code, or None."""
        if not code.isascii() or "\0" in code:
            return None  # no code has such a character, and PostgreSQL refuses some
        row = self._connection.execute(select(_consent).where(_consent.c.code == code)).first()
        return None if row is None else _consent_of(row)

    def of_record(self, record_id: int) -> list[StoredConsent]:
        """Return every consent to disclose a record, oldest first."""
        rows = self._connection.execute(
            select(_consent).where(_consent.c.record_id == record_id).order_by(_consent.c.recorded_commit)
        )
        return [_consent_of(row) for row in rows]

    def revoke(self, code: str, commit_no: int) -> None:
        """Revoke a consent that is not revoked yet."""
        self._connection.execute(
            update(_consent)
            .where(_consent.c.code == code, _consent.c.revoked_commit.is_(None))
            .values(revoked_commit=commit_no)
        )

    def in_force(
        self, record_ids: Collection[int], agreement: str, day: str
    ) -> dict[int, frozenset[ConsentScope]]:
        """Return the scopes of consents that hold on a day, by record."""
        scopes: dict[int, set[ConsentScope]] = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_IN_FORCE, {"ids": chunk, "agreement": agreement, "day": day})
            for consent in map(_consent_of, rows):
                scope = ConsentScope(
                    agreement, consent.recipient, frozenset(consent.purposes), frozenset(consent.fields)
                )
                scopes.setdefault(consent.record_id, set()).add(scope)
        return {record: frozenset(group) for record, group in scopes.items()}

    def sources_in_force(self, day: str) -> set[int]:
        """Return the numbers of sources with a consent in force.

        The consent has not ended by the given day and is not revoked.
        """
        query = (
            select(_record.c.source_id)
            .distinct()
            .join(_consent, _consent.c.record_id == _record.c.id)
            .where(_consent.c.ends >= day, _consent.c.revoked_commit.is_(None))
        )
        return set(self._connection.execute(query).scalars())

    def erase(self, record_id: int) -> None:
        """Delete the consents to disclose a record that is destroyed."""
        self._connection.execute(delete(_consent).where(_consent.c.record_id == record_id))


def _consent_of(row: AnyRow) -> StoredConsent:
    return StoredConsent(
        code=row.code,
        record_id=row.record_id,
        agreement=row.agreement,
        recipient=row.recipient,
        purposes=tuple(orjson.loads(row.purposes)),
        fields=tuple(orjson.loads(row.fields)),
        signer=row.signer,
        signed=row.signed,
        ends=row.ends,
        reference=row.reference,
        recorded_commit=row.recorded_commit,
        revoked_commit=row.revoked_commit,
    )
