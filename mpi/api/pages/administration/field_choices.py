"""Choices of a column's field, date format and codes on the pages."""

from collections.abc import Container, Mapping, Sequence
from datetime import datetime

from mpi.api.pages.rendering.page_texts import load_words
from mpi.api.request.forms import Form
from mpi.domain.errors import InputError
from mpi.domain.viewer import NAMED_POPULATIONS
from mpi.intake.proposal.columns import Question
from mpi.intake.proposal.proposal import ProposalOptions
from mpi.intake.proposal.proposal_view import ColumnView, ProposalView
from mpi.intake.proposal.starters import IGNORE
from mpi.standardize.fields.codes import STATE_CODES

_EXAMPLE = datetime(2013, 3, 4, 15, 30)  # noqa: DTZ001 - a file's dates have no time zone
_FIELDS: Mapping[str, Sequence[str]] = {
    "child": (
        "local_id", "first_name", "middle_name", "last_name", "full_name", "suffix", "preferred_name",
        "birth_date", "sex", "ssn", "ssn_last4", "birth_city", "birth_state", "birth_country",
        "multiple_birth", "birth_order", "race", "ethnicity", "death_date",
    ),
    "numbers": (
        "identifiers.state_student_id", "identifiers.medicaid_id", "identifiers.ccwis_person_id",
    ),
    "home": (
        "address_line1", "address_line2", "city", "state", "postal_code", "county", "phone", "email",
    ),
    "caregiver": (
        "guardian_full_name", "guardian_first_name", "guardian_last_name", "guardian_relationship",
    ),
    "school": ("school_id", "district_id", "grade", "entry_date", "exit_date"),
    "populations": tuple(f"flags.{population}" for population in sorted(NAMED_POPULATIONS)),
}  # fmt: skip
"""Fields that a column may become, by group."""
_TARGETS = frozenset(target for targets in _FIELDS.values() for target in targets) | {IGNORE}
NO_MEANING = "none"
"""Choice for a code that means nothing."""
CODES = {"flags": ("Y", "N", "U", NO_MEANING), "sex": ("M", "F", "X", NO_MEANING)}
"""What a code may mean, by kind of field."""


def list_fields(column: ColumnView) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return a column's possible fields, in groups, with codes and names."""
    groups = [
        (load_words().files.group[group], [(target, name_field(target)) for target in targets])
        for group, targets in _FIELDS.items()
    ]
    target = column.target
    if target is not None and target not in _TARGETS:
        groups.insert(0, (load_words().files.group.own, [(target, name_field(target))]))
    return groups


def name_field(target: str) -> str:
    """Return the name of what a column becomes."""
    words = load_words()
    text: str = words.files.target.maybe(target) or words.field.of(target.rpartition(".")[2])
    return text


def describe_format(name: str) -> str:
    """Return a date as a format writes it, with its meaning."""
    written = _EXAMPLE.strftime(name)
    text: str = load_words().files.date_is
    return text.format(written=written)


def list_code_choices(column: ColumnView) -> tuple[str, ...]:
    """Return what a code of a column may mean."""
    return CODES["flags" if (column.target or "").startswith("flags.") else "sex"]


def read_answers(view: ProposalView, options: ProposalOptions, form: Form) -> ProposalOptions:
    """Return a form's answers about a file, added to earlier ones.

    A list that shows what was guessed is no answer until it is changed. An open question has no guess chosen.

    Raises:
        InputError: a value is none of the choices.
    """
    choices, dates = dict(options.choices or {}), dict(options.date_formats or {})
    codes = {column: dict(meanings) for column, meanings in (options.codes or {}).items()}
    for position, column in enumerate(view.columns):
        chosen = form.optional_text(f"field-{position}")
        if chosen is not None and chosen != (column.target or IGNORE):
            _check_choice(chosen, _TARGETS)
            choices[column.column] = chosen
            dates.pop(column.column, None)
            codes.pop(column.column, None)
            continue
        if chosen is not None and column.question == Question.FIELD:
            choices[column.column] = chosen
        date_format = form.optional_text(f"date-{position}")
        if date_format is not None and (
            date_format != column.date_format or column.question == Question.DATES
        ):
            _check_choice(date_format, column.date_formats)
            dates[column.column] = date_format
        meanings = _read_codes(column, position, form)
        if meanings:
            codes[column.column] = codes.get(column.column, {}) | meanings
    return ProposalOptions(options.sheet, options.starter, _read_state(form, options), choices, dates, codes)


def _read_codes(column: ColumnView, position: int, form: Form) -> dict[str, str]:
    """Return what a form says a column's codes mean, by code."""
    meanings = {}
    for place, (code, shown) in enumerate(column.codes.items()):
        chosen = form.optional_text(f"code-{position}-{place}")
        if chosen is not None:
            _check_choice(chosen, list_code_choices(column))
            meaning = "" if chosen == NO_MEANING else chosen
            if meaning != shown:
                meanings[code] = meaning
    return meanings


def _read_state(form: Form, options: ProposalOptions) -> str | None:
    """Return the state that gives student IDs, as a form says it."""
    state = form.optional_text("state")
    if state is None:
        return options.state
    _check_choice(state, STATE_CODES)
    return state


def _check_choice(value: str, known: Container[str]) -> None:
    """Refuse a value that no list of the page has."""
    if value not in known:
        raise InputError("choose one of the list")
