"""Checks of statements about local IDs that need no stored data."""

from collections.abc import Sequence
from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.errors import InputError
from mpi.domain.source_merge import MAX_STATEMENTS, MergeKind, MergeStatement, join_errors
from mpi.service.resolution.source_assertions import STATED_MERGE, STATED_REUSE, STATED_SPLIT
from mpi.standardize.fields.scalars import parse_local_id, require_visible
from mpi.standardize.record_validation import refuse_ssn

ORIGIN_BY_KIND = {
    MergeKind.MERGE: STATED_MERGE,
    MergeKind.SPLIT: STATED_SPLIT,
    MergeKind.REUSE: STATED_REUSE,
}


@dataclass(frozen=True, slots=True)
class CheckedStatement:
    """A well-formed statement of a source about its local IDs.

    Args:
        kind: merge, split or reuse.
        local_ids: the old local ID, then the new one; the old one alone for a reuse.
        date: day on which it happened (ISO); None where the source does not say.
        place: where it was stated, for errors.
    """

    kind: MergeKind
    local_ids: tuple[str, ...]
    date: str | None
    place: str


def check_statements(statements: Sequence[MergeStatement]) -> list[CheckedStatement]:
    """Return the statements, if all are well-formed.

    Raises:
        InputError: there are none or too many, or some are wrong. The error names the place of each wrong
            one, up to ``MAX_LISTED_ERRORS``, and no value.
    """
    if not 0 < len(statements) <= MAX_STATEMENTS:
        raise InputError(f"merges: give 1 to {MAX_STATEMENTS:,} statements at a time")
    checked: list[CheckedStatement] = []
    errors: list[str] = []
    for statement in statements:
        try:
            checked.append(_check_statement(statement))
        except InputError as error:
            errors.append(f"{statement.place}: {error}")
    if errors:
        raise InputError(join_errors(errors))
    return checked


def _check_statement(statement: MergeStatement) -> CheckedStatement:
    """Return one statement, if it is well-formed.

    Raises:
        InputError: a member is wrong; the message does not show its value.
    """
    try:
        kind = MergeKind(statement.kind)
    except ValueError:
        raise InputError("kind: give merge, split or reuse") from None
    sent_ids = {"old_local_id": statement.old_local_id}
    if kind is MergeKind.REUSE:
        if statement.new_local_id is not None:
            raise InputError("new_local_id: leave it out, a reuse is about one local ID")
    elif statement.new_local_id is None:
        raise InputError("new_local_id: missing")
    else:
        sent_ids["new_local_id"] = statement.new_local_id
    local_ids = tuple(_check_local_id(name, text) for name, text in sent_ids.items())
    if len(set(local_ids)) != len(local_ids):
        raise InputError("new_local_id: it is the old local ID")
    return CheckedStatement(kind, local_ids, _check_day(statement.date), statement.place)


def _check_local_id(name: str, text: str) -> str:
    """Return a local ID as records have it."""
    try:
        local_id = parse_local_id(text)
        require_visible(local_id)
        refuse_ssn("local_id", local_id)
    except InputError as error:
        raise InputError(str(error).replace("local_id", name, 1)) from None
    return local_id


def _check_day(text: str | None) -> str | None:
    """Return a past or present day."""
    if text is None:
        return None
    day = clock.parse_day(text, "date").isoformat()
    if day > clock.today():
        raise InputError("date: it is a day to come")
    return day
