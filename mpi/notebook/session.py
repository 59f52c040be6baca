"""An open index for a notebook: resolve, search and read the crosswalk."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, replace
from functools import partial
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.domain.errors import (
    AccessDenied,
    AgreementLapsed,
    ConflictError,
    InputError,
    MpiError,
    NotFoundError,
    RecordError,
    UnmetConditionError,
)
from mpi.domain.viewer import PURPOSES, Action, Viewer, make_operator, require_permission
from mpi.notebook.tables import add_columns, from_arrow, iterate_records, to_arrow
from mpi.policy.access_request import BREAK_GLASS
from mpi.service.access.client_authentication import authenticate
from mpi.service.agreements.refusals import record_refused_call
from mpi.service.core.index import Index
from mpi.service.persons.crosswalk_export import HEADER, export_crosswalk
from mpi.service.persons.persons import look_up_crosswalk
from mpi.service.persons.search import search_persons
from mpi.service.records.upsert import upsert

READ_ACTIONS = frozenset({
    Action.PERSON_SEARCH, Action.PERSON_READ, Action.RECORD_READ, Action.CROSSWALK_READ,
    Action.CROSSWALK_EXPORT,
})  # fmt: skip
"""Actions of a session that only reads."""
_REFUSALS = (AccessDenied, UnmetConditionError, AgreementLapsed)
_KEY = ("source", "local_id")
_RESOLVED = pa.schema(
    [
        ("enterprise_id", pa.string()),
        ("outcome", pa.string()),
        ("band", pa.string()),
        ("match_weight", pa.float64()),
        ("probability", pa.float64()),
        ("problem", pa.string()),
    ]
)
_FOUND = pa.schema(
    [
        ("enterprise_id", pa.string()),
        ("band", pa.string()),
        ("match_weight", pa.float64()),
        ("probability", pa.float64()),
        ("why", pa.string()),
    ]
)
_CROSSWALK = pa.schema([(name, pa.string()) for name in HEADER])
_CHUNK_ROWS = 50_000


class NotebookIndex:
    """An open index, to be used in a ``with`` statement.

    Every call is made for the purpose of the session, under the agreement of its client, and is on the ledger
    before it returns.

    Args:
        index: the open index.
        authenticate_caller: returns who asks; asked anew at each call, since a key can end.
        writes: whether ``resolve`` stores records.
    """

    def __init__(self, index: Index, authenticate_caller: Callable[[], Viewer], *, writes: bool) -> None:
        self._index = index
        self._authenticate = authenticate_caller
        self._writes = writes
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the index."""
        self._is_closed = True
        self._index.database.dispose()

    def resolve(self, table: object) -> Any:  # noqa: ANN401 - the table of the caller's library
        """Return a table with the enterprise ID of each row.

        A row with ``source`` and ``local_id`` of a stored record has the ID of that record (``stored``). Any
        other row is searched for, and has the ID of the best person at or above the review threshold
        (``match``, with band, match weight in bits and probability), or none (``none``). If the session
        writes, each row is stored as a record, as ``mpi resolve`` does, and ``outcome`` says what it did.

        Args:
            table: rows whose columns are fields of the canonical record.

        Returns:
            The table with the columns ``enterprise_id``, ``outcome``, ``band``, ``match_weight``,
            ``probability`` and ``problem``; a pandas data frame if one was given, else an Arrow table. A row
            that cannot be used has its ``problem``, and does not stop the others.

        Raises:
            InputError: it is no table.
            AccessDenied: the policy does not permit it for this client and purpose.
            StoreError: the index cannot be read, or the ledger cannot be written.
        """
        sent = to_arrow(table)
        with self._recording_refusals():
            require_permission(
                self._identify(), Action.RECORD_WRITE if self._writes else Action.PERSON_SEARCH
            )
        resolve_row = self._store if self._writes else self._find
        rows = [self._try_row(resolve_row, record) for record in iterate_records(sent)]
        return from_arrow(add_columns(sent, rows, _RESOLVED), table)

    def search(self, record: Mapping[str, object] | None = None, **fields: object) -> pa.Table:
        """Search for persons that a record may belong to; store nothing.

        Args:
            record: fields of the canonical record.
            **fields: further fields, such as ``first_name="Amara"``.

        Returns:
            Up to ten persons, best first: ``enterprise_id``, ``band``, ``match_weight`` in bits,
            ``probability`` and ``why``.

        Raises:
            RecordError: a field is wrong, or the record has too little to search by.
            SearchLimitError: the client has searched too often.
            AccessDenied: the policy does not permit it for this client and purpose.
        """
        [sent] = iterate_records(pa.Table.from_pylist([{**(record or {}), **fields}]))
        with self._recording_refusals():
            found = search_persons(self._index, self._identify(), sent)
        rows = [
            {
                "enterprise_id": each.enterprise_id,
                "band": each.band.value,
                "match_weight": each.match_weight,
                "probability": each.probability,
                "why": ", ".join(
                    f"{part.comparison} {part.bits:+.1f}" for part in each.explanation if part.bits
                ),
            }
            for each in found
        ]
        return pa.Table.from_pylist(rows, _FOUND)

    def crosswalk(self) -> pa.Table:
        """Return every record that the client may see, with its enterprise ID.

        Returns:
            Rows of ``source``, ``local_id`` and ``enterprise_id``; ``to_pandas()`` makes a data frame.

        Raises:
            AccessDenied: the policy does not permit it for this client and purpose.
        """
        chunks: list[pa.RecordBatch] = []
        rows: list[tuple[Any, ...]] = []
        with self._recording_refusals():
            exported = export_crosswalk(self._index, self._identify())
        for row in exported:
            rows.append(astuple(row))
            if len(rows) == _CHUNK_ROWS:
                chunks.append(_to_batch(rows))
                rows = []
        return pa.Table.from_batches([*chunks, _to_batch(rows)], _CROSSWALK)

    def _identify(self) -> Viewer:
        """Return who asks, with the actions of the session.

        Raises:
            InputError: the index is closed.
        """
        if self._is_closed:
            raise InputError("the index is closed: open it again with mpi.open")
        viewer = self._authenticate()
        return viewer if self._writes else replace(viewer, actions=viewer.actions & READ_ACTIONS)

    def _try_row(
        self, resolve_row: Callable[[dict[str, object]], dict[str, object]], record: dict[str, object]
    ) -> dict[str, object]:
        """Resolve one row; an error of the row becomes its problem."""
        try:
            with self._recording_refusals():
                return resolve_row(record)
        except (InputError, ConflictError, NotFoundError, AccessDenied) as error:
            return {"problem": str(error)}

    @contextmanager
    def _recording_refusals(self) -> Iterator[None]:
        """Record what the policy refuses, as the API does."""
        try:
            yield
        except _REFUSALS as error:
            if error.call is not None:
                record_refused_call(self._index, error.call, error.reason)
            raise

    def _find(self, record: dict[str, object]) -> dict[str, object]:
        """Find the enterprise ID of a row without storing it."""
        viewer = self._identify()
        if all(name in record for name in _KEY):
            try:
                with self._recording_refusals():
                    entry = look_up_crosswalk(self._index, viewer, *(str(record[name]) for name in _KEY))
            except NotFoundError:
                pass  # also of a hidden record, which is searched for like an unknown one
            else:
                return {"enterprise_id": entry.enterprise_id, "outcome": "stored"}
        found = search_persons(self._index, viewer, record)
        if not found:
            return {"outcome": "none"}
        best = found[0]
        return {
            "enterprise_id": best.enterprise_id,
            "outcome": "match",
            "band": best.band.value,
            "match_weight": best.match_weight,
            "probability": best.probability,
        }

    def _store(self, record: dict[str, object]) -> dict[str, object]:
        """Store a row as a record of its source."""
        source = record.pop("source", None)
        if not isinstance(source, str):
            raise RecordError("source", "missing", "every row needs the code of its source, as text")
        stored = upsert(self._index, self._identify(), source, record)
        return {"enterprise_id": stored.enterprise_id, "outcome": stored.outcome}


