"""Parsing of record references: ``SOURCE:LOCAL_ID``, groups separated by ``/``."""

from collections.abc import Sequence

from mpi.domain.errors import InputError
from mpi.domain.record_ref import RecordRef

GROUP_SEPARATOR = "/"


def parse_record_ref(text: str) -> RecordRef:
    """Parse a record reference ``SOURCE:LOCAL_ID``; the local ID may hold colons.

    Raises:
        InputError: the text has another form.
    """
    source, colon, local_id = text.partition(":")
    if not (source and colon and local_id):
        raise InputError("name a record as SOURCE:LOCAL_ID")
    return RecordRef(source, local_id)


def parse_record_groups(texts: Sequence[str]) -> list[list[RecordRef]]:
    """Parse groups of ``SOURCE:LOCAL_ID`` references separated by ``/``."""
    groups: list[list[RecordRef]] = [[]]
    for text in texts:
        if text == GROUP_SEPARATOR:
            groups.append([])
        else:
            groups[-1].append(parse_record_ref(text))
    return groups


def format_group(group: Sequence[RecordRef]) -> str:
    """Format record references as a user types a group of them."""
    return " ".join(f"{label.source}:{label.local_id}" for label in group)
