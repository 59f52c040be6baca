"""Commands ``mpi waiting`` and ``mpi consent``: steps that need others' approval."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.client_key import KEY_VARIABLE, authenticate_client
from mpi.cli.command_session import open_session
from mpi.cli.effect_view import show_effect
from mpi.cli.output import JsonFlag, print_json, print_table
from mpi.cli.record_references import format_group

if TYPE_CHECKING:
    from mpi.service.stewardship.pending_steps import PendingStep

Owner = Annotated[
    bool,
    typer.Option("--owner", help=f"As the client whose API key is in {KEY_VARIABLE}, not as the operator."),
]


def show(owner: Owner = False, as_json: JsonFlag = False) -> None:
    """List steps that wait for an approver or an owner.

    The oldest step comes first.
    """
    from mpi.service.stewardship import pending_steps

    with open_session(for_look_up=True) as session:
        viewer = authenticate_client(session.index, "owns the source") if owner else session.viewer
        steps = pending_steps.list_pending_steps(session.index, viewer)
    if as_json:
        print_json([asdict(step) for step in steps])
        return
    print_table(
        ("step", "kind", "at", "by", "reason", "waits for", "records"),
        [
            (
                step.step,
                step.kind,
                step.at[:19],
                step.by or "",
                step.reason or "",
                _format_waiting_for(step),
                format_group(step.records),
            )
            for step in steps
        ],
    )


def answer(
    number: Annotated[int, typer.Argument(help="The step that waits.")],
    refuse: Annotated[bool, typer.Option("--refuse", help="Refuse the step, which ends it.")] = False,
    reason: Annotated[str | None, typer.Option(help="A code.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Change nothing.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Consent to a step, or refuse it, as a source's owner.

    The operator owns no source: the API key of a client who does is read from MPI_API_KEY.
    """
    from mpi.service.stewardship import owner_consent

    with open_session() as session:
        viewer = authenticate_client(session.index, "owns the source")
        respond, code = (
            (owner_consent.refuse_consent, "refused") if refuse else (owner_consent.give_consent, "consent")
        )
        effect = respond(session.index, viewer, number, reason or code, preview=preview)
    show_effect(effect, as_json=as_json)


def _format_waiting_for(step: PendingStep) -> str:
    """Name the approvers and source owners whom a steward's step waits for."""
    owners = [f"owner of {consent.source}" for consent in step.consents if consent.status == "asked"]
    return ", ".join([*(["a second approver"] if step.approval else []), *owners])
