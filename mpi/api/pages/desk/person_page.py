"""Page of one child: records, links and undo."""

from http import HTTPStatus

from fastapi import APIRouter
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.desk import search
from mpi.api.pages.desk.person_view import build_person_page
from mpi.api.pages.desk.question_view import explain_for_page
from mpi.api.pages.desk.shown_values import parse_pair_key
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.child_labels import name_systems
from mpi.api.pages.rendering.effect_labels import label_effect
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.refusals import record_denied_call
from mpi.domain import eid as eids
from mpi.domain.errors import ConflictError, EidError, InputError, NotFoundError
from mpi.domain.viewer import Action, is_allowed
from mpi.service.stewardship.undo import undo_step

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/people/{eid}")
def show(index: IndexDep, visit: VisitDep, eid: str, records: int = 1, history: str = "") -> Response:
    """Show the records that each agency holds about one person.

    ``records`` is the page of records, from 1. ``history=all`` lists every change.
    """
    try:
        card = build_person_page(index, visit.viewer, eid, records, whole_history=history == "all")
    except (EidError, NotFoundError) as error:
        record_denied_call(index, error)
        return search.render_not_found(index, visit, eid, error)
    return render_page(
        "person.html",
        visit=visit,
        card=card,
        systems=card.systems,
        may_decide=is_allowed(visit.viewer, Action.DECIDE),
        links_to=_link_persons,
    )


@router.post("/why")
def explain(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Show why two records are or are not linked.

    The records come in the request body, because a local ID belongs in no address.
    """
    pair = parse_pair_key(form.raw_text("pair"))
    if pair is None:
        raise InputError("pair: not one of this page")
    explanation = explain_for_page(index, visit.viewer, *pair)
    if explanation is None:
        raise ConflictError("one of the records is not active, so it is not compared")
    eid = form.optional_text("eid")
    return render_page(
        "why.html",
        visit=visit,
        why=explanation,
        systems=name_systems(index, visit.viewer),
        eid=eid if eid is not None and _is_eid(eid) else None,
    )


@router.post("/steps/{step}/undo")
def undo(index: IndexDep, visit: VisitDep, step: int, form: FormDep) -> Response:
    """Undo a steward's step about a person, or preview this until confirmed."""
    confirmed = form.is_checked("confirm")
    effect = undo_step(index, visit.viewer, step, preview=not confirmed)
    eid = form.optional_text("eid")
    if not confirmed:
        return render_page(
            "undo.html",
            visit=visit,
            effect=effect,
            effect_labels=label_effect(index, visit.viewer, effect),
            step=step,
            eid=eid,
            systems=name_systems(index, visit.viewer),
        )
    back = f"/people/{eid}" if eid is not None and _is_eid(eid) else "/"
    return RedirectResponse(
        f"{back}?done={'awaiting' if effect.awaiting else 'undone'}", HTTPStatus.SEE_OTHER
    )


def _link_persons(eids_to_link: tuple[str, ...]) -> Markup:
    """Return links to the persons' pages for given enterprise IDs."""
    return Markup(", ").join(
        Markup('<a class="eid" href="/people/{0}">{0}</a>').format(eid) for eid in eids_to_link
    )


def _is_eid(text: str) -> bool:
    """Check whether a text is a well-formed enterprise ID."""
    try:
        eids.parse_eid(text)
    except EidError:
        return False
    return True
