"""Contents of a child's page, collected from the use cases."""

from collections.abc import Mapping
from dataclasses import dataclass

from mpi.api.pages.rendering.charts import ArcDiagram, draw_arcs
from mpi.api.pages.rendering.record_links import build_record_link
from mpi.api.pages.rendering.record_values import format_record, format_value, is_confidential
from mpi.api.request.refusals import record_denied_call
from mpi.domain.errors import AccessDenied, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, is_allowed
from mpi.service.core.index import Index
from mpi.service.explanations.person_history import HistoryStep, describe_steps
from mpi.service.explanations.person_links import Link, list_links
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.persons.persons import LineageStep, PersonView, look_up_lineage, look_up_person
from mpi.service.records.upsert import read_all
from mpi.service.statements.sources import list_visible_sources
from mpi.storage.repositories.sources.sources import Source


@dataclass(frozen=True, slots=True)
class SourceRecordCard:
    """Source record of a child, formatted for its page."""

    label: RecordRef
    agency: str
    system: str
    as_of: str
    rows: Mapping[str, str]
    issues: tuple[str, ...]
    url: str | None


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
    others: tuple[tuple[str, RecordRef], ...]
    said: str | None


@dataclass(frozen=True, slots=True)
class PersonPage:
    """Contents of a person's page: golden record, source records and past steps.

    ``steps`` are newest first.
    """

    person: PersonView
    cards: tuple[SourceRecordCard, ...]
    links: tuple[Link, ...]
    drawing: ArcDiagram | None
    steps: tuple[LineageStep, ...]
    undoable: frozenset[int]
    golden: tuple[GoldenRow, ...]
    built: tuple[HistoryStep, ...]


def build_person_page(index: Index, viewer: Viewer, text: str) -> PersonPage:
    """Collect what the page of an enterprise ID's person shows.

    Raises:
        EidError: the text is not an enterprise ID.
        NotFoundError: the ID was never minted, or holds no record that the viewer may know of.
        AccessDenied: the viewer may not read persons.
    """
    view = look_up_person(index, viewer, text)
    cards = read_record_cards(index, viewer, view.records)
    lineage = look_up_lineage(index, viewer, text)
    steps = tuple(reversed(lineage))
    person_links = list_links(index, viewer, text) if len(view.records) > 1 else ()
    drawing = draw_arcs(view.records, [(link.left, link.right, link.match_weight) for link in person_links])
    return PersonPage(
        person=view,
        cards=cards,
        links=person_links,
        drawing=drawing,
        steps=steps,
        undoable=_find_undoable_steps(viewer, steps),
        # An ID from before a split has neither records nor steps of its own.
        golden=_read_golden_rows(index, viewer, text) if view.records else (),
        built=describe_steps(text, lineage) if is_allowed(viewer, Action.RECORD_READ) else (),
    )


def _read_golden_rows(index: Index, viewer: Viewer, text: str) -> tuple[GoldenRow, ...]:
    """Read a person's golden record as table rows."""
    if not is_allowed(viewer, Action.RECORD_READ):
        return ()
    return tuple(
        GoldenRow(
            attribute=value.attribute,
            value=format_value(value.attribute, value.value),
            record=value.record,
            rule=value.rule,
            agreeing=len(value.agreeing),
            others=tuple(
                (format_value(value.attribute, alternative.value), alternative.record)
                for alternative in value.others
            ),
            said=None if value.correction is None else value.correction.by,
        )
        for value in look_up_golden_record(index, viewer, text).values
        if value.attribute != "flags"
    )


def read_record_cards(
    index: Index, viewer: Viewer, records: tuple[RecordRef, ...]
) -> tuple[SourceRecordCard, ...]:
    """Format source records for a page, without those hidden from the viewer."""
    sources = {source.code: source for source in list_visible_sources(index, viewer)}
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
    confidential = any(stored["withheld"] for _, stored in stored_records) or is_confidential(
        [stored["record"] for _, stored in stored_records]
    )
    return tuple(
        SourceRecordCard(
            label=label,
            agency=sources[label.source].agency,
            system=sources[label.source].name,
            as_of=stored["record"].get("as_of", ""),
            rows=format_record(stored["record"], confidential=confidential, withheld=stored["withheld"]),
            issues=tuple(
                f"{issue['field']} ({issue['code'].replace('-', ' ')})" for issue in stored["issues"]
            ),
            url=build_record_link(index, label),
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
