"""How good the index and its stewards are: figures, forecast, blind samples, practice."""

from typing import Annotated

from fastapi import APIRouter, Query

from mpi.api.request.access import ActionPath, CallerDep, IndexDep
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.request.step_body import JsonBody, JsonBodyDep
from mpi.api.schemas.parameters import NoQueryDep, NumberDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.quality import (
    ANSWER,
    DRAW,
    BlindToldOut,
    DrawnOut,
    ForecastOut,
    ForecastQuery,
    NextBlindOut,
    PracticeOut,
    PracticeToldOut,
    QualityOut,
)
from mpi.domain.sampling import MONTHLY_PAIRS
from mpi.domain.viewer import Action, require_permission
from mpi.service.gates.holds import require_whole_index
from mpi.service.quality.dashboard import QualityFigures, measure_quality
from mpi.service.quality.forecast import Forecast, forecast_workload
from mpi.service.recluster.threshold_simulation import TrialThresholds
from mpi.service.sampling import blind_review, blind_sample, practice
from mpi.service.sampling.blind_review import BlindResult, BlindView
from mpi.service.sampling.blind_sample import BlindSample
from mpi.service.sampling.practice import PracticeResult, PracticeView

router = APIRouter(tags=["quality"], route_class=ModelReloadRoute)
ForecastDep = Annotated[ForecastQuery, Query()]


@router.get(
    "/v1/quality",
    response_model=QualityOut,
    summary="Read the figures of the dashboard",
    responses=describe_problems(),
)
def get_quality(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> QualityFigures:
    """Workload, match rate, live precision and recall, agreement between stewards, links, throughput.

    Of the whole index; a caller who may not read records is shown no count under 10.
    """
    return measure_quality(index, viewer)


@router.get(
    "/v1/quality/forecast",
    response_model=ForecastOut,
    summary="Read what the desk has before it",
    responses=describe_problems(),
)
def get_forecast(index: IndexDep, viewer: CallerDep, query: ForecastDep) -> Forecast:
    """Hours a week, and when the backlog is gone. With a threshold the whole index is thought through."""
    thresholds = TrialThresholds(query.link, query.review, query.margin, query.cohesion)
    return forecast_workload(index, viewer, None if thresholds == TrialThresholds() else thresholds)


@router.post(
    "/v1/blind-pairs:draw",
    response_model=DrawnOut,
    summary="Draw this month's blind sample",
    responses=describe_problems(413),
    dependencies=[ActionPath],
    openapi_extra=DRAW,
)
def post_draw(index: IndexDep, viewer: CallerDep, _: NoQueryDep, members: JsonBodyDep) -> BlindSample:
    """Pairs at random from each stratum of links made and of pairs left apart; once a month."""
    require_whole_index(viewer)
    body = JsonBody(members, "month", "size")
    return blind_sample.draw_blind_sample(
        index, viewer, body.optional_text("month"), body.optional_number("size") or MONTHLY_PAIRS
    )


@router.get(
    "/v1/blind-pairs/next",
    response_model=NextBlindOut,
    summary="Read the next pair to be judged blind",
    responses=describe_problems(),
)
def get_next_blind(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> dict[str, BlindView | None]:
    """Without its weight, its band, what the index did, or what anybody said of it."""
    return {"pair": blind_review.get_next_blind_pair(index, viewer)}


@router.post(
    "/v1/blind-pairs/{number}:answer",
    response_model=BlindToldOut,
    summary="Judge a blind pair",
    responses=describe_problems(404, 409, 413),
    dependencies=[ActionPath],
    openapi_extra=ANSWER,
)
def post_blind_answer(
    index: IndexDep, viewer: CallerDep, number: NumberDep, _: NoQueryDep, members: JsonBodyDep
) -> BlindResult:
    """It changes nothing by itself; where it says that the index errs, it is a claim, for the queue."""
    require_permission(viewer, Action.TASK_WORK)
    return blind_review.answer_blind_pair(index, viewer, number, JsonBody(members, "verdict").text("verdict"))


@router.get(
    "/v1/practice-pairs/next",
    response_model=PracticeOut,
    summary="Read the next pair to practise on",
    responses=describe_problems(),
)
def get_next_practice(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> PracticeView:
    """Simulated records, whose truth is known; nobody's."""
    return practice.get_next_practice_pair(index, viewer)


@router.post(
    "/v1/practice-pairs/{number}:answer",
    response_model=PracticeToldOut,
    summary="Judge a practice pair, and be told the truth and why",
    responses=describe_problems(404, 413),
    dependencies=[ActionPath],
    openapi_extra=ANSWER,
)
def post_practice_answer(
    index: IndexDep, viewer: CallerDep, number: NumberDep, _: NoQueryDep, members: JsonBodyDep
) -> PracticeResult:
    """Where the index asks for practice, a steward's account claims no question before it is right enough."""
    require_permission(viewer, Action.TASK_WORK)
    return practice.answer_practice_pair(index, viewer, number, JsonBody(members, "verdict").text("verdict"))
