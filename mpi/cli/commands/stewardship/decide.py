"""Commands ``mpi decide`` and ``mpi decisions``."""

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
Note = Annotated[str | None, typer.Option(help="Free text; it can be expunged.")]
Supersedes = Annotated[
    list[int] | None, typer.Option(metavar="NUMBER", help="A decision to replace; may be repeated.")
]
Preview = Annotated[bool, typer.Option("--preview", help="Show the effect without changing anything.")]
Records = Annotated[
    list[str], typer.Argument(metavar="SOURCE:LOCAL_ID…", help="Records; / separates groups.")
]


def run(
    kind: Annotated[DecisionKind, typer.Argument(help="SAME, DIFFERENT or UNSURE.")],
    records: Records,
    reason: Reason,
    note_text: Annotated[str | None, typer.Option("--note", help="Free text; it can be expunged.")] = None,
    effective_from: Annotated[
        str | None, typer.Option(metavar="DATE", help="Day from which the decision is in force.")
    ] = None,
    recheck_on: Annotated[
        str | None, typer.Option(metavar="DATE", help="Day from which a task asks to check the decision.")
    ] = None,
    supersedes: Supersedes = None,
    claim: Annotated[bool, typer.Option("--claim", help="Report it only, for a steward to decide.")] = False,
    preview: Preview = False,
    as_json: JsonFlag = False,
) -> None:
    """Decide whether records describe one person.

    SAME and UNSURE take one group of records, DIFFERENT two or more.
    """
    from mpi.service.stewardship import decisions

    request = decisions.DecisionRequest(
        kind=kind,
        groups=parse_record_groups(records),
        reason=reason,
        effective_from=effective_from,
        recheck_on=recheck_on,
        note=note_text,
        supersedes=tuple(supersedes or ()),
    )
    if claim:
        with open_session() as session:
            number = decisions.report_link(session.index, session.viewer, request)
        if as_json:
            print_json({"claim": number})
        else:
            print_facts({"claim": number})
        return
    with open_session() as session:
        effect = decisions.decide(session.index, session.viewer, request, preview=preview)
    show_effect(effect, as_json=as_json)


def show(
    number: Annotated[int | None, typer.Argument(help="One decision, with its evidence.")] = None,
    due: Annotated[bool, typer.Option("--due", help="First put due decisions in force.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number, newest first.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """List the decisions, or show one with its evidence."""
    from mpi.service.stewardship import decisions, deferred_steps

    with open_session(for_look_up=not due) as session:
        if due:
            count = deferred_steps.apply_due_decisions(session.index, session.viewer)
            print_note(f"{count:,} decisions put in force")
        if number is not None:
            view = decisions.get_decision(session.index, session.viewer, number)
            _show_decision(view, as_json=as_json)
            return
        views = decisions.list_decisions(session.index, session.viewer, None, limit)
    if as_json:
        print_json([asdict(view) for view in views])
        return
    print_table(
        ("decision", "kind", "status", "authority", "by", "at", "reason", "records"),
        [
            (
                view.id,
                view.kind.value,
                _format_status(view),
                view.authority,
                view.by,
                view.at[:19],
                view.reason,
                _format_groups(view),
            )
            for view in views
        ],
    )


def _show_decision(view: DecisionView, *, as_json: bool) -> None:
    """Print one decision on records' identity with its evidence."""
    if as_json:
        print_json(asdict(view))
        return
    print_facts(
        {
            "decision": view.id,
            "kind": view.kind.value,
            "status": _format_status(view),
            "authority": view.authority,
            "by": view.by,
            "at": view.at,
            "reason": view.reason,
            "note": view.notes,
            "records": _format_groups(view),
            "recheck on": view.recheck_on,
            "supersedes": view.supersedes,
            "step": view.step,
            "consents": tuple(f"{consent.source}: {consent.status}" for consent in view.consents),
            "model": view.evidence["model"],
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
            for pair in view.evidence["pairs"]
        ],
    )


def _format_status(view: DecisionView) -> str:
    """Return the status of a decision on records' identity, or ``suspended``."""
    return "suspended" if view.suspended else view.status


def _format_groups(view: DecisionView) -> str:
    """Format the record groups of a decision in one line."""
    return " / ".join(format_group(group) for group in view.groups)
