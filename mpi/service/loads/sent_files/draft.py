"""Drafts: files whose mapping a person looks through before they are loaded.

A draft lies in the private folder of a file that was sent (``upload``), with what the person answered. It
belongs to one account, whose tag begins the name of the folder. It goes when its person removes it, loads it
or signs out, and an hour after the last answer. It shows no value of the file but codes: what else it tells
are shapes and counts.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer, is_allowed_on, require_permission
from mpi.intake.containers.unpacked_size import check_unpacked_size
from mpi.intake.proposal.proposal import ProposalOptions, propose_for_sample
from mpi.intake.proposal.proposal_view import ColumnView, ProposalView, describe_proposal
from mpi.intake.proposal.sample import read_sample
from mpi.service.core.index import Index
from mpi.service.loads.sent_files.upload import (
    FOLDER,
    MAPPING_FILE,
    Upload,
    UploadOptions,
    begin_upload,
    find_file,
    find_upload_folder,
)
from mpi.service.statements.sources import takes_files

MAX_DRAFTS = 5
"""Most drafts of one account."""
MAX_COLUMNS = 300
"""Most columns of a draft."""
_SAMPLE_ROWS = 1_000
"""Most rows that are looked at, since the server that answers others looks at them too."""
_DRAFT = "draft.json"
_CODE = re.compile(r"[0-9a-f]{48}")
_TAG_LENGTH = 16
_GONE = "this file is not here any more, or the server was upgraded since: send it again"
_SHAPE = [field.name for kind in (ProposalOptions, ProposalView, ColumnView) for field in fields(kind)]
"""Names of all that a draft holds; one that another release wrote may differ."""
_PRIVATE_FILE = 0o600


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that a person has sent and not loaded.

    Args:
        code: its name in addresses.
        name: name of the file, as it was sent.
        used_at: when it was last used (ISO, UTC).
        options: what the person has said about it.
        view: what it tells.
    """

    code: str
    name: str
    used_at: str
    options: ProposalOptions
    view: ProposalView


def begin_draft(index: Index, viewer: Viewer) -> Upload:
    """Create the private folder of a file that begins to arrive.

    Raises:
        AccessDenied: the viewer may not load.
        ConflictError: the account has as many drafts as it may, or as many begin to arrive.
    """
    require_permission(viewer, Action.LOAD)
    for folder in _list_folders(index, viewer.client):
        if (folder / _DRAFT).exists() and _read(folder) is None:
            Upload(folder).remove()
    upload = begin_upload(index, viewer, _make_tag(viewer.client))
    # Counted with the new folder, so that files that arrive at once see each other.
    if len(_list_folders(index, viewer.client)) > MAX_DRAFTS:
        upload.remove()
        raise ConflictError(f"there are {MAX_DRAFTS} files already: load or remove one of them first")
    return upload


def finish_draft(index: Index, upload: Upload, name: str, options: ProposalOptions) -> None:
    """Propose the mapping of a file that has arrived.

    Args:
        index: the open index.
        upload: its folder.
        name: its name, as it was sent.
        options: what is said about it: sheet, program and state.

    Raises:
        InputError: there is no file, or an option is wrong.
        FileError: the file cannot be read as a table, or is too large.
    """
    folder = find_upload_folder(index, upload.code)
    file = find_file(folder)
    if file is None or not file.stat().st_size:
        raise InputError("choose a file that is not empty")
    check_unpacked_size(file, index.settings.max_upload_bytes)
    _write(folder, name, options)


def list_drafts(index: Index, viewer: Viewer) -> list[Draft]:
    """Return the viewer's own drafts, latest first.

    Raises:
        AccessDenied: the viewer may not load.
    """
    require_permission(viewer, Action.LOAD)
    drafts = [_read(folder) for folder in _list_folders(index, viewer.client)]
    return sorted(filter(None, drafts), key=lambda draft: draft.used_at, reverse=True)


def get_draft(index: Index, viewer: Viewer, code: str) -> Draft:
    """Return one of the viewer's own drafts.

    Raises:
        NotFoundError: there is none, or it is gone.
        AccessDenied: the viewer may not load.
    """
    require_permission(viewer, Action.LOAD)
    is_own = _CODE.fullmatch(code) is not None and code.startswith(_make_tag(viewer.client))
    draft = _read(find_upload_folder(index, code)) if is_own else None
    if draft is None:
        raise NotFoundError(_GONE)
    return draft


def read_mapping(index: Index, viewer: Viewer, code: str) -> str:
    """Return the mapping of a draft as text; errors as for ``get_draft``."""
    get_draft(index, viewer, code)
    with _gone_is_not_found():
        return (find_upload_folder(index, code) / MAPPING_FILE).read_text(encoding="utf-8")


