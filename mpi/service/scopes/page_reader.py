"""Reader of a scope's changes, page by page."""

from dataclasses import dataclass

from mpi.domain.errors import ConflictError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.scopes.copies import CopyPage, read_page
from mpi.service.scopes.derived_copies import DerivedCopies, read_config_digest, read_derived
from mpi.service.scopes.waiting_records import WaitingRecords
from mpi.storage.repositories.sources.scopes import Change, Scope
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class ScopePage:
    """Changes of a scope, read at one moment of it.

    Args:
        scope: code of the scope.
        begin: the last change before the page.
        copies: copies of what the changes concern.
        derived: what the scope has derived from the records; None where it must be computed.
    """

    scope: str
    begin: Change
    copies: CopyPage
    derived: DerivedCopies | None


class PageReader:
    """Reader of what the shared index has yet to copy.

    Args:
        scope_index: the open index of the scope.
        shared_index: the open shared index.
        viewer: who asks.
        scope: code of the scope.
    """

    def __init__(self, scope_index: Index, shared_index: Index, viewer: Viewer, scope: str) -> None:
        self._scope_index = scope_index
        self._shared_index = shared_index
        self._viewer = viewer
        self._scope = scope
        self._waiting: WaitingRecords | None = None

    @property
    def change_count(self) -> int:
        """Number of changes that have been waiting since the first page."""
        return 0 if self._waiting is None else self._waiting.change_count

    def read(self, limit: int) -> ScopePage | None:
        """Read the changes after those that the shared index has taken over.

        Args:
            limit: most records and decisions of the page.

        Returns:
            The page; None where nothing waits.

        Raises:
            NotFoundError: the shared index knows no such scope.
            ConflictError: the scope was restored from a backup that is older than what was taken over, or
                gets records of the shared index now, or its SSNs have no token that the shared index
                compares.
        """
        with (
            self._shared_index.database.read(self._viewer) as shared_unit,
            self._scope_index.database.read(self._viewer) as unit,
        ):
            scope = shared_unit.scopes.get(self._scope)
            _require_same_history(unit, scope)
            _require_comparable_tokens(self._scope_index, self._shared_index, self._scope)
            if shared_unit.splits.is_copying_into(self._scope):
                raise ConflictError(
                    f"sources are being moved into the scope {self._scope}, and its changes wait until that "
                    f"is done: mpi scope split {self._scope} goes on with it"
                )
            # Another process may have taken changes over meanwhile.
            if self._waiting is None or self._waiting.position != scope.position:
                self._waiting = WaitingRecords(scope.position)
            self._waiting.read(unit, shared_unit, self._scope)
            selection = self._waiting.select_page(unit, limit)
            if selection is None:
                return None
            self._waiting.begin_page(selection)
            copies = read_page(unit, selection, scope.position)
            derived = self._read_derived(unit, shared_unit, copies, self._waiting)
        return ScopePage(self._scope, scope.position, copies, derived)

    def end_page(self, page: ScopePage, *, is_written: bool) -> None:
        """Note what became of a page.

        Args:
            page: the page.
            is_written: whether it is taken over. If not, another process has taken changes over.
        """
        if self._waiting is None:
            return
        if is_written:
            self._waiting.end_page(page.copies.selection)
        else:
            # The other process may have taken other records over with the same changes.
            self._waiting = None

    def _read_derived(
        self, unit: ReadUnit, shared_unit: ReadUnit, copies: CopyPage, waiting: WaitingRecords
    ) -> DerivedCopies | None:
        """Read what the scope derived; None if the shared index would differ."""
        if self._scope_index.keyed_hash != self._shared_index.keyed_hash:
            return None
        digest = read_config_digest(shared_unit, self._shared_index)
        if digest is None:
            return None
        return read_derived(unit, self._scope_index, copies, digest, waiting.outdated)


def _require_comparable_tokens(scope_index: Index, shared_index: Index, scope: str) -> None:
    """Raise if the scope lacks tokens that the shared index compares.

    A record stores tokens of the oldest and the newest token key in force.
    """
    stored, compared = scope_index.keyed_hash.token_keys, shared_index.keyed_hash.token_keys[0]
    if compared not in (stored[0], stored[-1]):
        raise ConflictError(
            f"the token keys of the scope {scope} are {', '.join(map(str, stored))}, and the shared index "
            f"compares by key {compared}: run mpi keys rotate token in each index, and then mpi keys drop "
            "token, first in the shared index"
        )


def _require_same_history(unit: ReadUnit, scope: Scope) -> None:
    """Raise if the scope lacks the commit that was read last.

    A restored scope gives the numbers of lost commits again, at other times.

    Args:
        unit: a transaction of the scope's index.
        scope: the scope, as the shared index knows it.

    Raises:
        ConflictError: the scope was restored from a backup that is older than what was taken over.
    """
    number = scope.position.commit_no
    if number and unit.commit_info({number}).get(number, ("",))[0] != scope.read_at:
        raise ConflictError(
            f"the scope {scope.code} was restored from a backup that is older than what the shared index has "
            "taken over: restore the shared index too, from a backup that was made before that of the scope"
        )
