"""Commands ``mpi merge``, ``split``, ``move``, ``undo`` and ``approve``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.commands.stewardship.decide import Note, Preview, Reason, Supersedes
from mpi.cli.effect_view import show_effect
from mpi.cli.output import JsonFlag
from mpi.cli.record_references import parse_record_groups, parse_record_ref

if TYPE_CHECKING:
    from mpi.service.stewardship.merge_split_move import StepOptions

IfMatch = Annotated[
    str | None,
    typer.Option(metavar="ETAG", help="Proceed only if the persons are unchanged since the preview."),
]


def merge(
    eids: Annotated[list[str], typer.Argument(metavar="EID EID…", help="Two or more enterprise IDs.")],
    reason: Reason,
    survivor: Annotated[str | None, typer.Option(metavar="EID", help="Enterprise ID that stays.")] = None,
    note: Note = None,
    supersedes: Supersedes = None,
    if_match: IfMatch = None,
    preview: Preview = False,
    as_json: JsonFlag = False,
) -> None:
    """Merge two or more persons into one.

    The ID that stays is that of an open enrollment, then of most records, then the oldest.
    """
    from mpi.service.stewardship import merge_split_move

    step_reason = _create_reason(reason, note, supersedes, if_match, preview=preview)
    with open_session() as session:
        effect = merge_split_move.merge(session.index, session.viewer, eids, step_reason, survivor)
    show_effect(effect, as_json=as_json)


def split(
    eid: Annotated[str, typer.Argument(metavar="EID", help="The person to split.")],
    records: Annotated[
        list[str], typer.Argument(metavar="SOURCE:LOCAL_ID…", help="Records of the parts; / separates parts.")
    ],
    reason: Reason,
    keep: Annotated[
        str | None, typer.Option(metavar="SOURCE:LOCAL_ID", help="A record of the part that keeps the ID.")
    ] = None,
    note: Note = None,
    supersedes: Supersedes = None,
    if_match: IfMatch = None,
    preview: Preview = False,
    as_json: JsonFlag = False,
) -> None:
    """Split the records of one person into several persons.

    If one part is given, the other records are the second part. The ID stays with the largest part, unless
    --keep names another.
    """
    from mpi.service.stewardship import merge_split_move

    step_reason = _create_reason(reason, note, supersedes, if_match, preview=preview)
    record_to_keep = None if keep is None else parse_record_ref(keep)
    with open_session() as session:
        effect = merge_split_move.split(
            session.index, session.viewer, eid, parse_record_groups(records), step_reason, record_to_keep
        )
    show_effect(effect, as_json=as_json)


def move(
    eid: Annotated[str, typer.Argument(metavar="EID", help="The person who has the records now.")],
    records: Annotated[list[str], typer.Argument(metavar="SOURCE:LOCAL_ID…", help="The records.")],
    to: Annotated[str, typer.Option(metavar="EID", help="The person who gets the records.")],
    reason: Reason,
    note: Note = None,
    supersedes: Supersedes = None,
    if_match: IfMatch = None,
    preview: Preview = False,
    as_json: JsonFlag = False,
) -> None:
    """Move records from one person to another."""
    from mpi.service.stewardship import merge_split_move

    step_reason = _create_reason(reason, note, supersedes, if_match, preview=preview)
    labels = [parse_record_ref(text) for text in records]
    with open_session() as session:
        effect = merge_split_move.move(session.index, session.viewer, eid, labels, to, step_reason)
    show_effect(effect, as_json=as_json)


def undo(
    number: Annotated[int, typer.Argument(help="A decision, or with --step a step.")],
    step: Annotated[bool, typer.Option("--step", help="Undo a whole step: a merge, split or move.")] = False,
    reason: Reason = "undo",
    preview: Preview = False,
    as_json: JsonFlag = False,
) -> None:
    """Undo a decision or a step.

    The result is what would be without the step, with everything that came since.
    """
    from mpi.service.stewardship import undo

    with open_session() as session:
        undo_function = undo.undo_step if step else undo.undo_decision
        effect = undo_function(session.index, session.viewer, number, reason, preview=preview)
    show_effect(effect, as_json=as_json)


def approve(
    number: Annotated[int, typer.Argument(help="The step that waits.")],
    preview: Preview = False,
    as_json: JsonFlag = False,
) -> None:
    """Approve a step as the second approver.

    The maker of a step cannot approve it; at this command line everybody is the operator.
    """
    from mpi.service.stewardship import approvals

    with open_session() as session:
        effect = approvals.approve(session.index, session.viewer, number, preview=preview)
    show_effect(effect, as_json=as_json)


def _create_reason(
    reason: str,
    note: str | None,
    supersedes: list[int] | None,
    if_match: str | None,
    *,
    preview: bool,
) -> StepOptions:
    """Collect a steward's reason, note and conditions from command options."""
    from mpi.service.stewardship import merge_split_move

    expected = None if if_match is None else tuple(tag.strip(' "') for tag in if_match.split(","))
    return merge_split_move.StepOptions(
        reason=reason, note=note, supersedes=tuple(supersedes or ()), expected_etags=expected, preview=preview
    )
