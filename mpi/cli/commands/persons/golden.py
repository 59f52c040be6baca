"""Commands ``mpi golden`` and ``mpi correct``: the golden record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from mpi.cli.command_session import open_session
from mpi.cli.commands.stewardship.decide import Note, Preview, Reason
from mpi.cli.commands.stewardship.merge import IfMatch
from mpi.cli.effect_view import show_effect
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table
from mpi.cli.record_references import format_group
from mpi.domain.errors import InputError

if TYPE_CHECKING:
    from mpi.service.persons.golden_record import GoldenRecord, GoldenValue

_OBJECT_ATTRIBUTE = "birth_place"

Eid = Annotated[str, typer.Argument(metavar="EID", help="Case, hyphens and spaces do not matter.")]


def run(eid: Eid, as_json: JsonFlag = False) -> None:
    """Show the golden record of a person.

    The golden record is computed from all records of the person. A retired ID has no values, but names the
    persons that have its records.
    """
    from mpi.service.persons import golden_record

    with open_session(for_look_up=True) as session:
        view = golden_record.look_up_golden_record(session.index, session.viewer, eid)
    if as_json:
        print_json(asdict(view))
    else:
        _show_golden_record(view)


def correct(
    eid: Eid,
    attribute: Annotated[str, typer.Argument(help="Such as birth_date (docs/reference/golden-record.md).")],
    value: Annotated[str, typer.Argument(help="Correct value; for birth_place a JSON object of its fields.")],
    reason: Reason,
    note: Note = None,
    if_match: IfMatch = None,
    preview: Preview = False,
    as_json: JsonFlag = False,
) -> None:
    """Correct a value of a person's golden record.

    --note is required and names the evidence. Undo a correction with mpi undo STEP --step.
    """
    from mpi.service.stewardship import corrections, merge_split_move

    expected = None if if_match is None else (if_match.strip(' "'),)
    step_reason = merge_split_move.StepOptions(reason, note, expected_etags=expected, preview=preview)
    with open_session() as session:
        effect = corrections.correct_value(
            session.index, session.viewer, eid, attribute, _parse_value(attribute, value), step_reason
        )
    show_effect(effect, as_json=as_json)


def _parse_value(attribute: str, text: str) -> object:
    """Parse a steward's corrected value of an attribute.

    A birth place is a JSON object.
    """
    if attribute != _OBJECT_ATTRIBUTE:
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InputError(f"VALUE: of {_OBJECT_ATTRIBUTE} give a JSON object of its fields") from None


def _show_golden_record(record: GoldenRecord) -> None:
    """Print a golden record as tables."""
    facts = {"enterprise ID": record.enterprise_id, "status": record.status, "etag": record.etag}
    print_facts(facts if record.values else {**facts, "now": record.now or "gone: nobody holds its records"})
    if record.values:
        print_table(
            ("attribute", "value", "of", "because", "others"),
            [_format_row(golden_value) for golden_value in record.values],
        )
    for value in record.values:
        if value.correction is not None:
            correction = value.correction
            evidence = f", on: {correction.evidence}" if correction.evidence else ""
            print_note(
                f"{value.attribute} was corrected by {correction.by} ({correction.reason}), "
                f"step {correction.step}{evidence}"
            )


def _format_row(value: GoldenValue) -> tuple[object, ...]:
    """Return the table row of one attribute of a golden record."""
    from mpi.service.explanations import wording

    others = "; ".join(
        f"{_format_value(alternative.value)} ({format_group([alternative.record])})"
        for alternative in value.others
    )
    records = format_group([value.record, *value.agreeing])
    return value.attribute, _format_value(value.value), records, wording.describe_rule(value.rule), others


def _format_value(value: object) -> str:
    """Format a value of a golden record in one line."""
    if isinstance(value, Mapping):
        return ", ".join(str(part) for part in value.values())
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
