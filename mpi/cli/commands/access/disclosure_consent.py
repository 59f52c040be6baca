"""Commands ``mpi disclosure-consent …``: consents of families to disclose a record."""

from __future__ import annotations

from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.commands.stewardship.expunge import Source
from mpi.cli.output import JsonFlag, print_json, print_table, show_facts
from mpi.domain import clock
from mpi.domain.errors import InputError

LocalId = Annotated[str, typer.Argument(help="Local ID of the record.")]


def add(
    local_id: LocalId,
    source: Source,
    agreement: Annotated[str, typer.Option(help="The agreement under which it may be disclosed.")],
    recipient: Annotated[str, typer.Option(help="The party that may receive it.")],
    purposes: Annotated[list[str], typer.Option("--purpose", help="A purpose; repeat for several.")],
    fields: Annotated[list[str], typer.Option("--field", help="A field; repeat for several.")],
    signer: Annotated[str, typer.Option(help="parent, or student of 18 or older.")],
    signed: Annotated[str, typer.Option(metavar="DAY", help="Day of the signature.")],
    ends: Annotated[str, typer.Option(metavar="DAY", help="Last day.")],
    reference: Annotated[str, typer.Option(help="Number of the signed paper, with no name.")],
    as_json: JsonFlag = False,
) -> None:
    """Record a consent to disclose a record.

    A grant on the basis of consent discloses the record while the consent is in force.
    """
    from mpi.policy.cases.consent import Consent, Signer
    from mpi.service.legal import disclosure_consents

    if signer not in set(Signer):
        raise InputError(f"--signer: give one of {', '.join(Signer)}")
    consent = Consent(
        agreement=agreement,
        recipient=recipient,
        purposes=frozenset(purposes),
        fields=frozenset(fields),
        signer=Signer(signer),
        signed=clock.parse_day(signed, "--signed"),
        ends=clock.parse_day(ends, "--ends"),
        reference=reference,
    )
    with open_session() as session:
        code = disclosure_consents.record_consent(session.index, session.viewer, source, local_id, consent)
    show_facts({"consent": code, "ends": ends}, as_json=as_json)


def show(local_id: LocalId, source: Source, as_json: JsonFlag = False) -> None:
    """List the consents to disclose a record, oldest first."""
    from mpi.service.legal import disclosure_consents

    with open_session(for_look_up=True) as session:
        views = disclosure_consents.list_consents(session.index, session.viewer, source, local_id)
    consents = [disclosure_consents.to_plain_values(view) for view in views]
    if as_json:
        print_json(consents)
        return
    columns = ("code", "agreement", "recipient", "purposes", "fields", "signed", "ends", "revoked_at")
    print_table(columns, [[consent[column] for column in columns] for consent in consents])


def revoke(code: Annotated[str, typer.Argument(help="The consent.")], as_json: JsonFlag = False) -> None:
    """Revoke a consent at once.

    What was disclosed before stays disclosed, and no link is undone.
    """
    from mpi.service.legal import disclosure_consents

    with open_session() as session:
        disclosure_consents.revoke_consent(session.index, session.viewer, code)
    show_facts({"consent": code, "revoked": True}, as_json=as_json)
