"""Router with all pages: the desk, corrections, oversight of access, administration."""

from fastapi import APIRouter

from mpi.api.pages.activity import activity_list, desk_links, workload
from mpi.api.pages.administration import (
    account_requests,
    accounts,
    api_docs,
    clients,
    files,
    freezes,
    health,
    loads,
    sources,
)
from mpi.api.pages.approvals import jobs, owner_questions, pending_steps, recluster_runs
from mpi.api.pages.corrections import link, move, registration, unlink, value_correction
from mpi.api.pages.data_quality import issues, scorecards
from mpi.api.pages.desk import (
    agreements,
    answers,
    blind_review,
    home,
    person_page,
    practice,
    quality,
    question,
    queue,
    search,
)
from mpi.api.pages.oversight import (
    consents,
    corrections,
    emergency,
    emergency_review,
    incidents,
    ledger,
    link_disclosures,
    obligations,
    papers,
    research,
    retention,
    rights,
    seals,
    source_rules,
    subpoenas,
)
from mpi.api.pages.rendering import assets
from mpi.api.pages.reports import child_reports
from mpi.api.pages.rosters import contacts, letters, lists

router = APIRouter(include_in_schema=False)
for module in (
    assets,
    api_docs,
    home,
    search,
    person_page,
    lists,
    contacts,
    letters,
    recluster_runs,
    blind_review,
    practice,
    agreements,
    accounts,
    account_requests,
    clients,
    loads,
    files,
    issues,
    scorecards,
    freezes,
    sources,
    health,
    quality,
    child_reports,
    queue,
    pending_steps,
    jobs,
    question,
    answers,
    owner_questions,
    link,
    move,
    registration,
    unlink,
    value_correction,
    emergency,
    emergency_review,
    ledger,
    link_disclosures,
    incidents,
    corrections,
    papers,
    obligations,
    seals,
    subpoenas,
    rights,
    retention,
    research,
    source_rules,
    consents,
    activity_list,
    workload,
    desk_links,
):
    router.include_router(module.router)
