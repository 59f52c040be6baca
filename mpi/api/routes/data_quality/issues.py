"""Routes that list and count the quality issues of a source's records."""

from dataclasses import asdict

from fastapi import APIRouter

from mpi.api.request.authentication import CallerDep, IndexDep, permit_any
from mpi.api.schemas.data_quality.issues import IssuesDep, IssueSummaryOut, RecordIssueOut, RecordIssuePageOut
from mpi.api.schemas.parameters import NoQueryDep, SourceDep
from mpi.api.schemas.problem import describe_problems
from mpi.service.core.index import Index
from mpi.service.data_quality.issues import (
    READERS,
    IssueSummary,
    RecordIssue,
    list_issues,
    summarize_issues,
)
from mpi.service.data_quality.suggestions import suggest_correction

router = APIRouter(tags=["quality"])


@router.get(
    "/v1/sources/{source}/issues",
    operation_id="list_issues",
    response_model=RecordIssuePageOut,
    summary="List quality issues of a source's records",
    responses=describe_problems(404),
    dependencies=[permit_any(READERS)],
)
def get_issues(index: IndexDep, viewer: CallerDep, source: SourceDep, query: IssuesDep) -> RecordIssuePageOut:
    """List the quality issues of a source's records.

    Each issue has its local ID, field and kind, and the load that brought it if one did. For the data owner
    and the sender of the source. The values are not shown. Read on with `after` set to the answer's `cursor`.
    """
    page = list_issues(index, viewer, source, query.filters, query.after, query.limit)
    return RecordIssuePageOut(
        source=page.source,
        cursor=page.cursor,
        issues=[_show(index, each) for each in page.issues],
        may_list=page.may_list,
    )


@router.get(
    "/v1/sources/{source}/issue-counts",
    operation_id="count_issues",
    response_model=IssueSummaryOut,
    summary="Count quality issues of a source's records",
    responses=describe_problems(404),
    dependencies=[permit_any(READERS)],
)
def get_issue_counts(index: IndexDep, viewer: CallerDep, source: SourceDep, _: NoQueryDep) -> IssueSummary:
    """Count a source's active records with issues, by field and kind.

    The answer holds their denominator, the number of active records.
    """
    return summarize_issues(index, viewer, source)


def _show(index: Index, issue: RecordIssue) -> RecordIssueOut:
    values = asdict(issue.span)
    return RecordIssueOut(
        local_id=issue.local_id,
        rejected=issue.rejected,
        suggestion=suggest_correction(issue.span.kind, index.settings.declared_rules),
        **{**values, "field": values["field"] or None},
    )
