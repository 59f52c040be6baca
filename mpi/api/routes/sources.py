"""Routes of sources, and of merges of their local IDs."""

from typing import Annotated

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import ActionPath, CallerDep, IndexDep, WriterDep, permit
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.parameters import MergesDep, NoQueryDep, NumberDep, RetiredIdsDep, SourceDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.request_bodies import ReasonBody, describe_body
from mpi.api.schemas.sources import (
    MergesBody,
    MergesStatedOut,
    MergeStatementOut,
    MergeTakenBackOut,
    NewSourceBody,
    PausedOut,
    RenameSourceBody,
    RetiredIdPageOut,
    RetirementOut,
    RetireSourceBody,
    SourceOut,
)
from mpi.domain.viewer import Action
from mpi.service.holdings.settings import add_source
from mpi.service.records.source_pause import PauseResult, pause, resume
from mpi.service.source_merges import listing, registry
from mpi.service.source_merges.listing import StatementView
from mpi.service.source_merges.registry import StatementsResult, TakenBackResult
from mpi.service.source_merges.retired_ids import RetiredIdPage, list_retired_ids
from mpi.service.statements.source_end import (
    describe_retirement,
    preview_retirement,
    rename_source,
    retire_source,
)
from mpi.service.statements.sources import NewSource, find_administered_source, list_administered_sources
from mpi.storage.repositories.sources.sources import Source

router = APIRouter(tags=["records"], route_class=ModelReloadRoute)