def open_notebook_index(
    path: str | PathLike[str], purpose: str, key: str | None, *, write: bool
) -> NotebookIndex:
    """Open an index for a notebook; see ``mpi.open``."""
    if purpose == BREAK_GLASS or purpose not in PURPOSES:
        known = ", ".join(each for each in PURPOSES if each != BREAK_GLASS)
        raise InputError(f"purpose: say why you ask, which goes on the ledger; it is one of {known}")
    index = open_index(_read_settings(path))
    try:
        caller: Callable[[], Viewer] = (
            partial(replace, make_operator(), purpose=purpose)
            if key is None
            else partial(authenticate, index, key, purpose)
        )
        caller()
    except MpiError:
        index.database.dispose()
        raise
    return NotebookIndex(index, caller, writes=write)


def _read_settings(path: str | PathLike[str]) -> Settings:
    """Return the settings of the index at a path.

    The path is that of a database file or a home folder.

    Raises:
        InputError: there is no index.
    """
    if isinstance(path, str) and path.startswith("postgresql"):
        return Settings(database_url=path)
    place = Path(path).expanduser().resolve()
    file = place / "mpi.db" if place.is_dir() else place
    if not file.is_file():
        raise InputError(f"there is no index at {place.name}: name its home folder or its file mpi.db")
    return Settings(home=file.parent, database_url=f"sqlite:///{file}")


def _to_batch(rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True) if rows else [() for _ in HEADER]
    return pa.record_batch([pa.array(column, pa.string()) for column in columns], schema=_CROSSWALK)
