"""What the page of a person shows, gathered from the use cases and put into words."""

from collections.abc import Mapping
from dataclasses import dataclass

from mpi.api.pages.rendering.charts import ArcDiagram, draw_arcs
from mpi.api.pages.rendering.record_links import build_record_link
from mpi.api.pages.rendering.record_values import format_record, format_value, is_confidential
from mpi.domain.errors import AccessDenied, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, is_allowed
from mpi.service.core.index import Index
from mpi.service.explanations.links import Link, list_links
from mpi.service.explanations.person_history import HistoryStep, describe_history
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.persons.persons import LineageStep, PersonView, look_up_lineage, look_up_person
from mpi.service.records.upsert import read
from mpi.service.statements.sources import list_visible_sources
from mpi.storage.repositories.sources.sources import Source


@dataclass(frozen=True, slots=True)
class SourceRecordCard:
    """One source record in words."""

    label: RecordRef
    agency: str
    system: str
    as_of: str
    rows: Mapping[str, str]
    issues: tuple[str, ...]
    url: str | None


@dataclass(frozen=True, slots=True)
class GoldenRow:
    """A value that stands, whose it is, why, and what others say."""

    attribute: str
    value: str
    record: RecordRef
    rule: str
    agreeing: int
    others: tuple[tuple[str, RecordRef], ...]
    said: str | None


@dataclass(frozen=True, slots=True)
class PersonPage:
    """A person in words; ``steps`` newest first, each with whether it may be undone from here."""

    person: PersonView
    cards: tuple[SourceRecordCard, ...]
    links: tuple[Link, ...]
    drawing: ArcDiagram | None
    steps: tuple[LineageStep, ...]
    undoable: frozenset[int]
    golden: tuple[GoldenRow, ...]
    built: tuple[HistoryStep, ...]


def build_person_page(index: Index, viewer: Viewer, text: str) -> PersonPage:
    """Gather what the page of an enterprise ID shows.

    Raises:
        EidError: it is not an enterprise ID.
        NotFoundError: it was never minted here, or holds nothing that the viewer may know of.
        AccessDenied: the viewer may not read persons.
    """
    view = look_up_person(index, viewer, text)
    cards = read_record_cards(index, viewer, view.records)
    steps = tuple(reversed(look_up_lineage(index, viewer, text)))
    person_links = list_links(index, viewer, text) if len(view.records) > 1 else ()
    drawing = draw_arcs(view.records, [(link.left, link.right, link.match_weight) for link in person_links])
    return PersonPage(
        view,
        cards,
        person_links,
        drawing,
        steps,
        _find_undoable_steps(viewer, steps),
        _read_golden_rows(index, viewer, text),
        _read_history(index, viewer, text),
    )


def _read_history(index: Index, viewer: Viewer, text: str) -> tuple[HistoryStep, ...]:
    return describe_history(index, viewer, text) if is_allowed(viewer, Action.RECORD_READ) else ()


def _read_golden_rows(index: Index, viewer: Viewer, text: str) -> tuple[GoldenRow, ...]:
    if not is_allowed(viewer, Action.RECORD_READ):
        return ()
    return tuple(
        GoldenRow(
            value.attribute,
            format_value(value.attribute, value.value),
            value.record,
            value.rule,
            len(value.agreeing),
            tuple(
                (format_value(value.attribute, alternative.value), alternative.record)
                for alternative in value.others
            ),
            None if value.correction is None else value.correction.by,
        )
        for value in look_up_golden_record(index, viewer, text).values
        if value.attribute != "flags"
    )


def read_record_cards(
    index: Index, viewer: Viewer, records: tuple[RecordRef, ...]
) -> tuple[SourceRecordCard, ...]:
    """The records in words, in their order; one that the viewer may not read is left out."""
    sources = {source.code: source for source in list_visible_sources(index, viewer)}
    stored_records = []
    for label in records:
        try:
            stored_records.append((label, read(index, viewer, label.source, label.local_id)))
        except (AccessDenied, NotFoundError):
            continue
    confidential = is_confidential([stored["record"] for _, stored in stored_records])
    return tuple(
        SourceRecordCard(
            label,
            sources[label.source].agency,
            sources[label.source].name,
            stored["record"].get("as_of", ""),
            format_record(stored["record"], confidential=confidential, withheld=stored["withheld"]),
            tuple(f"{issue['field']} ({issue['code'].replace('-', ' ')})" for issue in stored["issues"]),
            build_record_link(index, label),
        )
        for label, stored in stored_records
    )


def list_sources(index: Index, viewer: Viewer) -> list[Source]:
    """The sources that a viewer may choose from."""
    return list_visible_sources(index, viewer)


def _find_undoable_steps(viewer: Viewer, steps: tuple[LineageStep, ...]) -> frozenset[int]:
    """Steps that were not undone since, which whoever may decide can take back."""
    if not is_allowed(viewer, Action.DECIDE):
        return frozenset()
    undone_steps = {step.step for step in steps if step.cause.startswith("undo ")}
    return frozenset(step.step for step in steps if step.step is not None and step.step not in undone_steps)
