"""Files of a pilot: how they are read, and their checksums."""

import hashlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mpi.cli.output import print_note
from mpi.cli.pilot.mapping_dialog import ask_unclear, leave_out_unclear, print_proposal_notes, show_columns
from mpi.domain import clock
from mpi.domain.errors import InputError
from mpi.domain.source import SourceKind
from mpi.intake.mapping_reader import load_mapping, parse_mapping
from mpi.intake.mapping_types import FileMapping
from mpi.intake.proposal.header_words import is_known_name
from mpi.intake.proposal.proposal import Proposal, ProposalOptions, propose_for_sample
from mpi.intake.proposal.sample import NO_HEADER, read_sample
from mpi.intake.reader import FileRows, detect_format, open_file
from mpi.standardize.fields.field_synonyms import suggest_field

_PIECE = 1 << 20
_FORMATS_WITHOUT_MAPPING = frozenset({"edfi", "afcars", "oneroster"})
_CARE_WORDS = ("removal", "placement", "case_id", "caseworker", "foster")
_SCHOOL_FIELDS = frozenset({"grade", "school_id", "district_id", "entry_date"})
_MAX_CODE_LENGTH = 32


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """What became of one column of a file.

    Args:
        column: its known name; else its position, as the name may be a value.
        target: field that it becomes; None for a column that is left out.
        reason: why.
    """

    column: str
    target: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class PilotFile:
    """One file of a pilot, as one source.

    Args:
        path: the file, or a folder of an Ed-Fi or OneRoster export.
        code: code of its source.
        kind: kind of its source.
        mapping: how it is read; None for a format of one meaning.
        mapping_text: TOML text of the mapping; None if there is none, or the person gave its file.
        mapping_name: file or name of a mapping that the person gave.
        sheet: sheet of a workbook.
        program: program that wrote it, if it is known.
        columns: what became of each column; empty without a proposal.
    """

    path: Path
    code: str
    kind: SourceKind
    mapping: FileMapping | None
    mapping_text: str | None = None
    mapping_name: str | None = None
    sheet: str | None = None
    program: str | None = None
    columns: tuple[ColumnUse, ...] = ()

    def open(self) -> FileRows:
        """Open the file, to read its rows once."""
        return open_file(self.path, self.mapping, None, None, self.sheet)


@dataclass(frozen=True, slots=True)
class PilotChoices:
    """What a person says about the files of a pilot.

    Args:
        kinds: kind of a source, by the file's name.
        mappings: mapping of a file, likewise.
        sheets: sheet of a workbook, likewise.
        state: two letters of the state that gives the student IDs.
        accepts: accept what is unclear, and ask nothing.
        leaves_out: leave out what is unclear, and ask nothing.
        is_quiet: print no table of columns.
    """

    kinds: Mapping[str, str]
    mappings: Mapping[str, str]
    sheets: Mapping[str, str]
    state: str | None = None
    accepts: bool = False
    leaves_out: bool = False
    is_quiet: bool = False


@dataclass(frozen=True, slots=True)
class FileDigest:
    """Checksum of a file or of all files of a folder.

    Args:
        name: name of the file.
        size_bytes: its size.
        sha256: SHA-256 of the content; of a folder, of the names and contents of its files.
    """

    name: str
    size_bytes: int
    sha256: str


def read_inputs(paths: Sequence[Path], choices: PilotChoices) -> list[PilotFile]:
    """Return how each file is read; ask about what is unclear.

    Raises:
        InputError: a file is missing, is given twice, or cannot be read as a table; or a choice names none.
    """
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: there is no such file")
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError("a file is given twice: give one file for each source")
    for named in (choices.kinds, choices.mappings, choices.sheets):
        _check_names(paths, named)
    codes: list[str] = []
    files = []
    for path in paths:
        codes.append(_choose_code(path, codes))
        files.append(_read_input(path, codes[-1], choices))
        files[-1].open()  # checks its columns
    return files


def parse_assignments(option: str, texts: Sequence[str]) -> dict[str, str]:
    """Return the values of ``NAME=VALUE`` options.

    Raises:
        InputError: a text has another form.
    """
    values = {}
    for text in texts:
        name, _, value = text.partition("=")
        if not name or not value:
            raise InputError(f"{option} {text}: write NAME={option.removeprefix('--').upper()}")
        values[name] = value
    return values


