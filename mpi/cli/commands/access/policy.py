"""Command ``mpi policy explain``: the policy table, and one decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_table
from mpi.domain.errors import InputError

if TYPE_CHECKING:
    from mpi.domain.viewer import Action


def explain(
    client: Annotated[str | None, typer.Option(help="The client that asks.")] = None,
    account: Annotated[str | None, typer.Option(help="The account that asks.")] = None,
    action: Annotated[str | None, typer.Option(help="The action, such as person.read.")] = None,
    purpose: Annotated[str | None, typer.Option(help="The purpose of use; none by default.")] = None,
    population: Annotated[list[str] | None, typer.Option(help="A population of the child.")] = None,
    source: Annotated[str | None, typer.Option(help="The source of the record.")] = None,
    consent: Annotated[
        bool, typer.Option("--consent", help="Suppose that a consent to disclose the record is in force.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Print the policy table, or the reasons of one decision.

    With --client or --account and --action, one request is explained. The conditions on the child, such as
    enrollment, are taken as met.
    """
    from mpi.policy.explanation import TABLE_COLUMNS, describe_decision, list_table_rows

    if client is None and account is None:
        rows = list(list_table_rows())
        if as_json:
            print_json([dict(zip(TABLE_COLUMNS, row, strict=True)) for row in rows])
        else:
            print_table(TABLE_COLUMNS, rows)
        return
    if (client is None) is (account is None) or action is None:
        raise InputError("give --client or --account, and --action")
    from mpi.service.access.explain_access import (
        SupposedRequest,
        explain_account_access,
        explain_client_access,
    )

    request = SupposedRequest(
        _parse_action(action), purpose, source, frozenset(population or ()), has_consent=consent
    )
    with open_session(for_look_up=True) as session:
        if client is not None:
            decision = explain_client_access(session.index, session.viewer, client, request)
        else:
            decision = explain_account_access(session.index, session.viewer, account or "", request)
    facts = describe_decision(decision)
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)


def _parse_action(text: str) -> Action:
    from mpi.domain.viewer import Action

    try:
        return Action(text)
    except ValueError:
        raise InputError(f"--action: one of {', '.join(sorted(Action))}") from None
