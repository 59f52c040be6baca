"""The pages, each in a module of its own."""

from fastapi import APIRouter

from mpi.api.pages import accounts, assets, blind, finding, home, people, practice, quality, queue, runs

router = APIRouter(include_in_schema=False)
for module in (assets, home, finding, people, runs, blind, practice, accounts, quality, queue):
    router.include_router(module.router)