def answer_draft(index: Index, viewer: Viewer, code: str, options: ProposalOptions) -> Draft:
    """Propose a draft's mapping again, with what a person says about it.

    Raises:
        NotFoundError: there is no such draft.
        InputError: an answer names no field or format.
    """
    draft = get_draft(index, viewer, code)
    folder = find_upload_folder(index, code)
    with _gone_is_not_found():
        _write(folder, draft.name, replace(options, sheet=draft.options.sheet))
    return get_draft(index, viewer, code)


def copy_draft(index: Index, viewer: Viewer, code: str, source: str, options: UploadOptions) -> Upload:
    """Make a file to load of a draft.

    It takes no space of its own where the disk has hard links. The draft stays until its file is loaded, see
    ``load_upload``.

    Args:
        index: the open index.
        viewer: whose draft it is.
        code: the draft.
        source: the source whose records it holds.
        options: how it is loaded.

    Raises:
        NotFoundError: there is no such draft.
        InputError: a column has a question that is not answered, or an option is wrong.
        MappingError: the mapping does not fit the file.
        FileError: the file cannot be read.
        AccessDenied: the viewer may not load files of the source.
    """
    require_permission(viewer, Action.LOAD, source)
    draft = get_draft(index, viewer, code)
    if draft.view.open_questions:
        raise InputError(f"{draft.view.open_questions} columns are not clear: answer what is asked")
    folder = find_upload_folder(index, code)
    upload = begin_upload(index, viewer)
    try:
        with _gone_is_not_found():
            upload.add_link(find_file(folder) or folder / "file")
            with upload.create_mapping() as target:
                target.write((folder / MAPPING_FILE).read_bytes())
        upload.finish(replace(options, draft=code), index.settings.max_upload_bytes)
    except BaseException:  # the caller does not know the copy yet, also at an interrupt
        upload.remove()
        raise
    return upload


def remove_draft(index: Index, viewer: Viewer, code: str) -> None:
    """Remove a draft with its file.

    Raises:
        NotFoundError: there is no such draft.
    """
    get_draft(index, viewer, code)
    Upload(find_upload_folder(index, code)).remove()


def remove_drafts(index: Index, account: str) -> None:
    """Remove all drafts of an account, as when its person signs out."""
    for folder in _list_folders(index, account):
        Upload(folder).remove()


def list_loadable_sources(index: Index, viewer: Viewer) -> list[tuple[str, str]]:
    """Return code and name of each source that takes the viewer's files.

    Raises:
        AccessDenied: the viewer may not load.
    """
    require_permission(viewer, Action.LOAD)
    with index.database.read(viewer) as unit:
        sources = unit.sources.all()
    return [
        (source.code, source.name)
        for source in sources
        if takes_files(source) and is_allowed_on(viewer, Action.LOAD, source.code)
    ]


def _write(folder: Path, name: str, options: ProposalOptions) -> None:
    """Propose a mapping, and store it with what it tells.

    Raises:
        InputError: an option is wrong.
        FileError: the file cannot be read, or has too many columns.
    """
    file = find_file(folder)
    if file is None:
        raise FileNotFoundError
    sample = replace(read_sample(file, options.sheet, _SAMPLE_ROWS), name=name)
    if len(sample.columns) > MAX_COLUMNS:
        raise InputError(
            f"the file has {len(sample.columns):,} columns, and this page takes {MAX_COLUMNS}: use mpi map"
        )
    proposal = propose_for_sample(sample, options, clock.now())
    content = {
        "shape": _SHAPE,
        "name": name,
        "options": asdict(options),
        "view": asdict(describe_proposal(proposal, options)),
    }
    _replace_file(folder / MAPPING_FILE, proposal.text.encode())
    _replace_file(folder / _DRAFT, orjson.dumps(content))


def _read(folder: Path) -> Draft | None:
    """Read a draft; None if there is none in this release's form."""
    path = folder / _DRAFT
    try:
        content = orjson.loads(path.read_bytes())
        used_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if content.get("shape") != _SHAPE:
        return None
    view: dict[str, Any] = content["view"]
    columns = tuple(ColumnView(**column) for column in view["columns"])
    options = ProposalOptions(**content["options"])
    return Draft(
        folder.name,
        content["name"],
        clock.format_timestamp(used_at),
        options,
        ProposalView(**{**view, "columns": columns}),
    )


def _make_tag(account: str) -> str:
    """Return what the folders of an account's drafts begin with."""
    return hashlib.sha256(account.encode()).hexdigest()[:_TAG_LENGTH]


def _list_folders(index: Index, account: str) -> list[Path]:
    """Return the folders of an account's drafts, also of arriving ones."""
    return list((index.home / FOLDER).glob(f"{_make_tag(account)}*"))


@contextmanager
def _gone_is_not_found() -> Iterator[None]:
    """Turn the absence of a draft's file into ``NotFoundError``."""
    try:
        yield
    except FileNotFoundError:
        raise NotFoundError(_GONE) from None


def _replace_file(path: Path, content: bytes) -> None:
    """Write a file for its owner alone, whole or not at all."""
    written = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    number = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE)
    with os.fdopen(number, "wb") as target:
        target.write(content)
    written.replace(path)
