"""Proposals of what each column of a sample means."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from mpi.intake.proposal.header_words import Meaning, read_header
from mpi.intake.proposal.sample import Sample
from mpi.intake.proposal.starters import IGNORE, Starter
from mpi.intake.proposal.value_forms import (
    DATE_FIELDS,
    complete_codes,
    find_form,
    get_first_birth_year,
    has_short_year,
    is_day_number,
    list_common_shapes,
    list_date_formats,
    make_flag_codes,
    rate_form,
)
from mpi.standardize.text_folding import squeeze

CLEAR = 0.8
"""Confidence from which a column is clear."""

_STARTER = 0.99
_CHOSEN = 1.0
_CHOICE = "chosen"
_BY_FORM = 0.6
_LAST_RESORT = 0.5
_HALF = 0.5
_NEARLY_ALL = 0.99
_MONTH_FIRST = 0.75
_GUARDIANS, _FLAGS = "guardians.", "flags."
_ID_WORDS = ("ID", "NUMBER", "KEY", "NUM", "NBR", "CODE")


class Question(StrEnum):
    """What a person should be asked about a column."""

    FIELD = "field"
    DATES = "dates"
    CODES = "codes"


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person says about columns.

    A chosen date format or code does not say that the field is right.

    Args:
        targets: target of columns; ``ignore`` leaves one out.
        date_formats: format of the dates of columns.
        codes: what the codes of columns mean.
    """

    targets: Mapping[str, str] = field(default_factory=dict)
    date_formats: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ColumnProposal:
    """What a column probably means.

    Args:
        column: name of the column.
        target: as in ``Meaning``; None for a column that is left out.
        confidence: from 0 to 1.
        reason: why, in some words.
        filled: rows of the sample that have a value.
        shapes: commonest shapes of the values, without their letters and digits.
        date_formats: formats of a date, besides ISO.
        first_year: earliest year of a date with two digits for the year.
        codes: value of each code that has to be translated.
        relationship: of a guardian, as the column's name says it.
        question: what is unclear, if the confidence is low. The order of day and month is unclear also where
            a person has chosen the field alone.
    """

    column: str
    target: str | None
    confidence: float
    reason: str
    filled: int = 0
    shapes: tuple[str, ...] = ()
    date_formats: tuple[str, ...] = ()
    first_year: int | None = None
    codes: Mapping[str, str] | None = None
    relationship: str | None = None
    question: Question = Question.FIELD

    @property
    def is_unclear(self) -> bool:
        """Whether a person should be asked."""
        return self.target is not None and self.confidence < CLEAR

    def leave_out(self, reason: str) -> "ColumnProposal":
        """Return the proposal of leaving the column out."""
        return replace(self, target=None, confidence=1.0, reason=reason, codes=None, date_formats=())


def propose_columns(
    sample: Sample, starter: Starter | None, answers: Answers, today: date
) -> list[ColumnProposal]:
    """Return what each column of a sample probably means, in order.

    Args:
        sample: the first rows of a file.
        starter: the program that wrote the file, if it is known.
        answers: what a person says about columns.
        today: the day, for years of two digits.
    """
    proposals = [
        _propose(column, sample.list_texts(position), _find_meaning(column, starter, answers), answers, today)
        for position, column in enumerate(sample.columns)
    ]
    _choose_local_id(sample, proposals)
    _leave_out_repeated(proposals)
    return proposals


def _find_meaning(column: str, starter: Starter | None, answers: Answers) -> Meaning:
    """Return what a column means by choice, program or name."""
    by_name = read_header(column)
    chosen = answers.targets.get(column)
    if chosen is not None:
        return Meaning(chosen, _CHOSEN, _CHOICE, by_name.relationship)
    target = None if starter is None else starter.targets.get(squeeze(column))
    if target is not None and starter is not None:
        return Meaning(target, _STARTER, f"a column of {starter.title}", by_name.relationship)
    return by_name


def _propose(
    column: str, texts: Sequence[str], meaning: Meaning, answers: Answers, today: date
) -> ColumnProposal:
    """Return the proposal of one column, from its meaning and its values."""
    base = ColumnProposal(
        column,
        meaning.target,
        meaning.confidence,
        meaning.reason,
        len(texts),
        tuple(list_common_shapes(texts)),
        relationship=meaning.relationship,
    )
    if meaning.target == IGNORE:
        return base.leave_out(meaning.reason)
    if meaning.target is None:
        form = None if meaning.confidence else find_form(texts)
        if form is None:
            return base.leave_out(meaning.reason)
        return replace(base, target=form, confidence=_BY_FORM, reason="by the form of its values")
    return _check_values(base, meaning.target, texts, answers, today) if texts else base


