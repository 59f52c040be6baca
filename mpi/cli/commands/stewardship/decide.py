"""``mpi decide`` and ``mpi decisions``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.effect_view import show_effect
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table
from mpi.cli.record_references import format_group, parse_record_groups
from mpi.domain.decision import DecisionKind

if TYPE_CHECKING:
    from mpi.service.stewardship.decisions import DecisionView

Reason = Annotated[str, typer.Option(help="A code, such as same-child, sibling or twin.")]
Note = Annotated[str | None, typer.Option(help="Free text, kept apart so that it can be expunged.")]
Supersedes = Annotated[
    list[int] | None, typer.Option(metavar="NUMBER", help="A decision to replace; may be repeated.")
]
Preview = Annotated[bool, typer.Option("--preview", help="Say what it would do, and change nothing.")]
Records = Annotated[
    list[str], typer.Argument(metavar="SOURCE:LOCAL_ID…", help="Records; / begins another group.")
]


def run(  # noqa: PLR0913, PLR0917 - one argument an option
    kind: Annotated[DecisionKind, typer.Argument(help="SAME, DIFFERENT or UNSURE.")],
    records: Records,
    reason: Reason,
    note_text: Annotated[str | None, typer.Option("--note", help="Free text, kept apart.")] = None,
    effective_from: Annotated[str | None, typer.Option(metavar="DATE", help="Binds from then on.")] = None,
    recheck_on: Annotated[str | None, typer.Option(metavar="DATE", help="Asks again from then on.")] = None,
    supersedes: Supersedes = None,
    claim: Annotated[bool, typer.Option("--claim", help="Only report it, for a steward to decide.")] = False,
    preview: Preview = False,
    as_json: JsonFlag = False,
) -> None:
    """Decide that records are one person, or not, or unsure.

    SAME and UNSURE take one group of records, DIFFERENT two or more.
    """
    from mpi.service.stewardship import decisions

    asked = decisions.DecisionRequest(
        kind,
        parse_record_groups(records),
        reason,
        effective_from,
        recheck_on,
        note_text,
        tuple(supersedes or ()),
    )
    if claim:
        with open_session() as session:
            number = decisions.report_link(session.index, session.viewer, asked)
        if as_json:
            print_json({"claim": number})
        else:
            print_facts({"claim": number})
        return
    with open_session() as session:
        effect = decisions.decide(session.index, session.viewer, asked, preview=preview)
    show_effect(effect, as_json=as_json)


def show(
    number: Annotated[int | None, typer.Argument(help="One decision, with its evidence.")] = None,
    due: Annotated[bool, typer.Option("--due", help="First put in force what is due by now.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """List decisions, or show one with its evidence."""
    from mpi.service.stewardship import decisions, deferred_steps

    with open_session() as session:
        if due:
            print_note(
                f"{deferred_steps.apply_due_decisions(session.index, session.viewer):,} decisions put in force"
            )
        if number is not None:
            found = decisions.get_decision(session.index, session.viewer, number)
            _show_decision(found, as_json=as_json)
            return
        listed = decisions.list_decisions(session.index, session.viewer, None, limit)
    if as_json:
        print_json([asdict(one) for one in listed])
        return
    print_table(
        ("decision", "kind", "status", "authority", "by", "at", "reason", "records"),
        [
            (
                one.id,
                one.kind.value,
                _format_status(one),
                one.authority,
                one.by,
                one.at[:19],
                one.reason,
                _format_groups(one),
            )
            for one in listed
        ],
    )


def _show_decision(found: DecisionView, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(found))
        return
    print_facts(
        {
            "decision": found.id,
            "kind": found.kind.value,
            "status": _format_status(found),
            "authority": found.authority,
            "by": found.by,
            "at": found.at,
            "reason": found.reason,
            "note": found.notes,
            "records": _format_groups(found),
            "recheck on": found.recheck_on,
            "supersedes": found.supersedes,
            "step": found.step,
            "consents": tuple(f"{each.source}: {each.status}" for each in found.consents),
            "model": found.evidence["model"],
        }
    )
    print_table(
        ("pair", "bits", "levels"),
        [
            (
                format_group(pair["records"]),
                pair["match_weight"],
                ", ".join(f"{name}: {level}" for name, level in pair["levels"].items()),
            )
            for pair in found.evidence["pairs"]
        ],
    )


def _format_status(found: DecisionView) -> str:
    return "suspended" if found.suspended else found.status


def _format_groups(found: DecisionView) -> str:
    return " / ".join(format_group(group) for group in found.groups)
