"""Contents of a child's page, collected from the use cases."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mpi.api.pages.rendering.charts import ArcDiagram, Node, draw_arcs
from mpi.api.pages.rendering.child_history import ChildHeading, Stay, build_heading, list_stays
from mpi.api.pages.rendering.child_labels import name_systems
from mpi.api.pages.rendering.record_links import build_record_link
from mpi.api.pages.rendering.record_values import format_record, format_value, is_confidential
from mpi.api.request.refusals import record_denied_call
from mpi.domain import clock
from mpi.domain.errors import AccessDenied, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.survivorship.attributes import NAME_PARTS
from mpi.domain.viewer import Action, Viewer, is_allowed
from mpi.service.core.index import Index
from mpi.service.explanations.person_history import HistoryStep, describe_steps
from mpi.service.explanations.person_links import Link, list_links
from mpi.service.persons.golden_record import (
    GoldenValue,
    has_withheld_whereabouts,
    look_up_golden_record,
)
from mpi.service.persons.lineage import LineageStep, look_up_lineage
from mpi.service.persons.persons import PersonView, look_up_person
from mpi.service.records.record_reader import read_all
from mpi.service.rosters.school_directory import load_school_directory
from mpi.service.statements.sources import list_visible_sources
from mpi.standardize.name.title_case import format_given_name, format_last_name, format_suffix
from mpi.storage.repositories.sources.sources import Source

RECORDS_PER_PAGE = 20
"""Most source records on one page of a child."""
MAX_HISTORY = 50
"""Most changes of a child that its page lists, unless asked for all."""
MAX_DRAWN_LINKS = 45
"""Most links that a chart shows; more of them cannot be told apart, so that only the table shows them."""
_SHOWN_ELSEWHERE = frozenset({"flags", "enrollments", "placements"})
"""Attributes of the golden record that have tables of their own."""


@dataclass(frozen=True, slots=True)
class SourceRecordCard:
    """Source record of a child, formatted for its page.

    ``name_parts`` are the parts of its name as the source writes them, by field.
    """

    label: RecordRef
    agency: str
    system: str
    as_of: str
    rows: Mapping[str, str]
    issues: tuple[str, ...]
    url: str | None
    name_parts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class GoldenRow:
    """One value of a person's golden record, with its origin and alternatives.

    The origin is the source record and the survivorship rule that chose the value.
    """

    attribute: str
    value: str
    record: RecordRef
    rule: str
    agreeing: int
    others: tuple[tuple[str, tuple[RecordRef, ...]], ...]
    said: str | None


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """Where a child's page shows a record.

    Args:
        position: number of the record among the child's, from 1.
        page: page of records that holds it, from 1.
    """

    position: int
    page: int


@dataclass(frozen=True, slots=True)
class PersonPage:
    """Contents of a person's page: golden record, source records and past steps.

    ``steps``, ``built`` and ``stays`` are newest first. ``cards`` are those of one page of records, and
    ``places`` tell on which page each record stands, and at which position. ``changes`` is the number of all
    changes, of which ``built`` may hold the newest alone.
    """

    person: PersonView
    heading: ChildHeading
    stays: tuple[Stay, ...]
    page: int
    pages: int
    places: Mapping[RecordRef, RecordPlace]
    systems: Mapping[str, str]
    cards: tuple[SourceRecordCard, ...]
    links: tuple[Link, ...]
    drawing: ArcDiagram | None
    nodes: tuple[tuple[RecordRef, Node], ...]
    steps: tuple[LineageStep, ...]
    undoable: frozenset[int]
    golden: tuple[GoldenRow, ...]
    built: tuple[HistoryStep, ...]
    changes: int = 0


def build_person_page(
    index: Index, viewer: Viewer, text: str, page: int = 1, *, whole_history: bool = False
) -> PersonPage:
    """Collect what the page of an enterprise ID's person shows.

    Args:
        index: the open index.
        viewer: who asks.
        text: the enterprise ID as typed.
        page: which page of the person's records, from 1; the nearest that there is.
        whole_history: whether all changes are listed, instead of the newest ``MAX_HISTORY``.

    Raises:
        EidError: the text is not an enterprise ID.
        NotFoundError: the ID was never minted, or holds no record that the viewer may know of.
        AccessDenied: the viewer may not read persons.
    """
    view = look_up_person(index, viewer, text)
    golden = _read_golden_values(index, viewer, text) if view.records else ()
    stays = list_stays(golden, clock.today(), load_school_directory(index))
    places = {
        record: RecordPlace(position, (position - 1) // RECORDS_PER_PAGE + 1)
        for position, record in enumerate(view.records, 1)
    }
    pages = max((place.page for place in places.values()), default=1)
    page = min(max(page, 1), pages)
    lineage = look_up_lineage(index, viewer, text)
    steps = tuple(reversed(lineage))
    # An ID from before a split has neither records nor steps of its own.
    named = {*view.records, *(step.record for step in lineage if step.record is not None)}
    # Not even the name of a system is kept that no record of the page comes from.
    codes = {record.source for record in named}
    systems = {code: name for code, name in name_systems(index, viewer).items() if code in codes}
    built = describe_steps(text, lineage, systems)[::-1] if is_allowed(viewer, Action.RECORD_READ) else ()
    shown_changes = None if whole_history else MAX_HISTORY
    person_links = list_links(index, viewer, text) if len(view.records) > 1 else ()
    drawing = (
        draw_arcs(view.records, [(link.left, link.right, link.match_weight) for link in person_links])
        if len(person_links) <= MAX_DRAWN_LINKS
        else None
    )
    return PersonPage(
        person=view,
        heading=build_heading(golden, stays, clock.today()),
        stays=stays,
        page=page,
        pages=pages,
        places=places,
        systems=systems,
        cards=_read_card_page(index, viewer, view, page),
        links=person_links,
        drawing=drawing,
        nodes=()
        if drawing is None
        else tuple((RecordRef(node.source, node.local_id), node) for node in drawing.nodes),
        steps=steps[:shown_changes],
        undoable=_find_undoable_steps(viewer, steps),
        golden=_format_golden_rows(golden),
        built=built[:shown_changes],
        changes=len(built),
    )


def _read_golden_values(index: Index, viewer: Viewer, text: str) -> tuple[GoldenValue, ...]:
    """Read a golden record, empty if the viewer may not read it."""
    may_read = is_allowed(viewer, Action.RECORD_READ)
    return look_up_golden_record(index, viewer, text).values if may_read else ()


def _format_golden_rows(values: Sequence[GoldenValue]) -> tuple[GoldenRow, ...]:
    """Format a person's golden record as table rows."""
    return tuple(
        GoldenRow(
            attribute=value.attribute,
            value=_format_golden_value(value.attribute, value.value),
            record=value.record,
            rule=value.rule,
            agreeing=len(value.agreeing),
            others=_group_others(value),
            said=None if value.correction is None else value.correction.by,
        )
        for value in values
        if value.attribute not in _SHOWN_ELSEWHERE
    )


