"""Router with all pages: the desk, oversight of access, administration."""

from fastapi import APIRouter

from mpi.api.pages.administration import account_requests, accounts, clients, freezes, health, loads, sources
from mpi.api.pages.desk import (
    agreements,
    answers,
    blind_review,
    correction,
    home,
    owner_questions,
    pending_steps,
    person_page,
    practice,
    quality,
    question,
    queue,
    recluster_runs,
    search,
)
from mpi.api.pages.oversight import emergency, emergency_review, ledger, seals
from mpi.api.pages.rendering import assets

router = APIRouter(include_in_schema=False)
for module in (
    assets,
    home,
    search,
    person_page,
    recluster_runs,
    blind_review,
    practice,
    agreements,
    accounts,
    account_requests,
    clients,
    loads,
    freezes,
    sources,
    health,
    quality,
    queue,
    pending_steps,
    question,
    answers,
    owner_questions,
    correction,
    emergency,
    emergency_review,
    ledger,
    seals,
):
    router.include_router(module.router)
