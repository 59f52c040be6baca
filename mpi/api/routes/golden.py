"""Routes for golden records and stewards' corrections."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from mpi.api.request.authentication import CallerDep, IfMatchDep, IndexDep, WriterDep, permit
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.decisions import EffectOut
from mpi.api.schemas.golden import CorrectionBody, GoldenOut
from mpi.api.schemas.openapi_parts import ETAG_ANSWER
from mpi.api.schemas.parameters import ConditionalRead, EidDep, NoQueryDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.request_bodies import describe_body
from mpi.domain.viewer import Action
from mpi.service.persons.golden_record import GoldenRecord, look_up_golden_record
from mpi.service.persons.step_effects import StepEffect
from mpi.service.stewardship.corrections import correct_value
from mpi.service.stewardship.merge_split_move import StepOptions

router = APIRouter(tags=["persons"], route_class=ModelReloadRoute)


@router.get(
    "/v1/persons/{eid}/golden",
    operation_id="get_golden_record",
    response_model=GoldenOut,
    summary="Read the golden record of a person",
    responses=describe_problems(404) | ETAG_ANSWER,
    dependencies=[ConditionalRead],
)
def get_golden(
    index: IndexDep, viewer: CallerDep, eid: EidDep, _: NoQueryDep, response: Response
) -> GoldenRecord:
    """Return the golden record of a person.

    Each value names its record and the survivorship rule that chose it, and lists what other records say. If
    a record has a confidential address or a protective order, no address, phone or e-mail is shown. `ETag`
    names what was read, for the `If-Match` of a correction.
    """
    record = look_up_golden_record(index, viewer, eid)
    response.headers["ETag"] = f'"{record.etag}"'
    return record


@router.post(
    "/v1/persons/{eid}/corrections",
    operation_id="correct_value",
    response_model=EffectOut,
    summary="Correct a value of the golden record",
    responses=describe_problems(404, 409, 412, 413, 422),
    dependencies=[permit(Action.DECIDE)],
    openapi_extra=describe_body(CorrectionBody),
)
def post_correction(
    index: IndexDep,
    viewer: WriterDep,
    eid: EidDep,
    etags: IfMatchDep,
    _: NoQueryDep,
    body: Annotated[CorrectionBody, Depends(CorrectionBody.read)],
) -> StepEffect:
    """Correct one value of a person's golden record.

    A correction is a record of the stewards' own source. It precedes every other record and links nothing. It
    follows the record that it corrects, and is taken back by undoing its step.
    """
    options = StepOptions(body.reason, body.note, expected_etags=etags, preview=body.preview)
    return correct_value(index, viewer, eid, body.attribute, body.value, options)
