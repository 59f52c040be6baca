"""Terminal output of the demo: story, comparison and next commands."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mpi.api.pages.rendering.paths import question_path
from mpi.cli.demo.comparison import MethodResult
from mpi.cli.demo.demo_index import SCOPES, SOURCES, DemoBuild
from mpi.cli.demo.readers import ReaderAnswer
from mpi.cli.demo.story import AgencyRecord, ChildStory
from mpi.domain import clock
from mpi.standardize.restrictions import are_whereabouts_withheld_as_sent

TASKS_PER_HOUR = 25
_REASONS_SHOWN = 4
_TELLING_FIELDS = frozenset({"enrollments", "placements", "addresses", "guardians", "identifiers"})
"""Attributes by which the demo shows how answers differ."""
_NAMES = {str(source): name for source, (name, _agency, _kind) in SOURCES.items()}


def show_story(console: Console, story: ChildStory) -> None:
    """Print the example child's records, how they were linked and why."""
    console.print()
    console.print(Text("One child in foster care, as each agency holds the record", style="bold"))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("agency", "local ID", "name", "born", "home", "school"):
        table.add_column(column, overflow="fold")
    today = clock.today()
    confidential = any(are_whereabouts_withheld_as_sent(record.record, today) for record in story.held)
    for record in story.held:
        table.add_row(*_format_cells(record, confidential=confidential))
    console.print(table)
    console.print()
    line = Text.assemble(
        "Found in ",
        (f"{story.milliseconds:.1f} ms", "bold"),
        ": one person, ",
        (story.enterprise_id, "bold cyan"),
    )
    console.print(line)
    console.print(f"Why: {_format_reasons(story)}")
    if story.twin is not None:
        eid, name, weight = story.twin
        console.print(
            f"Kept apart: {name}, a twin of the same day and home, is {eid} "
            f"({weight:+.1f} bits: not the same child)."
        )
    console.print(f"Exact name and birth date {_describe_exact_match(story)}")


def _format_cells(agency_record: AgencyRecord, *, confidential: bool) -> tuple[str, ...]:
    """Return the table row of one agency's record of the demo's child."""
    record = agency_record.record
    names = (record.get("first_name"), record.get("middle_name"), record.get("last_name"))
    home = (record.get("address_line1"), record.get("city"))
    return (
        _NAMES[agency_record.source],
        agency_record.local_id,
        " ".join(str(name) for name in names if name),
        str(record.get("birth_date", "–")),
        "withheld" if confidential else ", ".join(str(part) for part in home if part) or "–",
        "withheld" if confidential else str(record.get("school_id", "–")),
    )


def _format_reasons(story: ChildStory) -> str:
    """Format the example pair's match weight with its strongest comparisons."""
    strongest = [part for part in story.why if part.bits > 0][:_REASONS_SHOWN]
    against = [part for part in story.why if part.bits < 0][-1:]
    supporting = ", ".join(
        f"{part.comparison.replace('_', ' ')}: {part.level} {part.bits:+.1f}" for part in strongest
    )
    opposing = "".join(
        f"; against it {part.comparison.replace('_', ' ')}: {part.level} {part.bits:+.1f}" for part in against
    )
    return f"{story.weight:+.1f} bits ({supporting}{opposing})."


def _describe_exact_match(story: ChildStory) -> str:
    """Say whether exact match would have linked the demo's example child."""
    if not story.exact_missed:
        return "would have found this child too."
    if story.differences:
        verb = "differs" if len(story.differences) == 1 else "differ"
        fields = " and ".join(story.differences)
        return f"would have missed this child: {fields} {verb} between the agencies."
    return "would have missed this child: a name or birth date is missing on one side."


def show_readers(console: Console, readers: Sequence[ReaderAnswer]) -> None:
    """Print what each of three people is told about the demo's child."""
    console.print()
    table = _create_table("Three people ask for this child, and the policy answers each by role and purpose")
    for column in ("who", "purpose", "flags", "also told", "ledger"):
        table.add_column(column, overflow="fold")
    for reader in readers:
        told = ", ".join(field.replace("_", " ") for field in reader.fields if field in _TELLING_FIELDS)
        table.add_row(
            reader.reader,
            reader.purpose.replace("_", " "),
            ", ".join(flag.replace("_", " ") for flag in reader.flags) or "–",
            told or "–" if reader.refusal is None else "refused: figures only",
            f"{reader.ledger_lines} {'line' if reader.ledger_lines == 1 else 'lines'}",
        )
    console.print(table)


