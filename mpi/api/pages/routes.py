"""The pages, each in a module of its own."""

from fastapi import APIRouter

from mpi.api.pages import (
    accounts,
    answers,
    asked,
    assets,
    blind,
    correcting,
    finding,
    home,
    people,
    practice,
    quality,
    question,
    queue,
    runs,
    waiting,
)

router = APIRouter(include_in_schema=False)
for module in (
    assets,
    home,
    finding,
    people,
    runs,
    blind,
    practice,
    accounts,
    quality,
    queue,
    waiting,
    question,
    answers,
    asked,
    correcting,
):
    router.include_router(module.router)
