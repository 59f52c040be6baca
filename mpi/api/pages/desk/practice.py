"""Page of practice pairs with known truth."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import Response

from mpi.api.pages.desk.blind_review import OPTIONS
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.evidence_texts import describe_part
from mpi.api.pages.rendering.page_texts import load_words
from mpi.api.pages.rendering.record_comparison import ComparisonRow, list_side_by_side
from mpi.api.pages.rendering.record_values import format_record
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.rendering.waterfall import draw_waterfall
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.domain.record_ref import RecordRef
from mpi.service.sampling.practice import (
    PracticeRecord,
    answer_practice_pair,
    get_next_practice_pair,
    load_practice_pairs,
)

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class PracticeColumn:
    """Column head of a simulated record in a practice pair's comparison."""

    label: RecordRef
    as_of: str | None = None


@router.get("/practice")
def next_page(index: IndexDep, visit: VisitDep) -> Response:
    """Show the next pair of simulated records on which a steward practices."""
    view = get_next_practice_pair(index, visit.viewer)
    return render_page(
        "practice.html",
        visit=visit,
        number=view.id,
        standing=view.standing,
        told=None,
        options=OPTIONS,
        rows=_compare_practice_records(view.records),
        columns=_list_columns(view.records),
        systems=_name_systems(view.records),
    )


@router.post("/practice/{number}")
def answer(index: IndexDep, visit: VisitDep, number: int, form: FormDep) -> Response:
    """Save the steward's practice answer; show the truth and its reasons."""
    verdict = form.text("verdict")
    outcome = answer_practice_pair(index, visit.viewer, number, verdict)
    chart = draw_waterfall(
        [(part.comparison, describe_part(part), part.bits) for part in outcome.parts],
        index.matcher.model.thresholds,
    )
    return render_page(
        "practice.html",
        visit=visit,
        number=number,
        standing=outcome.standing,
        told=outcome,
        chart=chart,
        verdict=verdict,
        options=OPTIONS,
        rows=_compare_practice_records(load_practice_pairs()[number].records),
        columns=_list_columns(load_practice_pairs()[number].records),
        systems=_name_systems(load_practice_pairs()[number].records),
    )


def _name_systems(records: Sequence[PracticeRecord]) -> dict[str, str]:
    """Return the names of the simulated systems by source code."""
    names = load_words().practice.systems
    return {record.source: names.of(record.source) for record in records}


def _compare_practice_records(records: tuple[PracticeRecord, PracticeRecord]) -> tuple[ComparisonRow, ...]:
    """Compare the two simulated records of a practice pair field by field."""
    return list_side_by_side([format_record(dict(record.values), confidential=False) for record in records])


def _list_columns(records: tuple[PracticeRecord, PracticeRecord]) -> tuple[PracticeColumn, ...]:
    """Return the column heads for a practice pair's two simulated records."""
    return tuple(PracticeColumn(RecordRef(record.source, "")) for record in records)
