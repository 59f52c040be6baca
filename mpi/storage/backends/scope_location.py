"""Location of a scope's database beside the shared index's."""

import re
from pathlib import Path

from sqlalchemy import make_url

from mpi.domain.source import SHARED_SCOPE

SCHEMA_PREFIX = "scope_"
"""Beginning of the name of a scope's PostgreSQL schema."""

_SCOPE_FILE = re.compile(r"^sqlite.*-scope-[a-z][a-z0-9_]*(\.[^/]*)?$")
_SCOPE_OPTION = re.compile(rf"^postgres.*[?&]options=[^&]*search_path(=|%3D){SCHEMA_PREFIX}[a-z]")


def locate_scope(url: str, scope: str) -> str:
    """Return the URL of a scope's database.

    On SQLite it is a file of its own: ``mpi-scope-education.db`` beside ``mpi.db``. On PostgreSQL it is a
    schema of the same database, ``scope_education``, which another database user may own.

    Args:
        url: SQLAlchemy URL of the shared index.
        scope: code of a scope; for the shared one the URL is returned as it is.
    """
    if scope == SHARED_SCOPE:
        return url
    parsed = make_url(
        url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres://") else url
    )
    if parsed.get_backend_name() == "sqlite":
        path = Path(parsed.database or "mpi.db")
        located = parsed.set(database=str(path.with_name(f"{path.stem}-scope-{scope}{path.suffix}")))
    else:
        options = f"{parsed.query.get('options', '')} -csearch_path={SCHEMA_PREFIX}{scope}".strip()
        located = parsed.update_query_dict({"options": options})
    return located.render_as_string(hide_password=False)


def is_scope_location(url: str) -> bool:
    """Return whether a database URL is that of a scope.

    Whoever opens the database, such as a child process, records its changes.
    """
    return _SCOPE_FILE.search(url) is not None or _SCOPE_OPTION.search(url) is not None
