"""The golden record of a person, and stewards' corrections."""

from fastapi import APIRouter, Response

from mpi.api.request.access import CallerDep, IfMatchDep, IndexDep, WriterDep
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.request.step_body import JsonBody, JsonBodyDep
from mpi.api.schemas.decisions import EffectOut
from mpi.api.schemas.golden import CORRECT, GoldenOut
from mpi.api.schemas.parameters import EidDep, NoQueryDep
from mpi.api.schemas.problem import describe_problems
from mpi.domain.viewer import Action, require_permission
from mpi.service.persons.effects import Effect
from mpi.service.persons.golden_record import GoldenRecord, golden
from mpi.service.stewardship.corrections import correct_value
from mpi.service.stewardship.merge import StepOptions

router = APIRouter(tags=["persons"], route_class=ModelReloadRoute)


@router.get(
    "/v1/persons/{eid}/golden",
    response_model=GoldenOut,
    summary="Read what is known of a person",
    responses=describe_problems(404),
)
def get_golden(
    index: IndexDep, viewer: CallerDep, eid: EidDep, _: NoQueryDep, response: Response
) -> GoldenRecord:
    """Every value names its record and the rule that chose it, and lists what other records say.

    Where a record says that the child's address is confidential, no address and no telephone is told.
    `ETag` names what was read, for the `If-Match` of a correction.
    """
    record = golden(index, viewer, eid)
    response.headers["ETag"] = f'"{record.etag}"'
    return record


@router.post(
    "/v1/persons/{eid}/corrections",
    response_model=EffectOut,
    summary="Correct a value, whatever the records state",
    responses=describe_problems(404, 409, 412, 413, 422),
    openapi_extra=CORRECT,
)
def post_correction(
    index: IndexDep,
    viewer: WriterDep,
    eid: EidDep,
    etags: IfMatchDep,
    _: NoQueryDep,
    members: JsonBodyDep,
) -> Effect:
    """It is a record of the stewards' own source, stands before every other, and joins nobody.

    It goes where the record goes that it corrects, and is taken back by undoing its step.
    """
    require_permission(viewer, Action.DECIDE)
    body = JsonBody(members, "attribute", "value", "reason", "note", "preview")
    reason = StepOptions(
        body.text("reason"),
        body.optional_text("note"),
        expected=etags,
        preview=body.flag("preview"),
    )
    return correct_value(index, viewer, eid, body.text("attribute"), body.value("value"), reason)