def _format_golden_value(attribute: str, value: object) -> str:
    """Format a golden record's value, names in title case."""
    formatter = _NAME_FORMATTERS.get(attribute)
    return formatter(str(value)) if formatter else format_value(attribute, value)


_NAME_FORMATTERS: Mapping[str, Callable[[str], str]] = {
    "first_name": format_given_name,
    "middle_name": format_given_name,
    "preferred_name": format_given_name,
    "last_name": format_last_name,
    "suffix": format_suffix,
}


def _group_others(value: GoldenValue) -> tuple[tuple[str, tuple[RecordRef, ...]], ...]:
    """Return the other values, each with the records that state it."""
    records_by_text: dict[str, list[RecordRef]] = {}
    for other in value.others:
        text = _format_golden_value(value.attribute, other.value)
        records_by_text.setdefault(text, []).append(other.record)
    return tuple((text, tuple(records)) for text, records in records_by_text.items())


def _read_card_page(
    index: Index, viewer: Viewer, person: PersonView, page: int
) -> tuple[SourceRecordCard, ...]:
    """Format one page of a person's source records."""
    first = (page - 1) * RECORDS_PER_PAGE
    shown = person.records[first : first + RECORDS_PER_PAGE]
    is_part = len(shown) < len(person.records)
    confidential = is_part and has_withheld_whereabouts(index, viewer, person.enterprise_id)
    return read_record_cards(index, viewer, shown, confidential=confidential)


def read_record_cards(
    index: Index, viewer: Viewer, records: Sequence[RecordRef], *, confidential: bool = False
) -> tuple[SourceRecordCard, ...]:
    """Format source records for a page, without those hidden from the viewer.

    Args:
        index: the open index.
        viewer: who asks.
        records: the records.
        confidential: whether another record of the person, not among these, withholds its whereabouts.
    """
    sources = {source.code: source for source in list_visible_sources(index, viewer)}
    schools = load_school_directory(index)
    stored_records = []
    for label, answer in zip(records, read_all(index, viewer, records), strict=True):
        match answer:
            case AccessDenied():
                # The agreement gives this record's label only. Nobody asked for its fields.
                continue
            case NotFoundError():
                record_denied_call(index, answer)
            case _:
                stored_records.append((label, answer))
    # What is withheld of one record could be read on the card of another. A viewer who does not own a record
    # does not get its restrictions.
    confidential = (
        confidential
        or any(stored["withheld"] for _, stored in stored_records)
        or is_confidential([stored["record"] for _, stored in stored_records])
    )
    return tuple(
        SourceRecordCard(
            label=label,
            agency=sources[label.source].agency,
            system=sources[label.source].name,
            as_of=stored["record"].get("as_of", ""),
            rows=format_record(
                schools.add_names(stored["record"]), confidential=confidential, withheld=stored["withheld"]
            ),
            issues=tuple(
                f"{issue['field']} ({issue['code'].replace('-', ' ')})" for issue in stored["issues"]
            ),
            url=build_record_link(index, label),
            name_parts={
                part: str(stored["record"][part]) for part in NAME_PARTS if stored["record"].get(part)
            },
        )
        for label, stored in stored_records
    )


def list_sources(index: Index, viewer: Viewer) -> list[Source]:
    """List the data sources that a viewer may choose from."""
    return list_visible_sources(index, viewer)


def _find_undoable_steps(viewer: Viewer, steps: tuple[LineageStep, ...]) -> frozenset[int]:
    """Return the steps in a person's history that the viewer can undo."""
    if not is_allowed(viewer, Action.DECIDE):
        return frozenset()
    undone_steps = {step.step for step in steps if step.cause.startswith("undo ")}
    return frozenset(step.step for step in steps if step.step is not None and step.step not in undone_steps)
