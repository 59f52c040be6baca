"""Registry of scopes in the shared index."""

from dataclasses import dataclass

from mpi.domain.errors import ConflictError
from mpi.domain.source import check_scope_code
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.scopes.split_plan import UNFINISHED_STATES

OPEN = "open"
"""State of a scope that no split makes or ends."""


@dataclass(frozen=True, slots=True)
class ScopeView:
    """A scope as operators see it.

    Args:
        code: code of the scope.
        name: name for people.
        sources: codes of its sources, as far as the shared index knows them.
        state: ``open``, or how far the split is that makes or ends the scope.
        lag: number of changes that the shared index has not taken over; None where it is not known.
    """

    code: str
    name: str
    sources: tuple[str, ...]
    state: str = OPEN
    lag: int | None = None


def require_new_scope(index: Index, viewer: Viewer, code: str) -> None:
    """Raise if a scope cannot be added under a code.

    Raises:
        InputError: the code is invalid.
        ConflictError: a scope has that code already, or a split makes it.
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    check_scope_code(code)
    with index.database.read(viewer) as unit:
        if any(scope.code == code for scope in unit.scopes.all()):
            raise ConflictError(f"there is a scope {code!r} already")
        split = unit.splits.latest(code)
        if split is not None and split.state in UNFINISHED_STATES:
            raise ConflictError(
                f"a split into {code!r} is {split.state}: mpi scope split {code} goes on with it"
            )


def register_scope(index: Index, viewer: Viewer, code: str, name: str | None) -> None:
    """Add a scope, whose changes the shared index then takes over.

    Args:
        index: the shared index.
        viewer: who adds the scope.
        code: code of the scope, whose index exists.
        name: name for people; the code where None.

    Raises:
        InputError: the code is invalid.
        ConflictError: a scope has that code already.
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    check_scope_code(code)
    with index.database.write(viewer, "scope-add") as unit:
        unit.scopes.add(code, name or code, unit.commit_no)


def list_scopes(index: Index, viewer: Viewer) -> list[ScopeView]:
    """Return every scope, and splits under way, by code.

    Raises:
        AccessDenied: the viewer may not see reports.
    """
    require_permission(viewer, Action.REPORT)
    with index.database.read(viewer) as unit:
        names = {scope.code: scope.name for scope in unit.scopes.all()}
        states = {split.scope: split.state for split in unit.splits.all() if split.state in UNFINISHED_STATES}
        unregistered = {
            split.scope: split.name
            for split in unit.splits.all()
            if split.scope in states and split.scope not in names
        }
        sources = unit.sources.all()
        return [
            ScopeView(
                code=code,
                name=name,
                sources=tuple(source.code for source in sources if source.scope == code),
                state=states[code].value if code in states else OPEN,
            )
            for code, name in sorted((names | unregistered).items())
        ]


def list_followed(index: Index, viewer: Viewer) -> list[str]:
    """Return the codes of the scopes that the shared index follows.

    Raises:
        AccessDenied: the viewer may not see reports.
    """
    require_permission(viewer, Action.REPORT)
    with index.database.read(viewer) as unit:
        return [scope.code for scope in unit.scopes.all()]


def count_lag(scope_index: Index, shared_index: Index, viewer: Viewer, code: str) -> int:
    """Count a scope's changes that the shared index has not read.

    Raises:
        NotFoundError: the shared index knows no such scope.
    """
    with shared_index.database.read(viewer) as unit:
        position = unit.scopes.get(code).position
    with scope_index.database.read(viewer) as unit:
        return unit.scopes.count_changes_after(position)
