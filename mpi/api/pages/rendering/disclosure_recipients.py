"""Disclosures grouped by the client that received them."""

from collections.abc import Sequence
from dataclasses import dataclass

from mpi.domain.record_ref import RecordRef
from mpi.service.persons.step_effects import PastDisclosure


@dataclass(frozen=True, slots=True)
class Recipient:
    """Disclosures of records to one client for one purpose.

    ``latest`` is the last of them.
    """

    client: str
    purpose: str | None
    times: int
    latest: str
    fields: tuple[str, ...]
    records: tuple[RecordRef, ...]


def group_by_client(received: Sequence[PastDisclosure]) -> list[Recipient]:
    """Group disclosures of records by client and purpose, latest first."""
    groups: dict[tuple[str, str | None], list[PastDisclosure]] = {}
    for disclosure in received:
        groups.setdefault((disclosure.client, disclosure.purpose), []).append(disclosure)
    recipients = [
        Recipient(
            client=client,
            purpose=purpose,
            times=len(answers),
            latest=max(disclosure.at for disclosure in answers),
            fields=tuple(sorted({field for disclosure in answers for field in disclosure.fields})),
            records=tuple(
                sorted({record for disclosure in answers for record in disclosure.records}, key=_sort_key)
            ),
        )
        for (client, purpose), answers in groups.items()
    ]
    return sorted(recipients, key=lambda disclosure: disclosure.latest, reverse=True)


def _sort_key(label: RecordRef) -> tuple[str, str]:
    """Return the key by which record references are sorted."""
    return label.source, label.local_id
