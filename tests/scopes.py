"""A shared index with scopes beside it, for tests."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from mpi.bootstrap import init_scope
from mpi.config import Settings
from mpi.matching.compiler import online_scorer
from mpi.service.core.index import Index
from mpi.service.scopes.registry import register_scope
from mpi.service.scopes.transfer import TransferResult, transfer_changes
from mpi.service.statements.sources import NewSource, add_source
from tests.index import OPERATOR, compile_once, open_test_index, write_empty_database


@dataclass
class ScopedIndexes:
    """A shared index and the index of each scope."""

    shared: Index
    scopes: dict[str, Index] = field(default_factory=dict)

    def sync(self) -> list[TransferResult]:
        """Take the changes of all scopes over into the shared index."""
        return [transfer_changes(index, self.shared, OPERATOR, code) for code, index in self.scopes.items()]


@contextmanager
def open_scoped_indexes(
    folder: Path, scopes: dict[str, tuple[str, ...]], *, secret: str | None = None, database_url=None
):
    """Open a new shared index with scopes, each with the given sources."""
    with ExitStack() as stack:
        shared = stack.enter_context(open_test_index(folder, secret=secret, database_url=database_url))
        indexes = ScopedIndexes(shared)
        settings = Settings(
            home=folder, model=str(folder / "tiny"), database_url=database_url, secret_file=None
        )
        for code, sources in scopes.items():
            if database_url is None:
                write_empty_database(folder / f"mpi-scope-{code}.db")
            with patch.object(online_scorer, "compile_scorer", compile_once):
                scope_index, _key = init_scope(settings, code, is_test=True)
            stack.callback(scope_index.database.dispose)
            register_scope(shared, OPERATOR, code, None)
            for source in sources:
                add_source(scope_index, OPERATOR, NewSource(source))
            indexes.scopes[code] = scope_index
        yield indexes
