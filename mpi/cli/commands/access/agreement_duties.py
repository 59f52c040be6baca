"""Commands ``mpi agreement due|clock|met|destroyed``: what parties have to do."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_json, print_note, print_table, show_facts
from mpi.domain import clock

Code = Annotated[str, typer.Argument(help="The agreement.")]
Day = Annotated[str | None, typer.Option("--on", metavar="DAY", help="The day; today by default.")]
Person = Annotated[str, typer.Option("--by", help="Name of the person who attests it.")]


def due(
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what is overdue.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List what the parties of agreements have to do, and by when.

    The index cannot destroy another party's copy: that is for the party to do, and to attest.
    """
    from mpi.service.agreements import duties as duties_service

    today = clock.now().date()
    with open_session(for_look_up=True) as session:
        duties = [
            duty
            for duty in duties_service.list_duties(session.index, session.viewer)
            if not overdue or duty.days_left(today) < 0
        ]
    if as_json:
        print_json([duties_service.to_plain_values(duty, today) for duty in duties])
        return
    print_table(
        ("agreement", "party", "duty", "since", "due", "days left", "clock"),
        [
            (
                duty.agreement,
                duty.party,
                duty.name,
                duty.begun.isoformat(),
                duty.due.isoformat(),
                str(duty.days_left(today)),
                duty.code or "",
            )
            for duty in duties
        ],
    )
    for duty in duties:
        if duty.days_left(today) < 0:
            print_note(duties_service.describe_duty(duty, today))


def begin(
    code: Code,
    name: Annotated[str, typer.Argument(metavar="CLOCK", help="Its clock, such as inspection.")],
    party: Annotated[str, typer.Option(help="The party that has to act.")],
    day: Day = None,
    reference: Annotated[str | None, typer.Option(help="Number of the file, with no name.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Let a clock of an agreement begin to run for a party."""
    from mpi.service.agreements import duties as duties_service

    with open_session() as session:
        duty = duties_service.begin_clock(
            session.index, session.viewer, code, name, party, _parse(day), reference
        )
    show_facts(duties_service.to_plain_values(duty, clock.now().date()), as_json=as_json)


def meet(
    code: Annotated[str, typer.Argument(metavar="CODE", help="The running clock.")],
    person: Person,
    day: Day = None,
    as_json: JsonFlag = False,
) -> None:
    """Record that a party did what a running clock is about."""
    from mpi.service.agreements import duties as duties_service

    with open_session() as session:
        duties_service.meet_clock(session.index, session.viewer, code, person, _parse(day))
    show_facts({"clock": code, "met": True}, as_json=as_json)


def destroyed(
    code: Annotated[str | None, typer.Argument(help="The agreement; lists all attestations without.")] = None,
    party: Annotated[str | None, typer.Option(help="The party that destroyed its copies.")] = None,
    through: Annotated[
        str | None, typer.Option(metavar="DAY", help="Last day whose answers are destroyed.")
    ] = None,
    person: Annotated[str | None, typer.Option("--by", help="Name of the person who attests it.")] = None,
    method: Annotated[str | None, typer.Option(help="How they were destroyed.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Record that a party destroyed what it received, or list such attestations."""
    from mpi.domain.errors import InputError
    from mpi.service.agreements import duties as duties_service

    if code is None:
        _list_attestations(as_json=as_json)
        return
    if party is None or through is None or person is None or method is None:
        raise InputError("name --party, --through, --by and --method")
    last_day = clock.parse_day(through, "--through")
    with open_session() as session:
        duties_service.attest_destruction(
            session.index, session.viewer, code, party, last_day, person, method
        )
    show_facts({"agreement": code, "party": party, "destroyed through": through}, as_json=as_json)


def _list_attestations(*, as_json: bool) -> None:
    from mpi.service.agreements import duties as duties_service

    with open_session(for_look_up=True) as session:
        attestations = duties_service.list_attestations(session.index, session.viewer)
    if as_json:
        print_json([asdict(each) for each in attestations])
        return
    columns = ("agreement", "party", "through", "attested_by", "method", "recorded_at", "recorded_by")
    rows = [[str(getattr(each, column)) for column in columns] for each in attestations]
    print_table(columns, rows)


def _parse(day: str | None) -> date:
    return clock.now().date() if day is None else clock.parse_day(day, "--on")
