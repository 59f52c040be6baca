"""Links to records in their own source systems.

``record-links.toml`` in ``MPI_HOME`` names one address a source, in which ``{local_id}`` stands for the
record's key, percent-encoded::

    [records]
    district_a = "https://sis.example/students/{local_id}"
"""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from mpi.domain.errors import InputError
from mpi.domain.record_ref import RecordRef
from mpi.service.core.index import Index

FILE_NAME = "record-links.toml"
_PLACEHOLDER = "{local_id}"


def build_record_link(index: Index, label: RecordRef) -> str | None:
    """Return a record's URL in its source system, if configured.

    Raises:
        InputError: the configuration file is invalid.
    """
    path = index.home / FILE_NAME
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return None
    pattern = _read_patterns(path, changed).get(label.source)
    if pattern is None:
        return None
    # Faults of other sources are not named: a reader need not know that they exist.
    if not _is_address(pattern):
        raise InputError(f"{FILE_NAME}: for {label.source} give an https address with {_PLACEHOLDER} once")
    return pattern.replace(_PLACEHOLDER, quote(label.local_id, safe=""))


@lru_cache(maxsize=4)
def _read_patterns(path: Path, _changed: int) -> Mapping[str, str]:
    """Read the URL pattern of each source from the configuration file."""
    try:
        patterns = tomllib.loads(path.read_text("utf-8")).get("records", {})
    except (OSError, ValueError) as error:
        raise InputError(f"{FILE_NAME} cannot be read as TOML: the operator has to mend it") from error
    return {source: str(pattern) for source, pattern in patterns.items()}


def _is_address(pattern: str) -> bool:
    """Check whether a link pattern is an https URL with one placeholder."""
    return pattern.startswith("https://") and pattern.count(_PLACEHOLDER) == 1
