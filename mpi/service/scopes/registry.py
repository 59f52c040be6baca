"""Registry of scopes in the shared index."""

from dataclasses import dataclass

from mpi.domain.errors import ConflictError
from mpi.domain.source import check_scope_code
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index


@dataclass(frozen=True, slots=True)
class ScopeView:
    """A scope as operators see it.

    Args:
        code: code of the scope.
        name: name for people.
        sources: codes of its sources, as far as the shared index knows them.
    """

    code: str
    name: str
    sources: tuple[str, ...]


def require_new_scope(index: Index, viewer: Viewer, code: str) -> None:
    """Raise if a scope cannot be added under a code.

    Raises:
        InputError: the code is invalid.
        ConflictError: a scope has that code already.
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    check_scope_code(code)
    with index.database.read(viewer) as unit:
        if any(scope.code == code for scope in unit.scopes.all()):
            raise ConflictError(f"there is a scope {code!r} already")


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
    """Return every scope with its sources, by code.

    Raises:
        AccessDenied: the viewer may not see reports.
    """
    require_permission(viewer, Action.REPORT)
    with index.database.read(viewer) as unit:
        sources = unit.sources.all()
        return [
            ScopeView(
                scope.code,
                scope.name,
                tuple(source.code for source in sources if source.scope == scope.code),
            )
            for scope in unit.scopes.all()
        ]
