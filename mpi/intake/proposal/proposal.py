"""Proposal of a mapping for an unknown file, checked against the file."""

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mpi.domain.errors import InputError
from mpi.domain.keyed_hash import SECRET_BYTES, KeyedHash
from mpi.domain.record import SENT_FIELDS
from mpi.intake.columns import check_columns
from mpi.intake.file_profile import FileProfile, profile_rows
from mpi.intake.mapping_reader import parse_mapping
from mpi.intake.mapping_types import FileMapping
from mpi.intake.projection import Projection
from mpi.intake.proposal.columns import Answers, ColumnProposal, propose_columns
from mpi.intake.proposal.mapping_text import write_mapping
from mpi.intake.proposal.sample import Sample, read_sample
from mpi.intake.proposal.starters import IGNORE, Starter, choose_starter
from mpi.intake.rows import CanonicalRow
from mpi.standardize.fields.codes import STATE_CODES, parse_state
from mpi.standardize.fields.field_synonyms import suggest_field

UNKNOWN_ASSIGNER = "state"
"""Assigner of state student IDs where the state is not known."""
_MOST = 0.8
_FIELDS = frozenset({*SENT_FIELDS, "full_name", IGNORE})


@dataclass(frozen=True, slots=True)
class ProposalOptions:
    """What a person says about a file.

    Args:
        sheet: sheet of a workbook; None for the only one.
        starter: name of the program that wrote the file; None to tell it from the columns.
        state: two letters of the state that gives student IDs; None to tell it from the addresses.
        choices: target of columns; ``ignore`` leaves a column out.
        date_formats: format of the dates of columns.
        codes: what the codes of columns mean.
    """

    sheet: str | None = None
    starter: str | None = None
    state: str | None = None
    choices: Mapping[str, str] | None = None
    date_formats: Mapping[str, str] | None = None
    codes: Mapping[str, Mapping[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed mapping.

    Args:
        sample: the rows that were looked at.
        starter: the program that wrote the file, if it is known.
        columns: what each column means.
        assigner: who gives state student IDs.
        text: the mapping, as a file holds it.
        profile: what loading the sample would accept and reject.
    """

    sample: Sample
    starter: Starter | None
    columns: Sequence[ColumnProposal]
    assigner: str
    text: str
    profile: FileProfile

    @property
    def lacks_local_id(self) -> bool:
        """Whether no column tells the rows apart."""
        return all(column.target != "local_id" for column in self.columns)

    @property
    def lacks_state(self) -> bool:
        """Whether the mapping holds state student IDs of an unknown state."""
        has_ids = any(column.target == "identifiers.state_student_id" for column in self.columns)
        return has_ids and self.assigner == UNKNOWN_ASSIGNER


def propose_mapping(path: Path, options: ProposalOptions, now: datetime) -> Proposal:
    """Propose a mapping for a file.

    Args:
        path: the file.
        options: what a person says about it.
        now: the present time.

    Raises:
        FileError: the file cannot be read as a table.
        InputError: an option names no starter, state, column or field.
    """
    return propose_for_sample(read_sample(path, options.sheet), options, now)


def propose_for_sample(sample: Sample, options: ProposalOptions, now: datetime) -> Proposal:
    """Propose a mapping for a file that was sampled before.

    Raises:
        InputError: an option names no starter, state, column or field.
    """
    starter = choose_starter(sample.columns, options.starter)
    answers = Answers(options.choices or {}, options.date_formats or {}, options.codes or {})
    _check_choices(sample, answers.targets)
    columns = propose_columns(sample, starter, answers, now.date())
    assigner = _choose_assigner(sample, columns, options.state)
    title = starter.title if starter else None
    text = write_mapping(sample.name, sample.form, columns, assigner, title)
    mapping = parse_mapping("proposal", text)
    check_columns(mapping, sample.columns, complete=True)
    profile = profile_rows(_project(sample, mapping), KeyedHash(secrets.token_bytes(SECRET_BYTES)), now)
    return Proposal(sample, starter, columns, assigner, text, profile)


def _project(sample: Sample, mapping: FileMapping) -> Iterator[CanonicalRow]:
    """Yield the rows of a sample as the mapping reads them."""
    projection = Projection(mapping, sample.columns)
    return (projection.project(row) for row in sample.rows)


def _check_choices(sample: Sample, choices: Mapping[str, str]) -> None:
    """Refuse choices of columns or fields that do not exist."""
    for column, target in choices.items():
        if column not in sample.columns:
            near = suggest_field(column, sample.columns)
            raise InputError(
                f"the file has no column {column!r}" + (f"; did you mean {near!r}?" if near else "")
            )
        head = target.partition(".")[0]
        if target not in _FIELDS and head not in {"identifiers", "flags", "guardians"}:
            near = suggest_field(target, _FIELDS)
            raise InputError(
                f"{target!r} is no field" + (f"; did you mean {near!r}?" if near else "; see mpi map --help")
            )


def _choose_assigner(sample: Sample, columns: Sequence[ColumnProposal], state: str | None) -> str:
    """Return who gives state student IDs: the state of nearly all addresses."""
    if state is not None:
        code = parse_state(state)
        if code not in STATE_CODES:
            raise InputError(f"--state: {state!r} is no state of the United States; give its two letters")
        return code
    for position, column in enumerate(columns):
        if column.target == "state":
            counts = Counter(map(parse_state, sample.list_texts(position)))
            code, count = max(counts.items(), key=lambda item: item[1], default=(None, 0))
            if code in STATE_CODES and count >= _MOST * counts.total():
                return str(code)
    return UNKNOWN_ASSIGNER
