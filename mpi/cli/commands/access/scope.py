"""Commands ``mpi scope …``: sources with a database and enterprise IDs of their own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, astuple
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import CommandSession, open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table
from mpi.cli.output_files import write_csv
from mpi.cli.progress import show_progress
from mpi.domain.errors import ConflictError, InputError
from mpi.domain.source import SHARED_SCOPE

if TYPE_CHECKING:
    from mpi.service.core.index import Index
    from mpi.service.scopes.transfer import TransferResult

FOLLOW_S = 1.0
"""Seconds between two looks at the scopes with ``--follow``."""


def add(
    code: Annotated[str, typer.Argument(help="1 to 32 of a-z, 0-9 and '_'; the first is a letter.")],
    name: Annotated[str | None, typer.Option(help="Name for people; the code by default.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Add a scope with an empty index and its first API key.

    Set MPI_SCOPE to the code to work with it: add its sources, load files and serve it. The key is shown
    once.
    """
    from mpi import bootstrap
    from mpi.service.scopes import registry

    with _open_shared() as session:
        registry.require_new_scope(session.index, session.viewer, code)
        key = None
        try:
            index, key = bootstrap.init_scope(session.settings, code, is_test=session.index.settings.is_test)
            index.database.dispose()
        except ConflictError:
            # An earlier call was interrupted after it had created the index.
            bootstrap.open_scope(session.settings, code).database.dispose()
        registry.register_scope(session.index, session.viewer, code, name)
    facts = {"scope": code, "name": name or code} | ({} if key is None else {"api_key": key})
    if as_json:
        print_json(facts)
        return
    print_facts({field.replace("_", " "): value for field, value in facts.items()})
    if key is None:
        print_note("its index existed already: make an API key with mpi client add")
    else:
        print_note("the API key is shown this once: keep it where keys are kept")


def list_all(as_json: JsonFlag = False) -> None:
    """List the scopes and their sources."""
    from mpi.service.scopes import registry

    with _open_shared(for_look_up=True) as session:
        scopes = [asdict(scope) for scope in registry.list_scopes(session.index, session.viewer)]
    if as_json:
        print_json(scopes)
    else:
        print_table(
            ("code", "name", "sources"),
            [(scope["code"], scope["name"], ", ".join(scope["sources"])) for scope in scopes],
        )


def sync(
    code: Annotated[str | None, typer.Argument(help="The scope; all of them by default.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until Ctrl-C.")] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Take all records over anew, after the scope was restored.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Take the changes of scopes over into the shared index.

    It can be interrupted and run again at any time.
    """
    from mpi import bootstrap
    from mpi.service.scopes import registry, transfer
    from mpi.service.scopes.restart import restart_transfer

    if restart and code is None:
        raise InputError("name the scope that was restored from a backup")
    with _open_shared() as session:
        codes = [scope.code for scope in registry.list_scopes(session.index, session.viewer)]
        if code is not None and code not in codes:
            raise InputError(f"there is no scope {code!r}; there are: {', '.join(codes) or 'none yet'}")
        indexes: dict[str, Index] = {}
        try:
            for own_code in [code] if code else codes:
                indexes[own_code] = bootstrap.open_scope(session.settings, own_code)
                if restart:
                    restart_transfer(indexes[own_code], session.index, session.viewer, own_code)
            while True:
                with show_progress() as report:
                    results = [
                        transfer.transfer_changes(
                            index, session.index, session.viewer, own_code, progress=report
                        )
                        for own_code, index in indexes.items()
                    ]
                if not follow:
                    break
                time.sleep(FOLLOW_S)
        finally:
            for index in indexes.values():
                index.database.dispose()
    _show_results(results, as_json=as_json)


CodeArgument = Annotated[str, typer.Argument(help="The scope.")]
SourceOption = Annotated[
    list[str], typer.Option(metavar="CODE", help="A source of the shared index; may be repeated.")
]


def split(
    code: CodeArgument,
    source: SourceOption,
    apply: Annotated[bool, typer.Option("--apply", help="Move them; otherwise only count.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Move sources of the shared index into a scope, or count what would move.

    The shared index keeps all its enterprise IDs. While the command runs, neither index takes records of
    these sources. If it is interrupted, run it again, or undo it with mpi scope join.
    """
    from mpi import bootstrap
    from mpi.service.scopes import split as split_service

    with _open_shared() as session:
        if not apply:
            result = split_service.preview_split(session.index, session.viewer, code, source)
        else:
            scope_index = bootstrap.open_scope(session.settings, code)
            try:
                with show_progress() as report:
                    result = split_service.split_sources(
                        session.index, scope_index, session.viewer, code, source, report
                    )
            finally:
                scope_index.database.dispose()
    facts = asdict(result) | {"applied": apply}
    if as_json:
        print_json(facts)
        return
    print_facts(
        {
            "scope": result.scope,
            "sources": ", ".join(result.sources),
            "records": ", ".join(f"{count:,} {state}" for state, count in sorted(result.records.items())),
            "clients to add anew": ", ".join(result.clients),
        }
    )
    print_note("moved" if apply else "nothing was changed: add --apply to move them")


def join(code: CodeArgument, source: SourceOption, as_json: JsonFlag = False) -> None:
    """Send the records of a scope's sources to the shared index again.

    It undoes a split. The shared index keeps its enterprise IDs; those of the scope end.
    """
    from mpi import bootstrap
    from mpi.service.scopes import split as split_service

    with _open_shared() as session:
        scope_index = bootstrap.open_scope(session.settings, code)
        try:
            with show_progress() as report:
                split_service.undo_split(session.index, scope_index, session.viewer, code, source, report)
        finally:
            scope_index.database.dispose()
    sources = sorted(set(source))
    if as_json:
        print_json({"scope": code, "sources": sources, "joined": True})
    else:
        print_facts({"scope": code, "sources": ", ".join(sources), "joined": True})


def map_ids(
    code: CodeArgument,
    out: Annotated[Path, typer.Option(help="The file to write, readable by its owner only.")],
    as_json: JsonFlag = False,
) -> None:
    """Export which enterprise IDs of a scope and of the shared index belong together.

    The columns are source, local_id, scope_enterprise_id and shared_enterprise_id. The file is written
    completely or not at all. Both ledgers get a line.
    """
    from mpi import bootstrap
    from mpi.service.scopes import id_map

    with _open_shared() as session:
        scope_index = bootstrap.open_scope(session.settings, code)
        try:
            rows = id_map.map_enterprise_ids(scope_index, session.index, session.viewer, code)
            count = write_csv(out, id_map.HEADER, (astuple(row) for row in rows))
        finally:
            scope_index.database.dispose()
    facts = {"file": str(out), "rows": count}
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)
        print_note("this file links IDs of two scopes: send it only where an agreement permits")


@contextmanager
def _open_shared(*, for_look_up: bool = False) -> Iterator[CommandSession]:
    """Open the shared index.

    Raises:
        InputError: MPI_SCOPE names another scope.
    """
    with open_session(for_look_up=for_look_up) as session:
        if session.settings.scope != SHARED_SCOPE:
            raise InputError("scopes are managed in the shared index: leave MPI_SCOPE out")
        yield session


def _show_results(results: list[TransferResult], *, as_json: bool) -> None:
    """Print what was taken over from each scope."""
    if as_json:
        print_json([asdict(result) for result in results])
        return
    print_table(
        ("scope", "records", "decisions", "contradictions"),
        [(result.scope, result.records, result.decisions, result.contradictions) for result in results],
    )
