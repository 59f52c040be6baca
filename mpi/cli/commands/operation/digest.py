"""Command ``mpi digest send``: the daily mail with counts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.exit_codes import ExitCode
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note


def send(
    into: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the mails into this folder; send none.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Mail people how much waits for them, once a day.

    A timer runs it. Run again on the same day, it mails those whose mail failed, and nobody twice.
    """
    from mpi.composition import mail
    from mpi.service.notices import digest

    with open_session(for_look_up=True) as session:
        sender = mail.read_digest_sender(session.settings, into)
        result = digest.send_digests(session.index, sender)
    if as_json:
        print_json(asdict(result))
    else:
        print_facts({"sent": result.sent, "skipped": result.skipped, "failed": len(result.failed)})
        if result.failed:
            print_note(f"not mailed: {', '.join(result.failed)}; run the command again to try again")
        if result.uncertain:
            print_note(f"perhaps mailed, and not again today: {', '.join(result.uncertain)}")
    if result.failed:
        raise typer.Exit(ExitCode.UNSOUND)
