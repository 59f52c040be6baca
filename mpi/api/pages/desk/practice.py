"""Practice: pairs whose truth is known, and is told with its reason after each answer."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import Response

from mpi.api.pages.desk.blind_review import OPTIONS
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.charts import waterfall
from mpi.api.pages.rendering.differences import Row, side_by_side
from mpi.api.pages.rendering.record_values import rows_of
from mpi.api.pages.rendering.render import page
from mpi.api.pages.session.session import FormDep
from mpi.api.pages.session.visit import VisitDep
from mpi.api.request.access import IndexDep
from mpi.domain.record_ref import RecordRef
from mpi.service.sampling.practice import PracticeRecord, answer_practice_pair, get_next_practice_pair, load_practice_pairs

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class Column:
    """The head of one of the two records: what system it is from."""

    label: RecordRef
    as_of: str | None = None


@router.get("/practice")
def next_page(index: IndexDep, visit: VisitDep) -> Response:
    """The next pair to practise on."""
    view = get_next_practice_pair(index, visit.viewer)
    return page(
        "practice.html",
        visit=visit,
        number=view.id,
        standing=view.standing,
        told=None,
        options=OPTIONS,
        rows=_rows(view.records),
        columns=_columns(view.records),
    )


@router.post("/practice/{number}")
def answer(index: IndexDep, visit: VisitDep, number: int, form: FormDep) -> Response:
    """Take the answer, and tell the truth and why."""
    verdict = form.text("verdict")
    told = answer_practice_pair(index, visit.viewer, number, verdict)
    chart = waterfall([(part.comparison, part.level, part.bits) for part in told.parts])
    return page(
        "practice.html",
        visit=visit,
        number=number,
        standing=told.standing,
        told=told,
        chart=chart,
        verdict=verdict,
        options=OPTIONS,
        rows=_rows(load_practice_pairs()[number].records),
        columns=_columns(load_practice_pairs()[number].records),
    )


def _rows(records: tuple[PracticeRecord, PracticeRecord]) -> tuple[Row, ...]:
    return side_by_side([rows_of(dict(record.values), confidential=False) for record in records], star=False)


def _columns(records: tuple[PracticeRecord, PracticeRecord]) -> tuple[Column, ...]:
    return tuple(Column(RecordRef(record.source, "")) for record in records)
