"""Command ``mpi scope split``: move sources into a scope."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import CommandSession
from mpi.cli.commands.access.scope import open_shared
from mpi.cli.exit_codes import ExitCode
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note
from mpi.cli.progress import show_progress
from mpi.domain.errors import InputError
from mpi.domain.viewer import Viewer, make_operator

if TYPE_CHECKING:
    from mpi.service.scopes.split import SplitView
    from mpi.service.scopes.split_plan import SplitPlan

MAX_NAME_LENGTH = 64


def split(
    code: Annotated[str, typer.Argument(help="1 to 32 of a-z, 0-9 and '_'; the first is a letter.")],
    source: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="A source to move; may be repeated.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name for people; the code by default.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and store no plan.")] = False,
    approve: Annotated[
        str | None, typer.Option(metavar="TOKEN", help="Approve the plan, and run it.")
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who plans or approves.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the split back.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Move sources of this index into a scope, new or existing.

    With --source it stores a plan and prints a token. A second person approves it with --approve and --by,
    and the split runs. Without options it goes on with a split that was interrupted.
    """
    if sum((bool(source), approve is not None, undo)) > 1:
        raise InputError("give either --source, --approve or --undo")
    if approve is not None and by is None:
        raise InputError("say with --by who approves; it is somebody else than who planned")
    if dry_run and not source:
        raise InputError("--dry-run counts what --source names")
    with open_shared() as session:
        if source:
            plan = _plan(session, code, name, source, _choose_viewer(session, by), store=not dry_run)
            _show_plan(plan, as_json=as_json)
            return
        view, key = (
            _undo(session, code) if undo else _run(session, code, approve, _choose_viewer(session, by))
        )
    _show_result(view, key, is_undo=undo, as_json=as_json)


def _choose_viewer(session: CommandSession, name: str | None) -> Viewer:
    """Return the operator under a person's name.

    Raises:
        InputError: the name is empty, too long or not one line.
    """
    if name is None:
        return session.viewer
    if not name.strip() or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise InputError(f"--by: give a name of 1 to {MAX_NAME_LENGTH} characters")
    return make_operator(name.strip())


def _plan(
    session: CommandSession,
    code: str,
    name: str | None,
    sources: list[str],
    viewer: Viewer,
    *,
    store: bool,
) -> SplitPlan:
    """Plan a split into a scope."""
    from mpi import bootstrap
    from mpi.service.scopes import registry, split_plan

    request = split_plan.SplitRequest(code, name, tuple(sources))
    has_index = bootstrap.has_scope(session.settings, code)
    scope_index = None
    if has_index and code in registry.list_followed(session.index, session.viewer):
        scope_index = bootstrap.open_scope(session.settings, code, for_look_up=True)
    try:
        return split_plan.plan_split(
            session.index, viewer, request, has_scope_index=has_index, store=store, scope_index=scope_index
        )
    finally:
        if scope_index is not None:
            scope_index.database.dispose()


def _run(
    session: CommandSession, code: str, token: str | None, viewer: Viewer
) -> tuple[SplitView, str | None]:
    """Approve a split if there is a token, and carry it out.

    Returns:
        The split, and the API key of the scope's first client; None if it was shown before.
    """
    from mpi import bootstrap
    from mpi.service.scopes import split as scope_split
    from mpi.service.scopes import split_plan

    if token is not None:
        split_plan.approve_split(session.index, viewer, code, token)
    scope_split.require_unfinished(session.index, viewer, code)
    scope_index, key = bootstrap.open_or_init_scope(session.settings, code, session.index)
    try:
        with show_progress() as report:
            return scope_split.run_split(session.index, scope_index, viewer, code, report), key
    finally:
        scope_index.database.dispose()


def _undo(session: CommandSession, code: str) -> tuple[SplitView, None]:
    """Take a split back."""
    from mpi import bootstrap
    from mpi.service.scopes import split as scope_split

    if not bootstrap.has_scope(session.settings, code):
        return scope_split.undo_split(session.index, None, session.viewer, code), None
    scope_index, _key = bootstrap.open_or_init_scope(session.settings, code, session.index)
    try:
        return scope_split.undo_split(session.index, scope_index, session.viewer, code), None
    finally:
        scope_index.database.dispose()


def _show_plan(plan: SplitPlan, *, as_json: bool) -> None:
    """Print a plan and what blocks it.

    Raises:
        typer.Exit: something has to be done first.
    """
    if as_json:
        print_json(asdict(plan))
    else:
        facts = asdict(plan) | {
            "sources": ", ".join(plan.sources),
            "records": ", ".join(f"{count} {state}" for state, count in sorted(plan.records.items())) or "0",
            "clients": ", ".join(plan.clients) or "none",
            "accounts": ", ".join(plan.accounts) or "none",
            "blockers": len(plan.blockers),
            "is_addition": "yes: the scope exists" if plan.is_addition else "no: a new scope",
        }
        print_facts({label.replace("_", " "): value for label, value in facts.items() if value is not None})
    for blocker in plan.blockers:
        print_note(f"first: {blocker}")
    if plan.blockers:
        raise typer.Exit(ExitCode.CONFLICT)
    if plan.token is not None:
        print_note(f"a second person approves: mpi scope split {plan.scope} --approve {plan.token} --by NAME")


def _show_result(view: SplitView, key: str | None, *, is_undo: bool, as_json: bool) -> None:
    """Print a split that was carried out or taken back."""
    facts = asdict(view) | ({} if key is None else {"api_key": key})
    if as_json:
        print_json(facts)
        return
    shown = {name: ", ".join(value) if isinstance(value, tuple) else value for name, value in facts.items()}
    print_facts({label.replace("_", " "): value for label, value in shown.items()})
    if key is not None:
        print_note("the API key is shown this once: keep it where keys are kept")
    elif not is_undo and not view.is_addition:
        print_note("the first API key was shown or lost before: make another with mpi client add")
