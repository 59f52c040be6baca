"""Route that stores items of children in care."""

from typing import Annotated

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import CallerDep, IndexDep
from mpi.api.routes.post_route import make_post_route
from mpi.api.schemas.parameters import NoQueryDep, SourceDep
from mpi.api.schemas.rosters.items import ChildItemsBody, ChildItemsOut
from mpi.domain.viewer import Action
from mpi.service.rosters.item_file import read_item_file
from mpi.service.rosters.item_intake import ItemReceipt, store_items

router = APIRouter(tags=["rosters"])


@make_post_route(
    router,
    "/v1/sources/{source}/child-items",
    "store_child_items",
    Action.LOAD,
    "Store items of children in care",
    ChildItemsBody,
    ChildItemsOut,
)
def post_items(
    index: IndexDep,
    viewer: CallerDep,
    source: SourceDep,
    _: NoQueryDep,
    body: Annotated[ChildItemsBody, Depends(ChildItemsBody.read)],
) -> ItemReceipt:
    """Store what a school or child welfare states of its children.

    The same twice changes nothing.

    A row that is older than what is stored changes nothing that is newer.
    """
    return store_items(index, viewer, source, read_item_file(body.csv))
