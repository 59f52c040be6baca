"""Rows of a pull, spilled to disk until they are loaded."""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from mpi.domain.errors import RecordError, RemoteSystemError
from mpi.intake.rows import CanonicalRow, RejectedRow
from mpi.intake.tabular_file import MAX_RECORD_BYTES
from mpi.standardize.fields.scalars import parse_local_id, require_visible
from mpi.standardize.record_validation import refuse_ssn

IN_MEMORY_BYTES = 64_000_000
"""Bytes of rows above which they are spilled to an unnamed file.

A killed process leaves nothing of an unnamed file.
"""
MAX_NAMED_RECORDS = 1_000_000
"""Most records that one pull may remove or rename, since their local IDs are held in memory."""


class PulledRows:
    """What a connector pulled: rows, rejected items, removed and renamed records.

    Args:
        folder: folder of the unnamed file, readable by this user only.

    Attributes:
        removed: local IDs of records that the system holds no more.
        renames: new local ID by the one before the pull.
        row_count: number of rows and rejected items.
    """

    def __init__(self, folder: str) -> None:
        self._spill = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES, dir=folder)  # noqa: SIM115 - close closes it
        self._digest = hashlib.sha256()
        self._origins: dict[str, str] = {}
        self.removed: set[str] = set()
        self.renames: dict[str, str] = {}
        self.row_count = 0

    def close(self) -> None:
        """Delete what was pulled."""
        self._spill.close()

    def add(self, fields: Mapping[str, object]) -> None:
        """Add one record in canonical fields."""
        line = orjson.dumps({"fields": fields})
        if len(line) > MAX_RECORD_BYTES:
            local_id = fields.get("local_id")
            detail = f"the item gives a row of more than {MAX_RECORD_BYTES:,} bytes"
            self.reject("field-too-large", detail, local_id if isinstance(local_id, str) else None)
        else:
            self._write(line)

    def reject(self, reason: str, detail: str, local_id: str | None = None) -> None:
        """Count an item that gives no row."""
        try:
            known_id = None if local_id is None else parse_local_id(local_id)
        except RecordError:
            known_id = None
        self._write(orjson.dumps({"reason": reason, "detail": detail, "local_id": known_id}))

    def remove(self, local_id: str) -> None:
        """Say that the system holds a record no more."""
        try:
            removed_id = parse_local_id(local_id)
        except RecordError as error:
            self.reject(error.reason, f"a removed record's local ID: {error.detail}")
            return
        self.removed.add(removed_id)
        self._note_record({"removed": removed_id}, len(self.removed))

    def rename(self, old_local_id: str, new_local_id: str) -> None:
        """Say that the system gave a record another local ID."""
        try:
            old_id, new_id = parse_local_id(old_local_id), parse_local_id(new_local_id)
            require_visible(new_id)
            refuse_ssn("local_id", new_id)
        except RecordError as error:
            self.reject(error.reason, f"a renamed record's local ID: {error.detail}")
            return
        if old_id == new_id:
            return
        if new_id in self._origins:
            self.reject("renamed-twice", "two records were renamed to one local ID", new_id)
            return
        origin = self._origins.pop(old_id, old_id)
        self.renames[origin] = new_id
        self._origins[new_id] = origin
        self._note_record({"renamed": [old_id, new_id]}, len(self.renames))

    def compute_digest(self) -> str:
        """Return the digest of all that was pulled, in its order."""
        return self._digest.hexdigest()

    def rows(self) -> Iterator[CanonicalRow | RejectedRow]:
        """Yield what was pulled as rows of a file, numbered from 1."""
        self._spill.seek(0)
        for number, line in enumerate(self._spill, start=1):
            values: dict[str, Any] = orjson.loads(line)
            if "fields" in values:
                yield CanonicalRow(number, None, values["fields"])
            else:
                yield RejectedRow(number, None, values["reason"], values["detail"], values["local_id"])

    def _write(self, line: bytes) -> None:
        self._spill.write(line + b"\n")
        self._digest.update(line)
        self.row_count += 1

    def _note_record(self, change: Mapping[str, object], count: int) -> None:
        """Add a removal or a rename to the digest.

        Raises:
            RemoteSystemError: there are too many.
        """
        if count > MAX_NAMED_RECORDS:
            raise RemoteSystemError(
                f"the system removed or renamed more than {MAX_NAMED_RECORDS:,} records: pull everything "
                "with --full"
            )
        self._digest.update(orjson.dumps(change))
