"""Commands ``mpi scope …``: indexes of single agencies."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import CommandSession, open_session
from mpi.cli.exit_codes import ExitCode
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table
from mpi.cli.progress import show_progress
from mpi.domain.errors import ConflictError, InputError, ModelMovedError, MpiError, StoreError
from mpi.domain.source import SHARED_SCOPE

if TYPE_CHECKING:
    from mpi.service.core.index import Index
    from mpi.service.scopes.registry import ScopeView
    from mpi.service.scopes.transfer import TransferResult

FOLLOW_S = 1.0
"""Seconds between two looks at the scopes with ``--follow``."""
FAILED_S = 10.0
"""The same after one of them has failed."""


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

    with open_shared() as session:
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
    """List the scopes, their sources, and changes that wait."""
    from mpi.service.scopes import registry

    with open_shared(for_look_up=True) as session:
        scopes = [
            asdict(replace(scope, lag=_count_lag(session, scope)))
            for scope in registry.list_scopes(session.index, session.viewer)
        ]
    if as_json:
        print_json(scopes)
    else:
        print_table(
            ("code", "name", "sources", "state", "lag"),
            [
                (scope["code"], scope["name"], ", ".join(scope["sources"]), scope["state"], scope["lag"])
                for scope in scopes
            ],
        )


def _count_lag(session: CommandSession, scope: ScopeView) -> int | None:
    """Count changes that wait for a sync; None where that fails."""
    from mpi import bootstrap
    from mpi.service.scopes import registry

    if scope.state != "open":
        return None
    try:
        index = bootstrap.open_scope(session.settings, scope.code, for_look_up=True)
    except MpiError as error:
        print_note(f"scope {scope.code}: {error}")
        return None
    try:
        return registry.count_lag(index, session.index, session.viewer, scope.code)
    finally:
        index.database.dispose()


def sync(
    code: Annotated[str | None, typer.Argument(help="The scope; all of them by default.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until Ctrl-C.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Take the changes of scopes over into the shared index.

    It can be interrupted and run again at any time. A scope that fails does not stop the others.
    """
    from mpi.service.scopes import registry

    with open_shared() as session, ExitStack() as opened:
        codes = registry.list_followed(session.index, session.viewer)
        if code is not None and code not in codes:
            raise InputError(f"there is no scope {code!r}; there are: {', '.join(codes) or 'none yet'}")
        followed = _FollowedScopes(session, opened)
        while True:
            ordered = [code] if code else sorted(codes, key=followed.count_waiting_changes, reverse=True)
            results = [followed.take_over(own_code) for own_code in ordered]
            if not follow:
                break
            # After a failure a look at once would fail again.
            time.sleep(FOLLOW_S if None not in results else FAILED_S)
            try:
                codes = registry.list_followed(session.index, session.viewer)
            except StoreError as error:
                print_note(f"the shared index: {error}")
    _show_results([result for result in results if result is not None], as_json=as_json)
    if None in results:
        raise typer.Exit(ExitCode.CONFLICT)


class _FollowedScopes:
    """Indexes of scopes, opened when their changes are first taken over."""

    def __init__(self, session: CommandSession, opened: ExitStack) -> None:
        self._session = session
        self._opened = opened
        self._indexes: dict[str, Index] = {}

    def take_over(self, code: str) -> TransferResult | None:
        """Take over a scope's changes; return None where that fails."""
        from mpi.service.scopes import transfer

        try:
            scope_index = self._open(code)
            with show_progress() as report:
                return transfer.transfer_changes(
                    scope_index, self._session.index, self._session.viewer, code, progress=report
                )
        except ModelMovedError:
            raise  # only a new process has the model
        except MpiError as error:
            print_note(f"scope {code}: {error}")
            return None

    def count_waiting_changes(self, code: str) -> int:
        """Return how many changes of a scope wait; 0 where that fails.

        The scope with most goes first: its records are then not searched for those of smaller scopes.
        """
        from mpi.service.scopes import transfer

        try:
            return transfer.count_waiting_changes(
                self._open(code), self._session.index, self._session.viewer, code
            )
        except MpiError:
            return 0  # taking the changes over fails too, and says why

    def _open(self, code: str) -> Index:
        """Return the index of a scope, opened at its first use."""
        from mpi import bootstrap

        if code not in self._indexes:
            # Records are compared in the shared index alone, so the scope's model need not be compiled.
            index = bootstrap.open_scope(self._session.settings, code, for_look_up=True)
            self._opened.callback(index.database.dispose)
            self._indexes[code] = index
        return self._indexes[code]


@contextmanager
def open_shared(*, for_look_up: bool = False) -> Iterator[CommandSession]:
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