def compute_digest(path: Path) -> FileDigest:
    """Compute the checksum of a file, or of a folder's files."""
    digest, size = hashlib.sha256(), 0
    is_folder = path.is_dir()
    for file in sorted(each for each in path.rglob("*") if each.is_file()) if is_folder else [path]:
        if is_folder:
            digest.update(f"{file.relative_to(path)}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as content:
            while piece := content.read(_PIECE):
                digest.update(piece)
                size += len(piece)
    return FileDigest(path.name, size, digest.hexdigest())


def _check_names(paths: Sequence[Path], named: Mapping[str, str]) -> None:
    """Refuse a choice about a file that is not given."""
    known = {name for path in paths for name in (path.name, path.stem)}
    for name in named:
        if name not in known:
            near = suggest_field(name, sorted(known))
            raise InputError(f"no file is called {name!r}" + (f"; did you mean {near!r}?" if near else ""))


def _find_choice(path: Path, named: Mapping[str, str]) -> str | None:
    """Return the choice for a file, named with or without its ending."""
    return named.get(path.name, named.get(path.stem))


def _choose_code(path: Path, taken: Sequence[str]) -> str:
    """Return a source code for a file, from its name."""
    stem = path.name.split(".")[0]
    base = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")[:_MAX_CODE_LENGTH] or "source"
    numbered = (f"{base}_{number}" for number in range(2, len(taken) + 3))
    return base if base not in taken else next(code for code in numbered if code not in taken)


def _read_input(path: Path, code: str, choices: PilotChoices) -> PilotFile:
    """Return how one file is read."""
    kind_text = _find_choice(path, choices.kinds)
    sheet = _find_choice(path, choices.sheets)
    mapping_name = _find_choice(path, choices.mappings)
    kind = SourceKind.OTHER if kind_text is None else _read_kind(kind_text)
    if mapping_name is not None:
        mapping = load_mapping(mapping_name)
        return PilotFile(path, code, kind, mapping, mapping_name=mapping_name, sheet=sheet)
    if _has_one_meaning(path):
        sis = SourceKind.SIS if kind_text is None else kind
        return PilotFile(path, code, sis, None)
    sample = read_sample(path, sheet)
    if not any(is_known_name(column) for column in sample.columns):
        raise InputError(f"{path.name}: {NO_HEADER}, or write a mapping and give it with --mapping")
    options = ProposalOptions(sheet, None, choices.state)
    proposal = propose_for_sample(sample, options, clock.now())
    if not choices.is_quiet:
        show_columns(proposal)
    made = _make_choices(proposal, choices)
    if made:
        proposal = propose_for_sample(sample, replace(options, choices=made), clock.now())
    print_proposal_notes(proposal)
    if kind_text is None:
        kind = _guess_kind(proposal)
        print_note(f"{path.name}: taken as of kind {kind}; --kind {path.stem}=KIND says otherwise")
    return PilotFile(
        path,
        code,
        kind,
        parse_mapping(code, proposal.text),
        mapping_text=proposal.text,
        sheet=sheet,
        program=None if proposal.starter is None else proposal.starter.title,
        columns=_describe_columns(proposal),
    )


def _describe_columns(proposal: Proposal) -> tuple[ColumnUse, ...]:
    """Return what became of each column, without a name that nobody knows."""
    names = [
        each.column if is_known_name(each.column) else f"column {position}"
        for position, each in enumerate(proposal.columns, 1)
    ]
    uses = []
    for name, each in zip(names, proposal.columns, strict=True):
        is_beaten = each.reason.endswith(" is taken for it")  # it names the other column
        uses.append(
            ColumnUse(name, each.target, "another column is taken for it" if is_beaten else each.reason)
        )
    return tuple(uses)


def _read_kind(text: str) -> SourceKind:
    """Read the kind of a source."""
    allowed = (SourceKind.SIS, SourceKind.CCWIS, SourceKind.STATE_ID, SourceKind.OTHER)
    if text not in {kind.value for kind in allowed}:
        raise InputError(f"--kind: {text!r} is none of {', '.join(kind.value for kind in allowed)}")
    return SourceKind(text)


def _guess_kind(proposal: Proposal) -> SourceKind:
    """Guess from its columns which kind of system wrote a file."""
    if proposal.starter is not None:
        return SourceKind.CCWIS if proposal.starter.name == "ccwis" else SourceKind.SIS
    names = [column.column.lower().replace(" ", "_") for column in proposal.columns]
    if any(word in name for name in names for word in _CARE_WORDS):
        return SourceKind.CCWIS
    is_school = any(column.target in _SCHOOL_FIELDS for column in proposal.columns)
    return SourceKind.SIS if is_school else SourceKind.OTHER


def _has_one_meaning(path: Path) -> bool:
    """Return whether a file is of a format that takes no mapping."""
    is_candidate = path.is_dir() or path.suffix.lower() in {".xml", ".zip"}
    return is_candidate and detect_format(path) in _FORMATS_WITHOUT_MAPPING


def _make_choices(proposal: Proposal, choices: PilotChoices) -> dict[str, str]:
    """Return the choices about unclear columns: asked, left out, or none."""
    if choices.leaves_out:
        return leave_out_unclear(proposal)
    if choices.accepts or not sys.stdin.isatty():
        return {}
    return ask_unclear(proposal)