def _check_values(
    base: ColumnProposal, target: str, texts: Sequence[str], answers: Answers, today: date
) -> ColumnProposal:
    """Return the proposal as the column's values bear it out."""
    if target in DATE_FIELDS:
        return _propose_dates(base, texts, answers.date_formats.get(base.column), today)
    is_chosen = base.confidence == _CHOSEN
    chosen_codes = answers.codes.get(base.column) if has_codes(target) else None
    if target.startswith(_FLAGS):
        codes, unknown = make_flag_codes(texts)
        if unknown and not is_chosen and chosen_codes is None:
            return replace(
                base,
                confidence=_HALF,
                reason=f"{len(unknown)} of its codes are not yes or no",
                question=Question.CODES,
            )
        if chosen_codes is None:
            return replace(base, codes=codes or None)
    if chosen_codes is not None:
        chosen_codes = complete_codes(target, texts, chosen_codes)
        return replace(base, codes=chosen_codes or None)
    share = rate_form(target.rpartition(".")[2], texts)
    if share is not None and share < _HALF and not is_chosen:
        reason = f"{base.reason}, but of another form"
        return replace(base, confidence=base.confidence * _HALF, reason=reason)
    return base


def _propose_dates(
    base: ColumnProposal, texts: Sequence[str], chosen_format: str | None, today: date
) -> ColumnProposal:
    """Return the proposal of a column of dates."""
    if is_day_number(texts) and chosen_format is None:
        return replace(
            base,
            confidence=_HALF * _HALF,
            reason="numbers of days as a spreadsheet counts them: format the column as a date",
        )
    formats, share, is_ambiguous = list_date_formats(texts, chosen_format)
    first_year = (
        get_first_birth_year(today) if base.target == "birth_date" and has_short_year(formats) else None
    )
    dated = replace(base, date_formats=tuple(formats), first_year=first_year)
    if share < _HALF and base.confidence < _CHOSEN:
        return replace(dated, confidence=_HALF * share, reason="most of its values are no dates")
    if chosen_format is not None or not is_ambiguous:
        return dated
    asked = replace(dated, question=Question.DATES)
    if base.confidence == _CHOSEN:
        return asked
    confidence = min(base.confidence, _MONTH_FIRST)
    return replace(asked, confidence=confidence, reason="month first, or day first?")


def _choose_local_id(sample: Sample, proposals: list[ColumnProposal]) -> None:
    """Choose the column of local IDs among those that could be it."""
    rated = []
    for position, proposal in enumerate(proposals):
        is_named = proposal.target == "local_id"
        looks_like_id = proposal.target is None and squeeze(proposal.column).endswith(_ID_WORDS)
        if not (is_named or looks_like_id):
            continue
        share = _rate_key(sample.list_texts(position), len(sample.rows))
        rated.append((proposal.confidence == _CHOSEN and is_named, share, is_named, -position))
    best = max((rate for rate in rated if rate[0] or rate[1] >= _NEARLY_ALL), default=None)
    best = best or max((rate for rate in rated if rate[2]), default=None)
    for position, proposal in enumerate(proposals):
        if best is not None and position == -best[3]:
            is_key = best[1] >= _NEARLY_ALL
            proposals[position] = (
                replace(
                    proposal,
                    target="local_id",
                    confidence=max(proposal.confidence if best[2] else 0, _LAST_RESORT),
                    reason=proposal.reason if best[2] else "each row has another value",
                )
                if is_key
                else replace(
                    proposal, confidence=_HALF * proposal.confidence, reason="but rows share its values"
                )
            )
        elif proposal.target == "local_id":
            proposals[position] = proposal.leave_out("another column is the local ID")


def _rate_key(texts: Sequence[str], rows: int) -> float:
    """Return the share of rows that a column tells apart."""
    return len(set(texts)) / max(1, rows)


def _leave_out_repeated(proposals: list[ColumnProposal]) -> None:
    """Keep one column for each field.

    Names are kept either whole or in parts.
    """
    targets = {proposal.target for proposal in proposals}
    has_names = {"first_name", "last_name"} <= targets
    groups = sorted({_get_group(target) for target in targets if target and target.startswith(_GUARDIANS)})
    for position, proposal in enumerate(proposals):
        target = proposal.target
        if target is None:
            continue
        if target == "full_name" and has_names:
            proposals[position] = proposal.leave_out("the first and last name have columns of their own")
        elif target.startswith("guardian_") and groups:
            proposals[position] = proposal.leave_out("guardians have columns of their own")
        elif (best := _pick_best(proposals, target)) is not proposal:
            proposals[position] = proposal.leave_out(f"{best.column!r} is taken for it")


def _pick_best(proposals: Iterable[ColumnProposal], target: str) -> ColumnProposal:
    """Return the column that is likeliest to mean a field."""
    same = [proposal for proposal in proposals if proposal.target == target]
    return max(same, key=lambda proposal: (proposal.confidence, proposal.filled))


def _get_group(target: str) -> str:
    """Return the part of a target that identifies the guardian."""
    return target.split(".")[1]


def has_codes(target: str) -> bool:
    """Return whether a field has codes that a person may translate."""
    return target == "sex" or target.startswith(_FLAGS)


def list_unclear(proposals: Iterable[ColumnProposal]) -> list[ColumnProposal]:
    """Return the columns about which a person should be asked."""
    return [proposal for proposal in proposals if proposal.is_unclear]
