"""Commands ``mpi source …``: systems that send records."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_table, show_facts
from mpi.cli.progress import show_progress
from mpi.domain.errors import InputError
from mpi.domain.source import Holdings, SourceKind

if TYPE_CHECKING:
    from mpi.service.records.source_pause import PauseResult

_COLUMNS = ("code", "name", "agency", "kind")

HoldingsOption = Annotated[
    Holdings,
    typer.Option(
        "--holdings",
        help="linked: hold only what may be of a child in care; tokens: also keyed tokens of the rest.",
    ),
]


def add(
    code: Annotated[str, typer.Argument(help="1 to 64 letters, digits, '_', '-' or '.'.")],
    name: Annotated[str | None, typer.Option(help="Name for people; the code by default.")] = None,
    agency: Annotated[
        str | None, typer.Option(help="Agency that owns the source; the code by default.")
    ] = None,
    kind: Annotated[SourceKind, typer.Option(help="Kind of system.")] = SourceKind.OTHER,
    one_id_a_child: Annotated[
        bool,
        typer.Option(
            "--one-id-a-child", help="The source gives each child one local ID; two are a question."
        ),
    ] = False,
    held: HoldingsOption = Holdings.ALL,
    as_json: JsonFlag = False,
) -> None:
    """Add a source.

    A source is a system of an agency that sends records.
    """
    from mpi.service.holdings import settings
    from mpi.service.statements import sources

    with open_session() as session:
        new = sources.NewSource(
            code=code, name=name, agency=agency, kind=kind, has_one_id_per_child=one_id_a_child
        )
        source = asdict(settings.add_source(session.index, session.viewer, new, held))
    facts = {column: source[column] for column in _COLUMNS}
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)


def change(
    code: Annotated[str, typer.Argument(help="The source.")],
    held: Annotated[
        Holdings,
        typer.Option(
            "--holdings",
            help="linked: hold only what may be of a child in care; tokens: also keyed tokens of the rest.",
        ),
    ],
    as_json: JsonFlag = False,
) -> None:
    """Set which of a source's records the index holds.

    The setting takes effect with the source's next file, or at once with ``mpi holdings apply``.
    """
    from mpi.service.holdings import settings

    with open_session() as session:
        setting = asdict(settings.set_holdings(session.index, session.viewer, code, held))
    if as_json:
        print_json(setting)
    else:
        print_facts(setting)


def rename(
    code: Annotated[str, typer.Argument(help="The source.")],
    name: Annotated[str, typer.Argument(help="Its new name for people.")],
    as_json: JsonFlag = False,
) -> None:
    """Give a source another name; its code stays.

    Records, agreements and clients name the code, so it never changes.
    """
    from mpi.service.statements import source_end

    with open_session() as session:
        source = source_end.rename_source(session.index, session.viewer, code, name)
    show_facts({"code": source.code, "name": source.name}, as_json=as_json)


def retire(
    code: Annotated[str, typer.Argument(help="The source.")],
    no: Annotated[bool, typer.Option("--no", help="Take its records again.")] = False,
    trial: Annotated[
        bool, typer.Option("--dry-run", help="Show what happens without storing anything.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Take no further record of a source that has ended.

    Its records stay. To withdraw them, load an empty full snapshot before.
    """
    from mpi.service.statements import source_end

    if trial and no:
        raise InputError("give --dry-run or --no: that records are taken again changes nothing else")
    with open_session() as session:
        if trial:
            plan = source_end.preview_retirement(session.index, session.viewer, code)
            facts = {
                "code": plan.source.code,
                "retired": plan.source.is_retired,
                "records": "kept",
                "refused": ", ".join(plan.refused),
                "still_taken": ", ".join(plan.still_taken),
                "unfinished_loads": ", ".join(map(str, plan.unfinished_loads)) or "none",
            }
            show_facts(facts, as_json=as_json)
            return
        source = source_end.retire_source(session.index, session.viewer, code, is_retired=not no)
    show_facts({"code": source.code, "retired": source.is_retired}, as_json=as_json)


def list_all(as_json: JsonFlag = False) -> None:
    """List the sources."""
    from mpi.service.statements import sources as sources_service

    with open_session(for_look_up=True) as session:
        found = sources_service.list_sources(session.index, session.viewer)
    sources = [asdict(source) | {"retired": source.is_retired} for source in found]
    columns = (*_COLUMNS, "asks_consent", "holdings", "retired")
    if as_json:
        print_json([{column: source[column] for column in columns} for source in sources])
    else:
        print_table(columns, [[source[column] for column in columns] for source in sources])


Code = Annotated[str | None, typer.Argument(help="The source; or give --all.")]
All = Annotated[bool, typer.Option("--all", help="All sources.")]


def pause(code: Code = None, every: All = False, as_json: JsonFlag = False) -> None:
    """Hold all records that a source sends.

    Records are accepted and held. Withdrawals and seals still take effect at once.
    """
    from mpi.service.records import source_pause

    with open_session() as session:
        _show_pause(
            source_pause.pause(session.index, session.viewer, _check_code(code, every=every)), as_json=as_json
        )


def resume(code: Code = None, every: All = False, as_json: JsonFlag = False) -> None:
    """Resume a paused source and process its held records.

    Held records are processed in the order of their time at the source and of receipt, as if they had never
    been held.
    """
    from mpi.service.records import source_pause

    with open_session() as session, show_progress() as report:
        resumed = source_pause.resume(
            session.index, session.viewer, _check_code(code, every=every), progress=report
        )
    _show_pause(resumed, as_json=as_json)


def ask_owner(
    code: Annotated[str, typer.Argument(help="The source.")],
    no: Annotated[bool, typer.Option("--no", help="Stop asking for consent.")] = False,
    reason: Annotated[str, typer.Option(help="A code.")] = "setting",
    as_json: JsonFlag = False,
) -> None:
    """Require an owner's consent to decisions about a source's records.

    Steps that wait already keep waiting for the owners who were asked.
    """
    from mpi.service.stewardship import owner_consent

    with open_session() as session:
        setting = asdict(
            owner_consent.set_consent_required(
                session.index, session.viewer, code, asks=not no, reason=reason
            )
        )
    if as_json:
        print_json(setting)
    else:
        print_facts(setting)


def _check_code(code: str | None, *, every: bool) -> str | None:
    """Return the code of the source to pause; None for all.

    Refuse both or neither of a code and the option for all.
    """
    if (code is None) != every:
        raise InputError("name one source, or give --all")
    return code


def _show_pause(paused: PauseResult, *, as_json: bool) -> None:
    """Print which sources are paused, that is, have their records held."""
    if as_json:
        print_json(asdict(paused))
    else:
        print_facts(asdict(paused))
