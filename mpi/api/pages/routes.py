"""Router with all pages: the desk, corrections, and oversight of access."""

from fastapi import APIRouter

from mpi.api.pages.corrections import link, move, registration, unlink, value_correction
from mpi.api.pages.desk import (
    accounts,
    agreements,
    answers,
    blind_review,
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
    quality,
    queue,
    pending_steps,
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
    seals,
):
    router.include_router(module.router)
