"""Commands ``mpi research …``: projects with research IDs of their own."""

from dataclasses import astuple
from pathlib import Path
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_json, print_note, print_table, show_facts
from mpi.cli.output_files import write_csv

Code = Annotated[str, typer.Argument(help="The project.")]
Name = Annotated[str, typer.Option("--by", help="Name of the person who answers for it.")]


def add(
    code: Code,
    title: Annotated[str, typer.Option(help="Its name for people.")],
    by: Name,
    as_json: JsonFlag = False,
) -> None:
    """Open a research project, whose IDs join with no other project's."""
    from mpi.service.rights import research_ids

    with open_session() as session:
        research_ids.open_project(session.index, session.viewer, code, title, by)
    show_facts({"code": code, "title": title, "opened_by": by}, as_json=as_json)


def show(as_json: JsonFlag = False) -> None:
    """List the research projects, oldest first."""
    from mpi.service.rights import research_ids

    with open_session(for_look_up=True) as session:
        projects = research_ids.list_projects(session.index, session.viewer)
    if as_json:
        print_json(projects)
        return
    columns = ("code", "title", "opened_by", "opened_on", "ended_by", "ended_on")
    print_table(columns, [[project[column] for column in columns] for project in projects])


def end(code: Code, by: Name, as_json: JsonFlag = False) -> None:
    """End a research project, and destroy the key of its IDs."""
    from mpi.service.rights import research_ids

    with open_session() as session:
        research_ids.end_project(session.index, session.viewer, code, by)
    show_facts({"code": code, "ended_by": by}, as_json=as_json)


def export(
    code: Code,
    out: Annotated[Path, typer.Option(help="The file to write, readable by its owner only.")],
    as_json: JsonFlag = False,
) -> None:
    """Export which records are of one child, by a project's IDs.

    The file is CSV; its columns are research_id, source and record_id. No enterprise ID and no local ID
    leaves.
    """
    from mpi.service.rights import research_ids

    with open_session() as session:
        rows = research_ids.export_research_ids(session.index, session.viewer, code)
        count = write_csv(out, research_ids.HEADER, (astuple(row) for row in rows))
    show_facts({"file": str(out), "rows": count}, as_json=as_json)
    if not as_json:
        print_note("delete this file when the project ends: the index then destroys the key of its IDs")
