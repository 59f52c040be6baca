"""Commands ``mpi audit …``: prove that the disclosure ledger is whole."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session, read_settings
from mpi.cli.exit_codes import ExitCode
from mpi.cli.output import JsonFlag, print_facts, print_json, print_lines, print_note, print_table, show_facts

if TYPE_CHECKING:
    from mpi.config import Settings
    from mpi.domain.ledger.signed_root import SignedRoot
    from mpi.service.audit.root_mail import RootMailer
    from mpi.service.audit.signing_key import PublicKey

KeyFile = Annotated[
    Path | None,
    typer.Option("--public-key", help="PEM file of the key that you hold; the index's by default."),
]
RootsCopy = Annotated[Path | None, typer.Option("--roots", help="Your copy of the file of signed roots.")]


def sign(
    restored: Annotated[
        str, typer.Option("--restored", metavar="REASON", help="The ledger lost lines by a restore: why.")
    ] = "",
    new_file: Annotated[
        bool, typer.Option("--new-file", help="Write the file of roots anew, where it is lost for good.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Sign the ledger's present root, once a day.

    A timer runs it. The root is appended to a file outside the database, and mailed to MPI_LEDGER_MAIL.
    """
    from mpi.composition import mail
    from mpi.service.audit.signing import RootsFile, sign_root
    from mpi.service.audit.signing_key import load_signing_key

    with open_session(for_look_up=True) as session:
        mailer = mail.read_root_mailer(session.settings)
        key = load_signing_key(session.settings.ledger_key_path, is_new=True)
        roots = RootsFile(session.settings.ledger_roots_path, key)
        root = sign_root(session.index, session.viewer, roots, note=restored, is_new_file=new_file)
    if as_json:
        print_json(asdict(root))
    else:
        print_facts({"root": root.root, "lines": root.size, "number": root.number, "signed": root.at})
    if mailer is not None:
        _mail(mailer, root)


def _mail(mailer: RootMailer, root: SignedRoot) -> None:
    """Mail a root; the command fails if it was not sent."""
    from mpi.service.notices.mail import MailError, MailUncertainError

    try:
        mailer.send(root)
    except (MailError, MailUncertainError) as error:
        print_note(f"the root is signed and in the file, but not mailed: {error}")
        raise typer.Exit(ExitCode.UNSOUND) from None


def verify(public_key: KeyFile = None, roots: RootsCopy = None, as_json: JsonFlag = False) -> None:
    """Compare every line of the ledger with its hashes and signed roots.

    Exits 1 if anything was changed, deleted, inserted, reordered or replaced.
    """
    from mpi.service.audit.verification import RootEvidence, verify_ledger

    with open_session(for_look_up=True) as session:
        settings = session.settings
        evidence = RootEvidence(
            roots or settings.ledger_roots_path,
            _read_public_key(settings, public_key),
            timedelta(hours=settings.ledger_unsigned_hours),
            is_copy=roots is not None,
        )
        report = verify_ledger(session.index, session.viewer, evidence)
    values = asdict(report)
    if as_json:
        print_json(values)
    else:
        findings = values.pop("findings")
        print_facts(values)
        if findings:
            print_table(("kind", "number", "detail"), [list(finding.values()) for finding in findings])
    if report.findings:
        print_note("the ledger is not what was written: keep all files as they are, and tell the auditor")
        raise typer.Exit(ExitCode.UNSOUND)


