"""What a proposed mapping tells its person: columns, questions and counts.

It holds no value of the file but codes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpi.intake.proposal.columns import ColumnProposal, Question, has_codes
from mpi.intake.proposal.proposal import Proposal, ProposalOptions
from mpi.intake.proposal.sample import Sample
from mpi.intake.proposal.value_forms import (
    DATE_FIELDS,
    is_unknown_code,
    list_codes,
    list_possible_formats,
)


@dataclass(frozen=True, slots=True)
class ColumnView:
    """A column of a proposal.

    Args:
        column: name of the column.
        target: what it means; None if it is left out.
        confidence: from 0 to 1.
        reason: why, in some words.
        filled: rows of the sample that have a value.
        shapes: commonest shapes of the values.
        date_format: format of its dates; None for ISO dates and other columns.
        date_formats: formats in which its dates can be read.
        codes: its codes that mean nothing known, with what they were said to mean; None for an open one.
        question: what a person should answer: ``field``, ``dates`` or ``codes``; None for nothing.
    """

    column: str
    target: str | None
    confidence: float
    reason: str
    filled: int
    shapes: tuple[str, ...]
    date_format: str | None
    date_formats: tuple[str, ...]
    codes: Mapping[str, str | None]
    question: str | None


@dataclass(frozen=True, slots=True)
class ProposalView:
    """What a proposal tells of its file.

    Args:
        form: format of the file, in words.
        starter: name of the program that wrote it; None if it is not known.
        columns: its columns.
        rows: rows that were looked at.
        is_whole: whether these are all rows.
        accepted: rows that would be accepted.
        rejects: reasons for which rows would be rejected, with the number of rows.
        issues: fields and codes of quality issues, with the number of rows.
        unread: totals, and rows that could not be read.
        lacks_local_id: whether no column tells the rows apart.
        lacks_state: whether it is not known which state gives the student IDs.
    """

    form: str
    starter: str | None
    columns: tuple[ColumnView, ...]
    rows: int
    is_whole: bool
    accepted: int
    rejects: tuple[tuple[str, int], ...]
    issues: tuple[tuple[str, int], ...]
    unread: int
    lacks_local_id: bool
    lacks_state: bool

    @property
    def open_questions(self) -> int:
        """Number of columns about which a person should answer something."""
        return sum(column.question is not None for column in self.columns)


def describe_proposal(proposal: Proposal, options: ProposalOptions) -> ProposalView:
    """Return what a proposal tells its person."""
    profile, sample = proposal.profile, proposal.sample
    return ProposalView(
        form=sample.form.describe(),
        starter=None if proposal.starter is None else proposal.starter.title,
        columns=tuple(
            _describe_column(sample, position, column, options)
            for position, column in enumerate(proposal.columns)
        ),
        rows=profile.rows,
        is_whole=sample.is_whole,
        accepted=profile.accepted,
        rejects=tuple(profile.rejects),
        issues=tuple((f"{name}: {code}", count) for name, code, count in profile.issues),
        unread=sample.unread,
        lacks_local_id=proposal.lacks_local_id,
        lacks_state=proposal.lacks_state,
    )


def _describe_column(
    sample: Sample, position: int, column: ColumnProposal, options: ProposalOptions
) -> ColumnView:
    """Return what a column tells, and what can be answered about it."""
    target = column.target or ""
    texts = sample.list_texts(position) if target in DATE_FIELDS or has_codes(target) else []
    codes = _list_open_codes(texts, column, options) if has_codes(target) else {}
    return ColumnView(
        column=column.column,
        target=column.target,
        confidence=column.confidence,
        reason=column.reason,
        filled=column.filled,
        shapes=column.shapes,
        date_format=next(iter(column.date_formats), None),
        date_formats=tuple(list_possible_formats(texts)) if target in DATE_FIELDS and texts else (),
        codes=codes,
        question=_find_question(column, codes),
    )


def _list_open_codes(
    texts: Sequence[str], column: ColumnProposal, options: ProposalOptions
) -> dict[str, str | None]:
    """Return the unknown codes, with what they were said to mean."""
    meanings = {**(column.codes or {}), **(options.codes or {}).get(column.column, {})}
    unknown = [code for code in list_codes(texts) if is_unknown_code(column.target or "", code)]
    return {code: meanings.get(code) for code in unknown}


def _find_question(column: ColumnProposal, codes: Mapping[str, str | None]) -> str | None:
    """Return what a person should answer about a column; None for nothing."""
    if column.target is None:
        return None
    if None in codes.values():
        return Question.CODES.value
    if column.question is Question.DATES:
        return Question.DATES.value
    # Codes that are too many to be shown can only be left out, or taken as they are.
    return Question.FIELD.value if column.is_unclear else None
