"""Page of the directory of points of contact."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.page_context import VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.service.directory.contact_file import list_due_contacts, read_contacts
from mpi.service.directory.contacts import ContactLevel

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_MOST_SHOWN = 500
_MAX_WORDS = 100


@router.get("/contacts")
def show_contacts(request: Request, index: IndexDep, visit: VisitDep) -> Response:
    """Show whom to call, at organizations that fit the search."""
    contacts = read_contacts(index, visit.viewer)
    search = request.query_params.get("q", "").strip()[:_MAX_WORDS]
    words = search.casefold().split()
    chosen = [
        each
        for each in contacts
        if all(word in f"{each.organization} {each.code} {each.name}".casefold() for word in words)
    ]
    shown = chosen[:_MOST_SHOWN]
    due = list_due_contacts(contacts)
    return render_page(
        "contacts.html",
        visit=visit,
        search=search,
        groups=[(level, [each for each in shown if each.level is level]) for level in ContactLevel],
        is_empty=not contacts,
        found=len(chosen),
        most=_MOST_SHOWN,
        due=due,
    )
