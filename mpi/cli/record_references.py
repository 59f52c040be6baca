"""Records as they are named on a command line: ``SOURCE:LOCAL_ID``, and groups of them parted by ``/``."""

from collections.abc import Sequence

from mpi.domain.errors import InputError
from mpi.domain.record_ref import RecordRef

GROUP_SEPARATOR = "/"


def parse_record_ref(text: str) -> RecordRef:
    """A record as typed; the local ID may hold colons.

    Raises:
        InputError: it is not ``SOURCE:LOCAL_ID``.
    """
    source, colon, local_id = text.partition(":")
    if not (source and colon and local_id):
        raise InputError("name a record as SOURCE:LOCAL_ID")
    return RecordRef(source, local_id)


def parse_record_groups(texts: Sequence[str]) -> list[list[RecordRef]]:
    """Groups of records as typed, parted by ``/``."""
    groups: list[list[RecordRef]] = [[]]
    for text in texts:
        if text == GROUP_SEPARATOR:
            groups.append([])
        else:
            groups[-1].append(parse_record_ref(text))
    return groups


def format_group(group: Sequence[RecordRef]) -> str:
    """A group as it would be typed."""
    return " ".join(f"{label.source}:{label.local_id}" for label in group)
