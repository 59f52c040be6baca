"""Signing of the ledger's root, into database and file."""

from dataclasses import dataclass, replace
from pathlib import Path

from mpi.domain import clock
from mpi.domain.errors import InputError, StoreError
from mpi.domain.ledger.signed_root import NO_PREVIOUS, SignedRoot, parse_root
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.audit.signing_key import SigningKey
from mpi.service.audit.tree import compute_head, store_new_heads
from mpi.service.core.index import Index
from mpi.service.statements.ledger_redaction import redact_destroyed_records
from mpi.storage.backends.roots_file import append_root_lines, read_root_lines
from mpi.storage.unit_of_work.database import Lock
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

_MAX_NOTE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class RootsFile:
    """File of the signed roots, and the key that signs.

    Args:
        path: text file outside the database.
        key: the key.
    """

    path: Path
    key: SigningKey


def sign_root(
    index: Index,
    viewer: Viewer,
    roots: RootsFile,
    *,
    note: str = "",
    is_new_file: bool = False,
) -> SignedRoot:
    """Sign the present root of the ledger.

    Destroyed records are first taken out of the lines. The file gets the root before the database does; what
    one of the two lacks after a crash, the next call adds.

    Args:
        index: the open index.
        viewer: who signs.
        roots: the file and the key.
        note: why the ledger lost lines since the last root, such as a restore; empty if it lost none.
        is_new_file: write the file anew from the database, where it is lost for good.

    Raises:
        StoreError: the file is missing, damaged or of another index; the ledger does not hold what the last
            root states and there is no note; or something cannot be read or written.
        InputError: the note is too long, or holds a character that cannot be seen.
        AccessDenied: the viewer may not read the ledger.
    """
    require_permission(viewer, Action.LEDGER_READ)
    if len(note) > _MAX_NOTE_LENGTH or not note.isprintable():
        raise InputError(f"note: at most {_MAX_NOTE_LENGTH} characters that can be seen")
    redact_destroyed_records(index, viewer)
    with index.database.read(viewer) as unit:
        name = make_index_name(unit, index)
    store_new_heads(index, viewer)
    with index.database.ledger.write(viewer, "sign", Lock.NONE) as writing:
        # The counter's row is locked until the end, so that two that sign at once do so in turn.
        writing.counters.take("ledger_root", 0)
        last = _catch_up(writing, roots.path, name, is_new_file=is_new_file)
        root = _make_root(writing, name, last, note)
        root = replace(root, signature=roots.key.sign(root.signed_bytes()))
        append_root_lines(roots.path, [root.to_line()])
        writing.ledger_tree.add_root(root.number, root.size, root.to_line())
    return root


def make_index_name(unit: ReadUnit, index: Index) -> str:
    """Return the index's name in its roots, which a restore keeps.

    Raises:
        StoreError: there is no index.
    """
    info = unit.configs.index_info()
    if info is None:
        raise StoreError("there is no index here yet: run mpi init")
    return index.keyed_hash.to_token("ledger roots", f"{info.scope}|{info.created_at}")


def _catch_up(unit: WriteUnit, path: Path, name: str, *, is_new_file: bool) -> SignedRoot | None:
    """Give file and database the roots that one lacks."""
    in_file, stored = read_root_lines(path), unit.ledger_tree.list_roots()
    if not in_file and stored:
        if not is_new_file:
            raise StoreError(
                f"the file of signed roots {path} is missing: put it back, or run mpi audit sign --new-file"
            )
        append_root_lines(path, stored)
        in_file = stored
    if stored != in_file[: len(stored)]:
        raise StoreError(f"the signed roots in {path} are not those of the database: run mpi audit verify")
    for line in in_file[len(stored) :]:
        missing = _parse(line, path)
        unit.ledger_tree.add_root(missing.number, missing.size, line)
    last = _parse(in_file[-1], path) if in_file else None
    if last is not None and last.index != name:
        raise StoreError(f"{path} holds the roots of another index: set MPI_LEDGER_ROOTS_FILE")
    return last


def _parse(line: str, path: Path) -> SignedRoot:
    try:
        return parse_root(line)
    except InputError:
        raise StoreError(f"a line of {path} is damaged: put the file back whole") from None


def _make_root(unit: WriteUnit, name: str, last: SignedRoot | None, note: str) -> SignedRoot:
    """Return the next root, still without its signature.

    Raises:
        StoreError: the ledger does not hold what the last root states.
    """
    size = unit.ledger_tree.find_size()
    if last is not None and not note and not _holds(unit, size, last):
        raise StoreError(
            f"the ledger does not hold what root {last.number} states, so nothing was signed: run mpi audit "
            "verify; after a restore from a backup, sign with --restored REASON"
        )
    return SignedRoot(
        number=1 if last is None else last.number + 1,
        index=name,
        at=clock.format_timestamp(clock.now()),
        size=size,
        root=compute_head(unit, size).hex(),
        previous=NO_PREVIOUS if last is None else last.digest(),
        note=note,
    )


def _holds(unit: WriteUnit, size: int, last: SignedRoot) -> bool:
    return size >= last.size and compute_head(unit, last.size).hex() == last.root