def show_comparison(console: Console, results: list[MethodResult], children: int) -> None:
    """Print the demo results of the matching methods side by side."""
    console.print()
    table = _create_table(f"{children:,} enrolled children in care, by three ways, on the same records")
    table.add_column("")
    for result in results:
        table.add_column(result.name, justify="right")
    table.add_row(
        "school found", *(f"{result.found:,} ({result.found / max(children, 1):.1%})" for result in results)
    )
    table.add_row("linked to the wrong child", *(f"{result.wrong:,}" for result in results))
    table.add_row(
        "left for a person to decide",
        *(f"{result.undecided:,}" if result.tasks else "–" for result in results),
    )
    table.add_row(
        f"review tasks in all (at {TASKS_PER_HOUR} an hour)",
        *(
            f"{result.tasks:,} ({result.tasks / TASKS_PER_HOUR:.1f} h)" if result.tasks else "–"
            for result in results
        ),
    )
    table.add_row("seconds", *(f"{result.seconds:.1f}" for result in results))
    console.print(table)
    console.print(
        "[dim]Exact match: first name, last name and birth date. Plain Splink: settings of a careful "
        "notebook without fields that a household shares, connected components at probability 0.95. "
        "Seconds: matching alone for the first two, files to durable enterprise IDs for this index.[/]"
    )


def _create_table(title: str) -> Table:
    """Create a table in the demo's style."""
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        header_style="dim",
    )


def show_loads(console: Console, build: DemoBuild) -> None:
    """Print the demo's numbers of received, accepted and rejected records by source."""
    console.print()
    table = _create_table("Loaded, each agency into an index of its own")
    for column in ("source", "received", "accepted", "rejected", "seconds"):
        table.add_column(column, justify="left" if column == "source" else "right")
    for load in build.loads:
        counts = load.counts
        table.add_row(
            _NAMES[load.source],
            f"{counts['received']:,}",
            f"{counts['received'] - counts['rejected'] - counts['held']:,}",
            f"{counts['rejected']:,}",
            f"{load.seconds:.1f}",
        )
    table.add_row("linked across agencies", "", "", "", f"{build.link_seconds:.1f}")
    console.print(table)


def show_banner(console: Console) -> None:
    """Print that all data of the demo is synthetic."""
    console.print(
        Panel(
            "SYNTHETIC DATA: every child, name and address below is invented.", style="yellow", expand=False
        )
    )


def show_commands(console: Console, folder: Path, story: ChildStory | None, url: str) -> None:
    """Print commands to try next on the demo's indexes."""
    home = f"MPI_HOME={shlex.quote(_shorten_path(folder / 'index'))}"
    command = shlex.quote(_shorten_path(Path(sys.executable).parent / "mpi"))
    eid = story.enterprise_id if story is not None else "EID"
    key = shlex.quote(_shorten_path(folder / "api-key"))
    console.print()
    console.print(Text("Try:", style="bold"))
    school_record = None if story is None else _find_school_record(story)
    look_ups = [f"{home} {command} person {eid}"]
    if school_record is not None:
        reference = f"--source {school_record.source} --local-id {shlex.quote(school_record.local_id)}"
        look_ups.append(f"MPI_SCOPE=education {home} {command} crosswalk {reference}  # as schools see it")
    for line in (
        *look_ups,
        f"{home} {command} recluster --dry-run",
        f'curl -H "Authorization: Bearer $(cat {key})" {url}/v1/persons/{eid}',
    ):
        console.print(Text("  " + line), soft_wrap=True)


def _find_school_record(story: ChildStory) -> AgencyRecord | None:
    """Return the example child's first record in the scope of schools."""
    _name, sources = SCOPES["education"]
    return next((record for record in story.held if record.source in sources), None)


def show_pages(console: Console, url: str, story: ChildStory | None, question: str | None) -> None:
    """Print addresses of the example child, a question and the desk.

    The pages of the demo need no sign-in; the user chooses a role.
    """
    console.print()
    console.print(
        Text("The steward's desk, without signing in (choose a role at the top right):", style="bold")
    )
    pages = (
        ("the child", f"/people/{story.enterprise_id}" if story is not None else None),
        ("one question", question_path(question) if question is not None else None),
        ("the desk", "/"),
    )
    for name, path in pages:
        if path is not None:
            console.print(f"  {name:<14}{url}{path}", soft_wrap=True)
    console.print("Ctrl-C stops.")


def _shorten_path(path: Path) -> str:
    """Return the path relative to the current folder if that is shorter."""
    relative = os.path.relpath(path)
    return relative if len(relative) < len(str(path)) else str(path)