def prove(
    line: Annotated[int | None, typer.Argument(metavar="[LINE]", help="Number of the line.")] = None,
    size: Annotated[int | None, typer.Option(help="Lines of the tree; all by default.")] = None,
    former: Annotated[
        int | None,
        typer.Option("--from", help="Prove that the ledger of --size continues that of this size."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Prove a line, or that the ledger only grew.

    The sizes are those of signed roots.
    """
    from mpi.domain.errors import InputError
    from mpi.service.audit.export import to_row
    from mpi.service.audit.proofs import prove_growth, prove_line

    if (line is None) == (former is None) or (former is not None and size is None):
        raise InputError("give the number of a line, or --from and --size")
    with open_session(for_look_up=True) as session:
        if line is not None:
            proof = prove_line(session.index, session.viewer, line, size)
            values = asdict(proof) | {"line": to_row(proof.line)}
        else:
            values = asdict(prove_growth(session.index, session.viewer, former or 0, size or 0))
    if as_json:
        print_json(values)
    else:
        print_facts(values)


def lines(
    enterprise_id: Annotated[
        str | None, typer.Option("--eid", metavar="EID", help="Lines about this child, and about no other.")
    ] = None,
    client: Annotated[str | None, typer.Option(help="Lines of this client or account.")] = None,
    purpose: Annotated[str | None, typer.Option(help="Lines of this purpose of use.")] = None,
    agreement: Annotated[str | None, typer.Option(help="Lines under this agreement.")] = None,
    action: Annotated[
        str | None, typer.Option(help="Lines of this kind of request, such as person.read.")
    ] = None,
    first: Annotated[
        str | None,
        typer.Option("--from", metavar="DAY", help="First day; by default 30 days before."),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="Last day; by default today.")
    ] = None,
    fhir: Annotated[bool, typer.Option("--fhir", help="Print a FHIR Bundle of AuditEvents.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List who was shown what, when, for which purpose and agreement.

    The lines of one child name no other child: they can be given to a parent.
    """
    from mpi.domain import clock
    from mpi.service.access.ledger import LedgerFilter, LedgerLine, export_ledger
    from mpi.service.audit.audit_events import make_bundle, to_audit_events

    wanted = LedgerFilter(
        enterprise_id=enterprise_id,
        client=client,
        purpose=purpose,
        agreement=agreement,
        action=action,
        first_day=None if first is None else clock.parse_day(first, "--from"),
        last_day=None if last is None else clock.parse_day(last, "--to"),
    )
    with open_session(for_look_up=True) as session:
        rows = export_ledger(session.index, session.viewer, wanted)
        observer = f"mpi-{session.settings.scope}"
    found = [row for row in rows if isinstance(row, LedgerLine)]
    if fhir:
        print_json(make_bundle([event for line in found for event in to_audit_events(line, observer)]))
    elif as_json:
        print_json([asdict(line) for line in found])
    else:
        columns = ("at", "client", "purpose", "agreement", "action", "enterprise_ids", "fields")
        print_table(columns, [[getattr(line, column) for column in columns] for line in found])


def link(
    one: Annotated[str, typer.Argument(metavar="SOURCE:LOCAL_ID", help="A record.")],
    other: Annotated[str, typer.Argument(metavar="SOURCE:LOCAL_ID", help="Another record.")],
    as_json: JsonFlag = False,
) -> None:
    """List every answer that told of two records while they were linked."""
    from mpi.cli.record_references import parse_record_ref
    from mpi.service.audit.link_disclosures import find_disclosures_of_link

    pair = parse_record_ref(one), parse_record_ref(other)
    with open_session(for_look_up=True) as session:
        report = find_disclosures_of_link(session.index, session.viewer, *pair)
    if as_json:
        print_json(asdict(report))
        return
    for interval in report.intervals:
        print_facts({"linked since": interval.since, "until": interval.until or "today"})
    columns = ("at", "client", "purpose", "agreement", "action", "names_both", "fields")
    print_table(columns, [[getattr(line, column) for column in columns] for line in report.disclosures])


def students(
    source: Annotated[str, typer.Argument(help="Code of the district's source.")],
    out: Annotated[Path, typer.Option(help="The file to write, readable by its owner only.")],
    first: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="First day; by default the first of all.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="Last day; by default today.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Export the disclosures of a source's records, for the students' files.

    A row for each record and answer; the columns are those that 34 CFR 99.32 asks for.
    """
    from mpi.cli.output_files import write_csv
    from mpi.domain import clock
    from mpi.service.audit.student_records import HEADER, list_disclosures_of_source, to_cells

    days = (
        None if first is None else clock.parse_day(first, "--from"),
        None if last is None else clock.parse_day(last, "--to"),
    )
    with open_session(for_look_up=True) as session:
        rows = list_disclosures_of_source(session.index, session.viewer, source, *days)
        count = write_csv(out, HEADER, map(to_cells, rows))
    show_facts({"file": str(out), "rows": count}, as_json=as_json)


def export() -> None:
    """Export the ledger's lines for an independent verifier.

    One JSON object a line; see scripts/verify_ledger.py.
    """
    import orjson

    from mpi.service.audit.export import iterate_rows

    with open_session(for_look_up=True) as session:
        print_lines(orjson.dumps(row).decode() for row in iterate_rows(session.index, session.viewer))


def key() -> None:
    """Print the public key of the signed roots.

    Give it to the auditor before anything is in doubt. A key is made where there is none.
    """
    from mpi.service.audit.signing_key import load_signing_key

    pem = load_signing_key(read_settings().ledger_key_path, is_new=True).public.to_pem()
    print_lines(pem.splitlines())


def _read_public_key(settings: Settings, path: Path | None) -> PublicKey:
    from mpi.service.audit.signing_key import load_public_key, load_signing_key

    return load_signing_key(settings.ledger_key_path).public if path is None else load_public_key(path)
