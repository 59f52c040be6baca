"""Form handler of the demo that switches the user's role."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.session.authentication import FormDep, to_local_path
from mpi.api.pages.session.cookies import set_demo_role
from mpi.domain.errors import InputError
from mpi.domain.roles import Role

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.post("/view-as")
def post_view_as(request: Request, form: FormDep) -> Response:
    """Switch a demonstration to the demo person of another role.

    Raises:
        InputError: there is no such role.
    """
    role = form.text("role")
    if role not in set(Role):
        raise InputError(f"no such role; it is one of {', '.join(Role)}")
    answer = RedirectResponse(to_local_path(form.raw_text("next")), HTTPStatus.SEE_OTHER)
    set_demo_role(request, answer, role)
    return answer
