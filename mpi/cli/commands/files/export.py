"""Commands ``mpi export …`` of enterprise IDs and of former ones."""

from dataclasses import astuple
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note
from mpi.cli.output_files import write_csv
from mpi.cli.progress import show_progress
from mpi.domain.errors import InputError


class Layout(StrEnum):
    """Layouts of a crosswalk export: a row per record, or per person."""

    LONG = "long"
    WIDE = "wide"


class Purpose(StrEnum):
    """Purposes of a crosswalk export: operational or statistical."""

    OPERATIONAL = "operational"
    STATISTICAL = "statistical"


def crosswalk(
    out: Annotated[Path, typer.Option(help="The file to write, readable by its owner only.")],
    purpose: Annotated[
        Purpose, typer.Option(help="operational: enterprise IDs; statistical: IDs of a research partition.")
    ] = Purpose.OPERATIONAL,
    source: Annotated[
        list[str] | None, typer.Option(help="Only records of this source; may be repeated.")
    ] = None,
    layout: Annotated[
        Layout, typer.Option(help="long: a row for each record; wide: a row for each ID, a column a source.")
    ] = Layout.LONG,
    as_json: JsonFlag = False,
) -> None:
    """Export all enterprise IDs as CSV or Parquet.

    A file whose name ends with .parquet is Parquet. The columns are source, local_id and enterprise_id. The
    file is written completely or not at all. With
    --purpose statistical the third column holds IDs that are drawn anew for each export, of a partition
    that misses fewer links and makes more false ones.
    """
    from mpi.cli.crosswalk_file import make_wide_table, write_table
    from mpi.service.persons import crosswalk_export
    from mpi.service.recluster import research_partition

    with open_session() as session, show_progress() as report:
        known = crosswalk_export.check_sources(session.index, session.viewer, source)
        if purpose is Purpose.STATISTICAL:
            rows = research_partition.export_research_crosswalk(session.index, session.viewer, report)
        else:
            rows = crosswalk_export.export_crosswalk(session.index, session.viewer)
        wanted = (row for row in rows if known is None or row.source in known)
        if layout is Layout.WIDE:
            count = write_table(out, *make_wide_table(wanted))
        else:
            count = write_table(out, crosswalk_export.HEADER, (astuple(row) for row in wanted))
    written = {"file": str(out), "rows": count}
    if as_json:
        print_json(written)
    else:
        print_facts(written)
        print_note("this file links agencies' records: send it only where an agreement permits")


def id_map(
    client: Annotated[str, typer.Option(help="The client that gets the map, once.")],
    out: Annotated[Path, typer.Option(help="The file to write, readable by its owner only.")],
    as_json: JsonFlag = False,
) -> None:
    """Export a client's records with former and present IDs.

    For a scope that a split has made. The columns are source, local_id, former_enterprise_id (of the shared
    index) and enterprise_id (of the scope).
    """
    from mpi.service.scopes import id_map as id_maps

    if out.exists():
        raise InputError(f"{out} exists: name another file, since the map is given once")
    with open_session(for_look_up=True) as session:
        rows = id_maps.give_id_map(session.index, session.viewer, client)
        count = write_csv(out, id_maps.HEADER, (astuple(row) for row in rows))
    written = {"file": str(out), "rows": count}
    if as_json:
        print_json(written)
    else:
        print_facts(written)


def school_record(
    client: Annotated[str, typer.Option(help="The client of child welfare that gets the file.")],
    source: Annotated[str, typer.Option(metavar="CODE", help="The child-welfare source.")],
    out: Annotated[Path, typer.Option(help="The file to write, readable by its owner only.")],
    purpose: Annotated[str, typer.Option(help="The purpose of use of the client.")] = "case_planning",
    last_elementary_grade: Annotated[
        int, typer.Option(help="Highest grade of an elementary school in the state.")
    ] = 6,
    as_json: JsonFlag = False,
) -> None:
    """Export the schools of an agency's children in care as CSV.

    A row has the agency's own local ID, school, grade, first day and the values of AFCARS elements 35 and 36,
    or the reason why there is no school. It holds what agreement and purpose permit the client, which needs
    the right school.export. The file is written completely or not at all.
    """
    from mpi.service.rosters import school_export

    request = school_export.SchoolRequest(client, source, purpose, last_elementary_grade)
    with open_session(for_look_up=True) as session:
        rows = school_export.export_schools(session.index, session.viewer, request)
        count = write_csv(out, school_export.HEADER, (astuple(row) for row in rows))
    written = {"file": str(out), "rows": count}
    if as_json:
        print_json(written)
    else:
        print_facts(written)
        print_note("this file tells schools of children in care: send it only to that agency")
