"""Routes for quality figures, forecasts, blind samples and practice pairs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from mpi.api.request.authentication import ActionPath, CallerDep, IndexDep, WholeIndex, permit
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.parameters import NoQueryDep, NumberDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.quality.figures import QualityOut
from mpi.api.schemas.quality.forecast import ForecastOut, ForecastQuery
from mpi.api.schemas.quality.sampled_pairs import (
    BlindToldOut,
    DrawBody,
    DrawnOut,
    NextBlindOut,
    PairAnswerBody,
    PracticeOut,
    PracticeToldOut,
)
from mpi.api.schemas.request_bodies import describe_body
from mpi.domain.statistics.sampling import MONTHLY_PAIRS
from mpi.domain.viewer import Action
from mpi.service.quality.dashboard import QualityFigures, read_quality
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
    operation_id="get_quality",
    response_model=QualityOut,
    summary="Read the figures of the dashboard",
    responses=describe_problems(),
)
def get_quality(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> QualityFigures:
    """Return the figures of the quality dashboard, over the whole index.

    The match rate is published once a day: with noise, rounded, and the same for every caller. So are all
    figures for a caller who may not read every record and question; other callers get them current.
    """
    return read_quality(index, viewer)


@router.get(
    "/v1/quality/forecast",
    operation_id="forecast_review",
    response_model=ForecastOut,
    summary="Read the forecast of review work",
    responses=describe_problems(),
)
def get_forecast(index: IndexDep, viewer: CallerDep, query: ForecastDep) -> Forecast:
    """Forecast the hours of review work and the end of the backlog.

    With a threshold, the forecast simulates a re-cluster of the whole index. A caller who may not read every
    record and question gets the published backlog only.
    """
    thresholds = TrialThresholds(query.link, query.review, query.margin, query.cohesion)
    return forecast_workload(index, viewer, None if thresholds == TrialThresholds() else thresholds)


@router.post(
    "/v1/blind-pairs:draw",
    operation_id="draw_blind_pairs",
    response_model=DrawnOut,
    summary="Draw this month's blind sample",
    responses=describe_problems(413),
    dependencies=[ActionPath, WholeIndex],
    openapi_extra=describe_body(DrawBody),
)
def post_draw(
    index: IndexDep, viewer: CallerDep, _: NoQueryDep, body: Annotated[DrawBody, Depends(DrawBody.read)]
) -> BlindSample:
    """Draw the month's blind sample.

    Pairs are drawn at random from each stratum of linked and unlinked pairs, once a month.
    """
    return blind_sample.draw_blind_sample(index, viewer, body.month, body.size or MONTHLY_PAIRS)


@router.get(
    "/v1/blind-pairs/next",
    operation_id="get_next_blind_pair",
    response_model=NextBlindOut,
    summary="Read the next pair of the blind sample",
    responses=describe_problems(),
)
def get_next_blind(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> dict[str, BlindView | None]:
    """Return the next pair of the blind sample.

    The pair comes without its weight, its band, the index's decision or any earlier verdict.
    """
    return {"pair": blind_review.get_next_blind_pair(index, viewer)}


@router.post(
    "/v1/blind-pairs/{number}:answer",
    operation_id="answer_blind_pair",
    response_model=BlindToldOut,
    summary="Judge a pair of the blind sample",
    responses=describe_problems(404, 409, 413),
    dependencies=[ActionPath, permit(Action.TASK_WORK)],
    openapi_extra=describe_body(PairAnswerBody),
)
def post_blind_answer(
    index: IndexDep,
    viewer: CallerDep,
    number: NumberDep,
    _: NoQueryDep,
    body: Annotated[PairAnswerBody, Depends(PairAnswerBody.read)],
) -> BlindResult:
    """Judge a pair of the blind sample.

    A verdict changes nothing by itself. If it contradicts the index, it becomes a claim in the review queue.
    """
    return blind_review.answer_blind_pair(index, viewer, number, body.verdict)


@router.get(
    "/v1/practice-pairs/next",
    operation_id="get_next_practice_pair",
    response_model=PracticeOut,
    summary="Read the next practice pair",
    responses=describe_problems(),
)
def get_next_practice(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> PracticeView:
    """Return the next practice pair, of simulated records with known truth."""
    return practice.get_next_practice_pair(index, viewer)


@router.post(
    "/v1/practice-pairs/{number}:answer",
    operation_id="answer_practice_pair",
    response_model=PracticeToldOut,
    summary="Judge a practice pair and read the truth",
    responses=describe_problems(404, 413),
    dependencies=[ActionPath, permit(Action.TASK_WORK)],
    openapi_extra=describe_body(PairAnswerBody),
)
def post_practice_answer(
    index: IndexDep,
    viewer: CallerDep,
    number: NumberDep,
    _: NoQueryDep,
    body: Annotated[PairAnswerBody, Depends(PairAnswerBody.read)],
) -> PracticeResult:
    """Judge a practice pair and return the truth with its reason.

    If the index requires practice, a steward can claim questions only after enough correct answers.
    """
    return practice.answer_practice_pair(index, viewer, number, body.verdict)
