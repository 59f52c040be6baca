"""Sources: add one, list them."""

from dataclasses import dataclass

from mpi.domain.errors import ConflictError, InputError
from mpi.domain.source_kind import SourceKind
from mpi.domain.survivorship import STEWARD_SOURCE_KIND
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.unit import ReadUnit

_MAX_CODE_LENGTH = 64


@dataclass(frozen=True, slots=True)
class NewSource:
    """A source to add; the name and agency default to the code.

    ``one_id_a_child`` says that it means to give each child one local ID: two in one person are a question.
    """

    code: str
    name: str | None = None
    agency: str | None = None
    kind: SourceKind = SourceKind.OTHER
    has_one_id_per_child: bool = False


def add_source(index: Index, viewer: Viewer, new: NewSource) -> Source:
    """Add a source.

    Raises:
        InputError: the code cannot be one.
        ConflictError: there is one of that code, or one of kind ``steward``, of which there is one only.
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    allowed = all(letter.isascii() and (letter.isalnum() or letter in "_-.") for letter in new.code)
    if not new.code or len(new.code) > _MAX_CODE_LENGTH or not allowed:
        raise InputError("a source code has 1 to 64 letters, digits, '_', '-' or '.'")
    with index.database.write(viewer, "source-add") as unit:
        if new.kind == STEWARD_SOURCE_KIND and any(
            source.kind == STEWARD_SOURCE_KIND for source in unit.sources.all()
        ):
            raise ConflictError("stewards' corrections have a source already")
        number = unit.counters.take("source")
        source = Source(
            number,
            new.code,
            new.name or new.code,
            new.agency or new.code,
            new.kind,
            group_id=1,
            paused=False,
            duplicates_expected=not new.has_one_id_per_child,
        )
        unit.sources.add(number, number, source, unit.commit_no)
        return source


def require_data_source(source: Source) -> None:
    """Pass a source that says itself what its records are.

    Raises:
        ConflictError: it is the stewards' own.
    """
    if source.kind == STEWARD_SOURCE_KIND:
        raise ConflictError("this source takes stewards' corrections and nothing else")


def require_owned_source(unit: ReadUnit, code: str) -> Source:
    """A source whose owner can be asked for consent.

    Raises:
        NotFoundError: no such source.
        ConflictError: it is the stewards' own.
    """
    found = unit.sources.get_by_code(code)
    if found.kind == STEWARD_SOURCE_KIND:
        raise ConflictError(f"source {code!r} holds the stewards' corrections: nobody else owns it")
    return found


def list_sources(index: Index, viewer: Viewer) -> list[Source]:
    """Every source, by code."""
    require_permission(viewer, Action.REPORT)
    with index.database.read(viewer) as unit:
        return unit.sources.all()


def list_visible_sources(index: Index, viewer: Viewer) -> list[Source]:
    """The sources whose records the viewer may see, by code: what a page calls them."""
    require_permission(viewer, Action.RECORD_READ)
    with index.database.read(viewer) as unit:
        return [source for source in unit.sources.all() if viewer.may_see(source.code)]
