"""Rights to seal and to expunge records.

They are apart from the right to write: a statement that seals hides its record for good, and one that
expunges asks to destroy it.
"""

from collections.abc import Collection

from mpi.domain.errors import RecordError
from mpi.domain.record import CanonicalRecord
from mpi.domain.viewer import Action, Viewer, is_allowed, require_permission
from mpi.service.statements.statement import EXPUNGED, SEAL_KINDS, SEALED, list_seals_to_come

_ACTION_BY_SEAL_KIND = {SEALED: Action.RECORD_SEAL, EXPUNGED: Action.RECORD_EXPUNGE}


def require_seal_rights(viewer: Viewer, record: CanonicalRecord) -> None:
    """Raise if a record's sender may not set its seal.

    Raises:
        AccessDenied: the viewer may not seal records, or may not expunge them.
    """
    for kind in sorted(list_seals_to_come(record)):
        require_permission(viewer, _ACTION_BY_SEAL_KIND[kind])


def list_forbidden_seals(viewer: Viewer) -> frozenset[str]:
    """Return the kinds of seal that a caller may not set."""
    return frozenset(kind for kind in SEAL_KINDS if not is_allowed(viewer, _ACTION_BY_SEAL_KIND[kind]))


def refuse_forbidden_seals(record: CanonicalRecord, forbidden_seals: Collection[str]) -> None:
    """Refuse a row whose sender may not set its seal.

    Args:
        record: the row's record.
        forbidden_seals: as ``list_forbidden_seals`` returns them.

    Raises:
        RecordError: it names one.
    """
    for kind in sorted(list_seals_to_come(record).intersection(forbidden_seals)):
        raise RecordError(
            "restrictions",
            "not-permitted",
            f"{kind!r} needs the scope {_ACTION_BY_SEAL_KIND[kind].value}, which who loads this file lacks",
        )
