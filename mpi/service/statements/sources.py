"""Administration of sources, the systems that contribute records."""

from dataclasses import dataclass

from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.source import SourceKind
from mpi.domain.survivorship.values import STEWARD_SOURCE_KIND
from mpi.domain.viewer import Action, Viewer, is_allowed, is_allowed_on, require_permission
from mpi.service.core.index import Index
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

_MAX_CODE_LENGTH = 64


@dataclass(frozen=True, slots=True)
class NewSource:
    """A source system to add, which contributes records.

    Args:
        code: 1 to 64 letters, digits, ``_``, ``-`` or ``.``.
        name: name of the source; the code where None.
        agency: agency that owns the source; the code where None.
        kind: kind of system.
        has_one_id_per_child: whether the source gives each child one local ID, so that two in one person are
            a question for a steward.
    """

    code: str
    name: str | None = None
    agency: str | None = None
    kind: SourceKind = SourceKind.OTHER
    has_one_id_per_child: bool = False


def add_source(index: Index, viewer: Viewer, new_source: NewSource) -> Source:
    """Add a source system, which contributes records.

    Raises:
        InputError: the code is invalid.
        ConflictError: a source has that code already, or the index has its one source of corrections
            already.
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    with index.database.write(viewer, "source-add") as unit:
        return insert_source(unit, new_source)


def insert_source(unit: WriteUnit, new_source: NewSource) -> Source:
    """Add a source system in a transaction; errors as for ``add_source``."""
    is_allowed = all(letter.isascii() and (letter.isalnum() or letter in "_-.") for letter in new_source.code)
    if not new_source.code or len(new_source.code) > _MAX_CODE_LENGTH or not is_allowed:
        raise InputError("a source code has 1 to 64 letters, digits, '_', '-' or '.'")
    if new_source.kind == STEWARD_SOURCE_KIND and any(
        source.kind == STEWARD_SOURCE_KIND for source in unit.sources.all()
    ):
        raise ConflictError("stewards' corrections have a source already")
    source_id = unit.counters.take("source")
    source = Source(
        id=source_id,
        code=new_source.code,
        name=new_source.name or new_source.code,
        agency=new_source.agency or new_source.code,
        kind=new_source.kind,
        group_id=1,
        paused=False,
        duplicates_expected=not new_source.has_one_id_per_child,
    )
    unit.sources.add(source_id, source_id, source, unit.commit_no)
    return source


def require_data_source(source: Source, *, is_from_scope: bool = False) -> None:
    """Check that a source's records may be written to this index.

    Args:
        source: the source.
        is_from_scope: whether the scope of the source passes its records on.

    Raises:
        ConflictError: the source is the one of stewards' corrections, or its records are sent to a scope.
    """
    if not is_from_scope:
        require_own_source(source)
    if source.kind == STEWARD_SOURCE_KIND:
        raise ConflictError("this source takes stewards' corrections and nothing else")


def require_own_source(source: Source) -> None:
    """Check that a source's records are sent to this index.

    Raises:
        ConflictError: they are sent to a scope.
    """
    if source.scope is not None:
        raise ConflictError(
            f"the records of source {source.code!r} are sent to the index of the scope {source.scope}"
        )


def require_sending_source(source: Source) -> None:
    """Check that a source still sends records.

    Raises:
        ConflictError: it is retired.
    """
    if source.is_retired:
        raise ConflictError(
            f"source {source.code!r} is retired and sends nothing any more: mpi source retire --no ends that"
        )


def takes_files(source: Source) -> bool:
    """Return whether this index takes files of a source.

    It takes none of retired sources, of the stewards' source, and of sources of a scope.
    """
    return source.scope is None and not source.is_retired and source.kind != STEWARD_SOURCE_KIND


def require_owned_source(unit: ReadUnit, code: str) -> Source:
    """Return a source whose owner can be asked for consent.

    Raises:
        NotFoundError: the source does not exist.
        ConflictError: the source is the one of stewards' corrections.
    """
    source = unit.sources.get_by_code(code)
    if source.kind == STEWARD_SOURCE_KIND:
        raise ConflictError(f"source {code!r} holds the stewards' corrections: nobody else owns it")
    return source


def list_sources(index: Index, viewer: Viewer) -> list[Source]:
    """Return every source system, ordered by code."""
    require_permission(viewer, Action.REPORT)
    with index.database.read(viewer) as unit:
        return unit.sources.all()


def list_administered_sources(index: Index, viewer: Viewer) -> list[Source]:
    """Return the source systems that the viewer may administer, by code."""
    require_permission(viewer, Action.SOURCE_ADMIN)
    with index.database.read(viewer) as unit:
        return [source for source in unit.sources.all() if viewer.may_see(source.code)]


def find_administered_source(index: Index, viewer: Viewer, code: str) -> Source:
    """Return a source system that the viewer may administer.

    Raises:
        NotFoundError: there is no source of this code that the viewer may see.
    """
    for source in list_administered_sources(index, viewer):
        if source.code == code:
            return source
    raise NotFoundError("there is no source of this code")


def list_visible_sources(index: Index, viewer: Viewer) -> list[Source]:
    """Return the source systems whose records the viewer may see, by code."""
    require_permission(viewer, Action.RECORD_READ)
    with index.database.read(viewer) as unit:
        return [source for source in unit.sources.all() if viewer.may_see(source.code)]


def list_readable_sources(index: Index, viewer: Viewer) -> list[Source]:
    """Return the visible source systems; none if reading is refused."""
    return list_visible_sources(index, viewer) if is_allowed(viewer, Action.RECORD_READ) else []


def list_data_sources(index: Index, viewer: Viewer, action: Action) -> list[str]:
    """Return the codes of sources on whose records a viewer may act.

    The source of stewards' corrections is not among them.

    Args:
        index: the open index.
        viewer: who asks.
        action: what the viewer would do.

    Raises:
        StoreError: the store cannot be used.
    """
    with index.database.read(viewer) as unit:
        return [
            source.code
            for source in unit.sources.all()
            if source.kind != STEWARD_SOURCE_KIND and is_allowed_on(viewer, action, source.code)
        ]
