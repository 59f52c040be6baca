"""Commands ``mpi proposal …`` and ``mpi hold …``: stored re-cluster plans."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import CommandSession, open_session
from mpi.cli.effect_view import show_disclosures
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table
from mpi.cli.progress import show_progress
from mpi.cli.record_references import format_group

if TYPE_CHECKING:
    from mpi.service.core.index import Matcher
    from mpi.service.gates.proposal_items import PersonGroup
    from mpi.service.recluster.proposal_view import ProposalResult, ProposalView

Number = Annotated[int, typer.Argument(help="The proposal.")]
HoldNumber = Annotated[int, typer.Argument(help="The hold.")]
MAX_ITEMS = 50
"""Number of items in the table of a proposal; ``--json`` has all of them."""


def make(
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME/VERSION|FOLDER", help="Model to use; the one in force by default."),
    ] = None,
    refresh_lists: Annotated[
        bool, typer.Option("--refresh-lists", help="Compute the lists of shared values again.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Compute all persons again and store the plan as a proposal.

    Nothing else changes.
    """
    from mpi.composition import models
    from mpi.service.recluster import proposals

    with open_session() as session, show_progress() as report:
        matcher = session.index.matcher
        if model is not None:
            models.keep_model(session.settings, model)
            matcher = models.open_matcher(model, session.settings)
        new_proposal = proposals.propose(
            session.index, session.viewer, matcher, refresh_lists=refresh_lists, progress=report
        )
    _show_proposal(new_proposal, as_json=as_json)


def show(
    number: Annotated[int | None, typer.Argument(help="One proposal, with its items.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the proposals, or show one with its items."""
    from mpi.service.recluster import proposals

    with open_session(for_look_up=True) as session:
        if number is not None:
            _show_proposal(proposals.get_proposal(session.index, session.viewer, number), as_json=as_json)
            return
        all_proposals = proposals.list_proposals(session.index, session.viewer)
    if as_json:
        print_json([asdict(entry) for entry in all_proposals])
        return
    print_table(
        ("proposal", "status", "model", "by", "at", "merge", "split", "move"),
        [
            (
                entry.id,
                entry.status,
                entry.model,
                entry.by,
                entry.at[:19],
                entry.merge,
                entry.split,
                entry.move,
            )
            for entry in all_proposals
        ],
    )


def apply(
    number: Number,
    item: Annotated[
        list[int] | None, typer.Option(metavar="NO", help="Number of an approved item; all items by default.")
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Approve no item; all are held.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Apply a proposal, whole or in part, and hold the rest."""
    from mpi.service.recluster import proposal_application, proposals

    with open_session() as session, show_progress() as report:
        matcher = _load_matcher(session, proposals.get_proposal(session.index, session.viewer, number).model)
        approved = [] if none else item or None
        result = proposal_application.apply_proposal(
            session.index, session.viewer, matcher, number, approved, report
        )
    _show_applied(result, as_json=as_json)


def reject(number: Number, as_json: JsonFlag = False) -> None:
    """Reject a proposal.

    Nothing of its re-cluster plan is applied or held.
    """
    from mpi.service.recluster import proposals

    with open_session() as session:
        result = proposals.reject_proposal(session.index, session.viewer, number)
    _show_applied(result, as_json=as_json)


def rollback(number: Number, as_json: JsonFlag = False) -> None:
    """Roll back an applied proposal.

    All persons are computed again with the configuration before it, and its held changes are released.
    """
    from mpi.service.recluster import proposal_application, proposals

    with open_session() as session, show_progress() as report:
        matcher = _load_matcher(
            session, proposals.get_proposal(session.index, session.viewer, number).model_before
        )
        result = proposal_application.roll_back_proposal(
            session.index, session.viewer, matcher, number, report
        )
    _show_applied(result, as_json=as_json)


def list_holds(as_json: JsonFlag = False) -> None:
    """List computed changes that wait for a person.

    Each change would regroup records into other persons.
    """
    from mpi.service.gates import holds

    with open_session(for_look_up=True) as session:
        open_holds = holds.list_holds(session.index, session.viewer)
    if as_json:
        print_json([asdict(hold) for hold in open_holds])
        return
    print_table(
        ("hold", "since", "until", "proposal", "held as", "computed as"),
        [
            (
                hold.id,
                hold.since[:19],
                hold.held_until or "",
                hold.proposal,
                _format_groups(hold.before),
                _format_groups(hold.after),
            )
            for hold in open_holds
        ],
    )


def release(number: HoldNumber, as_json: JsonFlag = False) -> None:
    """Let a held change happen.

    The change, which the index computed, regroups records into other persons.
    """
    from mpi.service.gates import holds

    with open_session() as session:
        moved_records = holds.release_hold(session.index, session.viewer, number)
    _show_ended_hold(number, "released", moved_records, as_json=as_json)


def refuse(number: HoldNumber, as_json: JsonFlag = False) -> None:
    """Refuse a held change, as a steward's decision.

    The records stay grouped into persons as they are.
    """
    from mpi.service.gates import holds

    with open_session() as session:
        moved_records = holds.refuse_hold(session.index, session.viewer, number)
    _show_ended_hold(number, "refused", moved_records, as_json=as_json)


def _load_matcher(session: CommandSession, ref: str) -> Matcher:
    """Return a model's matcher, loaded if the index uses another model."""
    from mpi.composition import models

    if ref == session.index.matcher.model.ref:
        return session.index.matcher
    return models.load_matcher(session.settings, ref)


def _show_proposal(view: ProposalView, *, as_json: bool) -> None:
    """Print a re-cluster proposal and its first items."""
    facts = asdict(view)
    if as_json:
        print_json(facts)
        return
    print_facts({name.replace("_", " "): value for name, value in facts.items() if name != "items"})
    if not view.items:
        print_note("nothing to do: no ID changes")
        return
    print_table(
        ("item", "kind", "status", "before", "after"),
        [
            (item.no, item.kind, item.status, _format_groups(item.before), _format_groups(item.after))
            for item in view.items[:MAX_ITEMS]
        ],
    )
    if len(view.items) > MAX_ITEMS:
        print_note(f"{len(view.items) - MAX_ITEMS:,} more items: --json lists them all")


def _format_groups(groups: tuple[PersonGroup, ...]) -> str:
    """Format persons with their records in one line."""
    return " / ".join(f"{group.enterprise_id or '(new)'}: {format_group(group.records)}" for group in groups)


def _show_applied(result: ProposalResult, *, as_json: bool) -> None:
    """Print the outcome of applying, rejecting or rolling back a proposal."""
    if as_json:
        print_json(asdict(result))
        return
    print_facts({name: value for name, value in asdict(result).items() if name != "disclosures"})
    show_disclosures(result.disclosed, result.disclosures)


def _show_ended_hold(number: int, status: str, moved_records: int, *, as_json: bool) -> None:
    """Print whether a held change of persons was released or refused."""
    facts = {"hold": number, "status": status, "moved": moved_records}
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)
