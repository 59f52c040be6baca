"""Compiled statements that the engines of a process share.

SQLAlchemy keeps them for each engine, by its dialect object. A process with a database for each scope would
compile every statement as often as it has databases.
"""

from typing import Any

from sqlalchemy.util import LRUCache

_MOST_STATEMENTS = 4_000
"""Statements that are kept; the program and its tests have some 2,000."""


class CompiledCache(LRUCache[Any, Any]):
    """Compiled statements by dialect name and server version, not by dialect object.

    Pass it to ``create_engine`` as the execution option ``compiled_cache``.
    """

    def get(self, key: Any, default: Any = None) -> Any:  # noqa: ANN401 - SQLAlchemy's own
        """Return the compiled statement of a key of SQLAlchemy's, or the default."""
        return super().get(_without_dialect(key), default)

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's own
        return super().__getitem__(_without_dialect(key))

    def __setitem__(self, key: Any, value: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own
        super().__setitem__(_without_dialect(key), value)


SHARED_CACHE = CompiledCache(_MOST_STATEMENTS)


def _without_dialect(key: tuple[Any, ...]) -> tuple[Any, ...]:
    dialect, *rest = key
    return dialect.name, getattr(dialect, "server_version_info", None), *rest
