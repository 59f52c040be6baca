"""Who received what because of a link: the answers, put together by whom they went to."""

from collections.abc import Sequence
from dataclasses import dataclass

from mpi.domain.record_ref import RecordRef
from mpi.service.persons.effects import PastDisclosure


@dataclass(frozen=True, slots=True)
class Recipient:
    """What one client received for one purpose; ``times`` answers, the latest at ``latest``."""

    client: str
    purpose: str | None
    times: int
    latest: str
    fields: tuple[str, ...]
    records: tuple[RecordRef, ...]


def group_by_client(received: Sequence[PastDisclosure]) -> list[Recipient]:
    """Answers by client and purpose, the latest first."""
    groups: dict[tuple[str, str | None], list[PastDisclosure]] = {}
    for disclosure in received:
        groups.setdefault((disclosure.client, disclosure.purpose), []).append(disclosure)
    recipients = [
        Recipient(
            client,
            purpose,
            len(answers),
            max(disclosure.at for disclosure in answers),
            tuple(sorted({field for disclosure in answers for field in disclosure.fields})),
            tuple(sorted({record for disclosure in answers for record in disclosure.records}, key=_sort_key)),
        )
        for (client, purpose), answers in groups.items()
    ]
    return sorted(recipients, key=lambda disclosure: disclosure.latest, reverse=True)


def _sort_key(label: RecordRef) -> tuple[str, str]:
    return label.source, label.local_id
