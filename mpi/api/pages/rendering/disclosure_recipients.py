"""Who received what because of a link: the answers, put together by whom they went to."""

from collections.abc import Sequence
from dataclasses import dataclass

from mpi.domain.record_ref import RecordRef
from mpi.service.persons.effects import Received


@dataclass(frozen=True, slots=True)
class Recipient:
    """What one client received for one purpose; ``times`` answers, the latest at ``latest``."""

    client: str
    purpose: str | None
    times: int
    latest: str
    fields: tuple[str, ...]
    records: tuple[RecordRef, ...]


def group_by_client(received: Sequence[Received]) -> list[Recipient]:
    """Answers by client and purpose, the latest first."""
    groups: dict[tuple[str, str | None], list[Received]] = {}
    for one in received:
        groups.setdefault((one.client, one.purpose), []).append(one)
    found = [
        Recipient(
            client,
            purpose,
            len(answers),
            max(one.at for one in answers),
            tuple(sorted({field for one in answers for field in one.fields})),
            tuple(sorted({record for one in answers for record in one.records}, key=_sort_key)),
        )
        for (client, purpose), answers in groups.items()
    ]
    return sorted(found, key=lambda one: one.latest, reverse=True)


def _sort_key(label: RecordRef) -> tuple[str, str]:
    return label.source, label.local_id
