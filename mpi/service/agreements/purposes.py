"""The registry of purposes of use."""

from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.purposes import PURPOSES, Purpose, check_purpose
from mpi.service.core.index import Index
from mpi.storage.unit_of_work.units import ReadUnit


def read_purposes(unit: ReadUnit) -> dict[str, Purpose]:
    """Return every purpose of use by code, the added ones last."""
    return PURPOSES | {purpose.code: purpose for purpose in unit.agreements.added_purposes()}


def list_purposes(index: Index, viewer: Viewer) -> list[Purpose]:
    """Return every purpose of use that an agreement can permit.

    Raises:
        AccessDenied: the viewer may not read agreements.
    """
    require_permission(viewer, Action.AGREEMENT_READ)
    with index.database.read(viewer) as unit:
        return list(read_purposes(unit).values())


def add_purpose(index: Index, viewer: Viewer, purpose: Purpose) -> None:
    """Add a purpose of use, which agreements can then permit.

    It permits nothing by itself: a legal basis must carry it, and an agreement must name it.

    Raises:
        InputError: the purpose cannot be registered; the message says why.
        AccessDenied: the viewer may not administer agreements.
    """
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    with index.database.write(viewer, "purpose-add") as unit:
        check_purpose(purpose, read_purposes(unit))
        unit.agreements.add_purpose(purpose, unit.commit_no)