@router.get(
    "/v1/sources",
    operation_id="list_sources",
    response_model=list[SourceOut],
    summary="List sources",
    responses=describe_problems(),
    dependencies=[permit(Action.SOURCE_ADMIN)],
)
def get_sources(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[SourceOut]:
    """List the sources that the caller may administer, by code."""
    return [_show(source) for source in list_administered_sources(index, viewer)]


@router.post(
    "/v1/sources",
    operation_id="add_source",
    response_model=SourceOut,
    summary="Add a source",
    responses=describe_problems(409, 413),
    dependencies=[permit(Action.SOURCE_ADMIN)],
    openapi_extra=describe_body(NewSourceBody),
)
def post_source(
    index: IndexDep,
    viewer: CallerDep,
    _: NoQueryDep,
    body: Annotated[NewSourceBody, Depends(NewSourceBody.read)],
) -> SourceOut:
    """Add a source: a system of an agency that sends records."""
    new = NewSource(body.code, body.name, body.agency, body.kind, body.one_id_per_child)
    return _show(add_source(index, viewer, new, body.holdings))


@router.get(
    "/v1/sources/{source}",
    operation_id="get_source",
    response_model=SourceOut,
    summary="Show a source",
    responses=describe_problems(404),
    dependencies=[permit(Action.SOURCE_ADMIN)],
)
def get_source(index: IndexDep, viewer: CallerDep, source: SourceDep, _: NoQueryDep) -> SourceOut:
    """Show one source with its settings."""
    return _show(find_administered_source(index, viewer, source))


def _show(source: Source) -> SourceOut:
    """Return a source as the API shows it."""
    return SourceOut(
        code=source.code,
        name=source.name,
        agency=source.agency,
        kind=source.kind,
        holdings=source.holdings,
        one_id_per_child=not source.duplicates_expected,
        asks_consent=source.asks_consent,
        paused=source.paused,
        scope=source.scope,
        retired=source.is_retired,
    )


@router.post(
    "/v1/sources/{source}:rename",
    operation_id="rename_source",
    response_model=SourceOut,
    summary="Give a source another name; its code stays",
    responses=describe_problems(404, 413),
    dependencies=[ActionPath, permit(Action.SOURCE_ADMIN)],
    openapi_extra=describe_body(RenameSourceBody),
)
def post_rename(
    index: IndexDep,
    viewer: CallerDep,
    source: SourceDep,
    _: NoQueryDep,
    body: Annotated[RenameSourceBody, Depends(RenameSourceBody.read)],
) -> SourceOut:
    """Give a source another name for people.

    Records, agreements and clients name its code, which never changes.
    """
    return _show(rename_source(index, viewer, source, body.display_name))


@router.post(
    "/v1/sources/{source}:retire",
    operation_id="retire_source",
    response_model=RetirementOut,
    summary="Retire a source that has ended, or take its records again",
    responses=describe_problems(404, 409, 413),
    dependencies=[ActionPath, permit(Action.SOURCE_ADMIN)],
    openapi_extra=describe_body(RetireSourceBody),
)
def post_retire(
    index: IndexDep,
    viewer: CallerDep,
    source: SourceDep,
    _: NoQueryDep,
    body: Annotated[RetireSourceBody, Depends(RetireSourceBody.read)],
) -> RetirementOut:
    """Retire a source that has ended, or take its records again.

    Its records stay, with their persons and enterprise IDs; `still_taken` is what may still come. The lists
    are empty where its records are taken again. With `preview`, nothing is changed. While a load of it is at
    work or interrupted, the answer is 409.
    """
    if body.preview:
        retirement = preview_retirement(index, viewer, source, is_retired=body.retired)
    else:
        changed = retire_source(index, viewer, source, is_retired=body.retired)
        retirement = describe_retirement(changed, is_retired=body.retired)
    return RetirementOut(
        code=retirement.source.code,
        retired=retirement.source.is_retired,
        refused=list(retirement.refused),
        still_taken=list(retirement.still_taken),
        unfinished_loads=list(retirement.unfinished_loads),
        preview=body.preview,
    )


@router.post(
    "/v1/sources/{source}:pause",
    operation_id="pause_source",
    response_model=PausedOut,
    summary="Pause a source: hold its records and link nothing",
    responses=describe_problems(404, 413),
    dependencies=[ActionPath, permit(Action.SOURCE_ADMIN)],
    openapi_extra=describe_body(ReasonBody),
)
def post_pause(
    index: IndexDep,
    viewer: CallerDep,
    source: SourceDep,
    _: NoQueryDep,
    body: Annotated[ReasonBody, Depends(ReasonBody.read)],
) -> PauseResult:
    """Pause a source: hold its records and link nothing.

    Records are accepted, answered `held`, and take effect on resume. Withdrawals and seals take effect at
    once.
    """
    return pause(index, viewer, source, body.reason or "pause")


@router.post(
    "/v1/sources/{source}:resume",
    operation_id="resume_source",
    response_model=PausedOut,
    summary="Resume a source: let its held records take effect",
    responses=describe_problems(404, 413),
    dependencies=[ActionPath, permit(Action.SOURCE_ADMIN)],
    openapi_extra=describe_body(ReasonBody),
)
def post_resume(
    index: IndexDep,
    viewer: CallerDep,
    source: SourceDep,
    _: NoQueryDep,
    body: Annotated[ReasonBody, Depends(ReasonBody.read)],
) -> PauseResult:
    """Resume a source: its held records take effect.

    They apply in the order of as-of date and receipt, as if they had never been held.
    """
    return resume(index, viewer, source, body.reason or "resume")


@router.post(
    "/v1/sources/{source}/merges",
    operation_id="state_merges",
    response_model=MergesStatedOut,
    summary="State merges, splits and reuse of a source's own local IDs",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[permit(Action.RECORD_WRITE)],
    openapi_extra=describe_body(MergesBody),
)
def post_merges(
    index: IndexDep,
    viewer: WriterDep,
    source: SourceDep,
    _: NoQueryDep,
    body: Annotated[MergesBody, Depends(MergesBody.read)],
) -> StatementsResult:
    """State what a source says about its local IDs, all or nothing.

    Each statement is an assertion of the source: a steward's decision is stronger, and the source can take it
    back. What was stated before changes nothing. Merges that make a circle, or merge one local ID into two,
    are answered 409, and nothing is stored.
    """
    return registry.state_merges(
        index, viewer, source, body.build_statements(), body.reason or "source-merge", preview=body.preview
    )


@router.get(
    "/v1/sources/{source}/merges",
    operation_id="list_merges",
    response_model=list[MergeStatementOut],
    summary="List what a source stated about its own local IDs, newest first",
    responses=describe_problems(404, 409, 422),
    dependencies=[permit(Action.RECORD_READ)],
)
def get_merges(
    index: IndexDep, viewer: CallerDep, source: SourceDep, query: MergesDep
) -> list[StatementView]:
    """List what a source stated about its local IDs.

    Newest first; go on with `before` set to the last `number`.
    """
    return listing.list_statements(index, viewer, source, query.before, query.limit)


@router.delete(
    "/v1/sources/{source}/merges/{number}",
    operation_id="take_back_merge",
    response_model=MergeTakenBackOut,
    summary="Take back one statement about a source's local IDs",
    responses=describe_problems(404, 409, 422),
    dependencies=[permit(Action.RECORD_WRITE)],
)
def delete_merge(
    index: IndexDep, viewer: WriterDep, source: SourceDep, number: NumberDep, _: NoQueryDep
) -> TakenBackResult:
    """Take back what a source stated.

    What it replaced is in force again, and the source may state it again.
    """
    return registry.take_back(index, viewer, source, number)


@router.get(
    "/v1/sources/{source}/retired-ids",
    operation_id="list_retired_ids",
    response_model=RetiredIdPageOut,
    summary="List the retired enterprise IDs of a source, with their survivors",
    responses=describe_problems(404, 422),
    dependencies=[permit(Action.CROSSWALK_READ)],
)
def get_retired_ids(
    index: IndexDep, viewer: CallerDep, source: SourceDep, query: RetiredIdsDep
) -> RetiredIdPage:
    """List the retired enterprise IDs that a source was given.

    In the order in which they were retired; `now` is as of now. Read on with `after` set to the answer's
    `cursor`. The list follows from the source's own records alone.
    """
    return list_retired_ids(index, viewer, source, since=query.since, after=query.after, limit=query.limit)
