"""Commands about extracts of research projects: terms, export, destruction."""

from pathlib import Path
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_json, print_note, show_facts
from mpi.cli.output_files import write_private_folder
from mpi.domain.errors import InputError
from mpi.policy.agreement import LinkedBy
from mpi.policy.cases.research import IrbDecision

Code = Annotated[str, typer.Argument(help="The project.")]


def terms(
    code: Code,
    agreement: Annotated[str, typer.Option(help="Its data-sharing agreement.")],
    party: Annotated[str, typer.Option(help="Party of the agreement that receives the extract.")],
    irb: Annotated[str, typer.Option(help="Number of the decision of the institutional review board.")],
    irb_decision: Annotated[IrbDecision, typer.Option(help="The decision.")],
    expires: Annotated[str, typer.Option(metavar="DAY", help="Last day on which it may have data.")],
    field: Annotated[
        list[str],
        typer.Option(help="A field, or flags.POPULATION, as the agreement names it; may be repeated."),
    ],
    by: Annotated[str, typer.Option("--by", help="Name of the person who answers for it.")],
    coarsen: Annotated[
        list[str] | None,
        typer.Option(metavar="VARIABLE=LEVEL", help="Give a variable with less detail; may be repeated."),
    ] = None,
    linked_by: Annotated[
        LinkedBy, typer.Option(help="Partition from which its children come, as the agreement names it.")
    ] = LinkedBy.OPERATIONAL,
    as_json: JsonFlag = False,
) -> None:
    """Record what a project may have, and until when.

    The latest terms count. They are checked against the agreement now, and at each extract.
    """
    from mpi.domain import clock
    from mpi.policy.cases.research import ResearchTerms
    from mpi.service.research import projects

    recorded = ResearchTerms(
        agreement=agreement,
        recipient=party,
        irb_reference=irb,
        irb_decision=irb_decision,
        expires=clock.parse_day(expires, "--expires"),
        fields=tuple(field),
        levels=_parse_levels(coarsen or []),
        recorded_by=by,
        linked_by=linked_by,
    )
    with open_session(for_look_up=True) as session:
        projects.set_terms(session.index, session.viewer, code, recorded)
    show_facts({"code": code, **projects.describe_terms(recorded)}, as_json=as_json)


def show(code: Code, as_json: JsonFlag = False) -> None:
    """Show a project with its terms, extracts and certificate."""
    from mpi.service.research.overview import show_overview

    with open_session(for_look_up=True) as session:
        overview = show_overview(session.index, session.viewer, code)
    facts = {**overview.as_dict(), "has_ended": overview.project["ended_on"] is not None}
    print_json(facts) if as_json else show_facts(facts, as_json=False)


def export(
    project: Annotated[str, typer.Option(help="The project.")],
    into: Annotated[
        Path, typer.Option(metavar="FOLDER", help="A new folder, which its owner alone may read.")
    ],
    as_json: JsonFlag = False,
) -> None:
    """Export the extract of a research project into a new folder.

    The folder holds records, codebook, error rates, linkage statement, risk report, terms and manifest. It is
    written completely or not at all.
    """
    from mpi.service.research.extract import make_extract

    with open_session() as session:
        extract = make_extract(session.index, session.viewer, project)
        write_private_folder(into, extract.files)
    facts = {
        "folder": str(into),
        "rows": extract.rows,
        "children": extract.children,
        "manifest_sha256": extract.digest,
    }
    show_facts(facts, as_json=as_json)
    if not as_json:
        print_note("read risk-report.md before you give this folder to anybody")


def destroyed(
    code: Code,
    by: Annotated[str, typer.Option("--by", help="Name of who attests it for the recipient.")],
    method: Annotated[str, typer.Option(help="How the copies were destroyed.")],
    on: Annotated[str | None, typer.Option("--on", metavar="DAY", help="The day; today by default.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Record that every copy of a project is destroyed; end it.

    It prints a certificate, whose digest is on the ledger.
    """
    from mpi.domain import clock
    from mpi.service.research.destruction import attest_destruction

    day = clock.now().date() if on is None else clock.parse_day(on, "--on")
    with open_session(for_look_up=True) as session:
        certificate = attest_destruction(session.index, session.viewer, code, by, method, day)
    show_facts(certificate.as_dict() | {"is_valid": certificate.is_valid}, as_json=as_json)


def _parse_levels(texts: list[str]) -> dict[str, str]:
    """Return levels by variable."""
    levels = {}
    for text in texts:
        variable, sign, level = text.partition("=")
        if not sign:
            raise InputError("--coarsen: write VARIABLE=LEVEL, such as birth_date=year")
        levels[variable] = level
    return levels
