"""Tabular reports about the index, without personal data."""

from collections.abc import Callable
from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.errors import NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class Report:
    """A named table of figures about the index."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


def make_report(index: Index, viewer: Viewer, name: str) -> Report:
    """Make the named report (table of figures) about the index.

    Raises:
        NotFoundError: there is no such report; the message lists the names.
        AccessDenied: the viewer may not read reports.
    """
    require_permission(viewer, Action.REPORT)
    if name not in REPORTS:
        raise NotFoundError(f"no report {name!r}; there are: {', '.join(REPORTS)}")
    with index.database.read(viewer) as unit:
        return REPORTS[name](unit)


def _report_summary(unit: ReadUnit) -> Report:
    """Report numbers of records, persons and tasks, and the model."""
    persons = unit.persons.counts()
    states: dict[str, int] = {}
    for (_, state), count in unit.records.counts().items():
        states[state] = states.get(state, 0) + count
    config = unit.configs.active_config()
    rows = (
        ("records, active", states.get("active", 0)),
        ("records, withdrawn", states.get("withdrawn", 0)),
        ("persons, active", persons.get("active", 0)),
        ("persons, retired", persons.get("retired", 0)),
        ("persons, empty", persons.get("empty", 0)),
        ("review tasks, open", unit.tasks.count(clock.today())),
        ("model", "" if config is None else f"{config.model_name}/{config.model_version}"),
    )
    return Report("summary", "The index at a glance", ("what", "count"), rows)


def _report_sources(unit: ReadUnit) -> Report:
    """Report numbers of records by source."""
    counts = unit.records.counts()
    rows = tuple(
        (
            source.code,
            source.agency,
            source.kind,
            counts.get((source.code, "active"), 0),
            counts.get((source.code, "withdrawn"), 0),
        )
        for source in unit.sources.all()
    )
    return Report("sources", "Records by source", ("source", "agency", "kind", "active", "withdrawn"), rows)


def _report_loads(unit: ReadUnit) -> Report:
    """Report each load of a file with its counts."""
    batches = unit.batches.all()
    info = unit.commit_info({batch.commit_no for batch in batches})
    names = ("received", "created", "updated", "unchanged", "withdrawn", "history", "held", "rejected")
    rows = tuple(
        (
            batch.id,
            info[batch.commit_no][0][:19],
            batch.source,
            batch.status,
            *(batch.counts.get(name, 0) for name in names),
        )
        for batch in batches
    )
    return Report("loads", "Receipts of loads", ("batch", "at", "source", "status", *names), rows)


def _report_overlap(unit: ReadUnit) -> Report:
    """Report numbers of persons by the set of sources that hold them."""
    labels = dict(unit.records.iterate_labels())
    sources_of: dict[int, set[str]] = {}
    for record, person in unit.persons.all_current_persons().items():
        if record in labels:
            sources_of.setdefault(person, set()).add(labels[record].source)
    person_counts: dict[str, int] = {}
    for sources in sources_of.values():
        name = " + ".join(sorted(sources))
        person_counts[name] = person_counts.get(name, 0) + 1
    rows = tuple(sorted(person_counts.items(), key=lambda item: (-item[1], item[0])))
    return Report("overlap", "Persons by the sources that know them", ("sources", "persons"), rows)


REPORTS: dict[str, Callable[[ReadUnit], Report]] = {
    "summary": _report_summary,
    "sources": _report_sources,
    "loads": _report_loads,
    "overlap": _report_overlap,
}
"""Report functions by the name that ``mpi report`` takes."""
