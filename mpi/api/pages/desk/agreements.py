"""Pages of the agreements: which exist, what each permits, and their steps."""

from http import HTTPStatus
from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.page_texts import title_field
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form, make_button_error
from mpi.api.request.problems import find_status
from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, MpiError
from mpi.domain.viewer import Action
from mpi.policy.agreement import AgreementState
from mpi.service.agreements.purposes import list_purposes
from mpi.service.agreements.register import (
    approve_version,
    end_agreement,
    may_see_all,
    resume_agreement,
    suspend_agreement,
)
from mpi.service.agreements.views import AgreementView, list_agreements, list_history, show_agreement
from mpi.service.core.index import Index

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_STEPS = {"suspend": suspend_agreement, "resume": resume_agreement, "end": end_agreement}
_DONE = {"suspend": "suspended", "resume": "resumed", "end": "ended"}


@router.get("/agreements")
def list_page(index: IndexDep, visit: VisitDep) -> Response:
    """Show the agreements that the viewer may read, the nearest end first."""
    agreements = sorted(list_agreements(index, visit.viewer), key=_urgency)
    return render_page(
        "agreements.html",
        visit=visit,
        agreements=agreements,
        overdue=[
            duty for view in agreements for duty in view.clocks if duty.days_left(clock.now().date()) < 0
        ],
        due=[view for view in agreements if view.end is not None and view.end.notice is not None],
        purposes={purpose.code: purpose for purpose in list_purposes(index, visit.viewer)},
    )


@router.get("/agreements/{code}")
def show(index: IndexDep, visit: VisitDep, code: str) -> Response:
    """Show the terms of an agreement, its draft and its history."""
    return _render_agreement(index, visit, code)


@router.post("/agreements/{code}")
def act(index: IndexDep, visit: VisitDep, code: str, form: FormDep) -> Response:
    """Approve, suspend, resume or end an agreement."""
    try:
        outcome = _apply_action(index, visit, code, form)
    except (InputError, ConflictError) as error:
        return _render_agreement(index, visit, code, error)
    return RedirectResponse(f"/agreements/{quote(code)}?done={outcome}", HTTPStatus.SEE_OTHER)


def _apply_action(index: Index, visit: Visit, code: str, form: Form) -> str:
    """Take the step that the form names; return a message code."""
    action = form.button()
    if action == "approve":
        version = form.text("version")
        approve_version(
            index, visit.viewer, code, int(version) if version.isascii() and version.isdigit() else 0
        )
        return "agreement_approved"
    if action not in _STEPS:
        raise make_button_error()
    _STEPS[action](index, visit.viewer, code, form.text("reason"))
    return f"agreement_{_DONE[action]}"


def _render_agreement(index: Index, visit: Visit, code: str, error: MpiError | None = None) -> Response:
    """Render the page of one agreement."""
    view = show_agreement(index, visit.viewer, code)
    return render_page(
        "agreement.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        view=view,
        versions=[view.terms, *([] if view.draft is None else [view.draft])],
        purposes={purpose.code: purpose for purpose in list_purposes(index, visit.viewer)},
        legal_bases=index.settings.legal_bases,
        events=list_history(index, visit.viewer, code) if may_see_all(visit.viewer) else [],
        may_approve=visit.may(Action.APPROVE) and view.proposed_by not in (None, visit.viewer.client),
        may_change=visit.may(Action.AGREEMENT_ADMIN) and view.state is not AgreementState.ENDED,
        field_title=title_field,
        problems=[] if error is None else [("reason", str(error))],
    )


def _urgency(view: AgreementView) -> tuple[bool, bool, int, str]:
    """Order agreements: those in force by their last day, then the others."""
    is_over = view.state in (AgreementState.ENDED, AgreementState.EXPIRED)
    return is_over, view.end is None, 0 if view.end is None else view.end.days_left, view.code
