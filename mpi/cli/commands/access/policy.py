"""Commands ``mpi policy …``: the access policy, and papers for counsel."""

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


def papers(as_json: JsonFlag = False) -> None:
    """Print who may see what, and under which law.

    The rows come from the agreements in force. With --json, the facts of 30 questions of counsel come too.
    """
    from mpi.service.agreements.counsel_questions import answer_questions
    from mpi.service.agreements.papers import describe_row, list_papers

    with open_session(for_look_up=True) as session:
        rows = [describe_row(row) for row in list_papers(session.index, session.viewer)]
        if as_json:
            answers = answer_questions(session.index, session.viewer)
            print_json({"rows": rows, "answers": {code: dict(facts) for code, facts in answers.items()}})
            return
    columns = tuple(rows[0]) if rows else ("agreement",)
    print_table(columns, [tuple(_join(row[column]) for column in columns) for row in rows])


def _join(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _parse_action(text: str) -> Action:
    from mpi.domain.viewer import Action

    try:
        return Action(text)
    except ValueError:
        raise InputError(f"--action: one of {', '.join(sorted(Action))}") from None
