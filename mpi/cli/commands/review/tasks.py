"""Command ``mpi tasks``: questions for stewards."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table
from mpi.cli.record_references import format_group

if TYPE_CHECKING:
    from mpi.cli.command_session import CommandSession
    from mpi.service.persons.child_names import ChildNames
    from mpi.service.review.open_questions import QuestionSummary
    from mpi.service.review.question_view import QuestionView
    from mpi.service.review.queue import QueuePage

_ANY = "any"


def run(
    key: Annotated[str | None, typer.Argument(help="One question, with its records and history.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only of this kind, such as pair or conflict.")] = None,
    state: Annotated[str, typer.Option(help="open, claimed, asleep, waiting, closed or any.")] = "open",
    source: Annotated[
        str | None, typer.Option(metavar="CODE", help="Only about records of a source.")
    ] = None,
    due: Annotated[bool, typer.Option("--due", help="Only questions that are due or overdue.")] = False,
    burst: Annotated[str | None, typer.Option(metavar="KEY", help="Only the questions of a burst.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Maximum number, most urgent first.")] = 20,
    after: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Position where the previous page ended.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the questions for stewards, or show one."""
    from mpi.service.review import question_view, queue

    with open_session(for_look_up=True) as session:
        if key is not None:
            _show_question(
                question_view.load_question_view(session.index, session.viewer, key), as_json=as_json
            )
            return
        filters = queue.Filters(
            kind=kind, state=None if state == _ANY else state, source=source, due=due, burst=burst
        )
        page = queue.load_queue_page(session.index, session.viewer, filters, limit, after)
        names = None if as_json else _look_up_names(session, page)
    if names is None:
        print_json(asdict(page))
        return
    _show_queue(page, names)


def _look_up_names(session: CommandSession, page: QueuePage) -> ChildNames:
    """Look up the children's names, where the operator may read them."""
    from mpi.domain.viewer import Action
    from mpi.service.persons.child_names import look_up_child_names

    records = {record for summary in page.questions for record in summary.records}
    return look_up_child_names(session.index, session.viewer, Action.TASK_READ, records)


def _format_children(names: ChildNames, summary: QuestionSummary) -> str:
    """Format the children of a question, each once: name and birth date."""
    children = dict.fromkeys(
        names.by_record[record] for record in summary.records if record in names.by_record
    )
    texts = (
        " ".join(filter(None, (child.first_name, child.last_name, child.suffix, child.birth_date)))
        for child in children
        if child is not None
    )
    return ", ".join(text for text in texts if text)


def _show_queue(page: QueuePage, names: ChildNames) -> None:
    """Print a page of the review queue as a table."""
    from mpi.service.review import queue

    print_table(
        ("question", "kind", "why", "children", "records", "bits", "state", "due", "of", "to do"),
        [
            (
                summary.key,
                summary.kind,
                summary.reason,
                _format_children(names, summary),
                f"stands for {summary.burst:,}" if summary.burst else format_group(summary.records),
                round(summary.match_weight, 1),
                summary.state,
                summary.due_on,
                summary.claimed_by,
                summary.assigned_to,
            )
            for summary in page.questions
        ],
    )
    more = f"more than {queue.MAX_COUNTED:,}" if page.total > queue.MAX_COUNTED else f"{page.total:,}"
    going_on = "" if page.after is None else f"; go on with --after {page.after}"
    bursts = "; a row that stands for several counts once" if any(one.burst for one in page.questions) else ""
    print_note(f"{more} in all{bursts}{going_on}")


def _show_question(view: QuestionView, *, as_json: bool) -> None:
    """Print one clerical-review question with its records, pairs and history."""
    if as_json:
        print_json(asdict(view))
        return
    summary = view.summary
    print_facts(
        {
            "question": summary.key,
            "kind": summary.kind,
            "why": summary.reason,
            "state": summary.state,
            "claimed by": summary.claimed_by,
            "to do": summary.assigned_to,
            "due": summary.due_on,
            "asked since": summary.opened_at,
            "decisions": view.decisions,
        }
    )
    print_table(
        ("record", "ID", "name", "born"),
        [
            (
                format_group([card.label]),
                card.enterprise_id,
                " ".join(
                    str(card.values[name]) for name in ("first_name", "last_name") if name in card.values
                ),
                card.values.get("birth_date"),
            )
            for card in view.cards
        ],
    )
    print_table(
        ("pair", "bits", "said"),
        [
            (format_group([pair.left, pair.right]), round(pair.match_weight, 1), pair.verdict)
            for pair in view.pairs
        ],
    )
    print_table(
        ("at", "who", "did", "step", "note"),
        [(act.at[:19], act.actor, act.action, act.step, act.note) for act in view.history],
    )
