"""Page of consents to disclose single records: record, revoke and list them."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.oversight.case_texts import locate_error
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.child_labels import label_child
from mpi.api.pages.rendering.page_texts import load_words, title_field, title_fields
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form, make_button_error
from mpi.api.request.problems import find_status
from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, MpiError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, require_permission
from mpi.policy.cases.consent import Consent, Signer
from mpi.service.core.index import Index
from mpi.service.legal.disclosure_consents import (
    ConsentView,
    find_consent_record,
    list_consent_choices,
    list_consents,
    record_consent,
    revoke_consent,
)
from mpi.service.legal.own_sources import list_own_sources
from mpi.service.persons.child_names import look_up_child_names
from mpi.service.statements.boundary_orders import MAX_REFERENCE_LENGTH

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class _ShownRecord:
    """The record that a form named.

    Args:
        ref: the record; None where none was named.
        consents: its consents; None where they are not shown.
    """

    ref: RecordRef | None = None
    consents: list[ConsentView] | None = None


_NO_RECORD = _ShownRecord()
_TYPED = ("source", "local_id", "agreement", "recipient", "signer", "signed", "ends", "reference")
"""Fields of forms whose value is shown again after an error."""


@router.get("/consents")
def show(request: Request, index: IndexDep, visit: VisitDep) -> Response:
    """Show the forms of consents, and the record of a named consent."""
    require_permission(visit.viewer, Action.CONSENT_RECORD)
    code = request.query_params.get("code")
    if not code:
        return _render(index, visit)
    return _render_consents(index, visit, find_consent_record(index, visit.viewer, code))


@router.post("/consents")
def act(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Show the consents about a record, record one, or revoke one.

    The record's local ID comes in the request body, because it belongs in no address. What is recorded or
    revoked is shown by the code of the consent, so a reload does nothing again.
    """
    require_permission(visit.viewer, Action.CONSENT_RECORD)
    record = None
    try:
        record = RecordRef(form.text("source"), form.text("local_id"))
        if form.button() == "find":
            return _render_consents(index, visit, record)
        code, done = _apply(index, visit, form, record)
    except (InputError, ConflictError, NotFoundError) as error:
        return _render(index, visit, _ShownRecord(record, None), error, form)
    return RedirectResponse(f"/consents?code={quote(code, safe='')}&done={done}", HTTPStatus.SEE_OTHER)


def _apply(index: Index, visit: Visit, form: Form, record: RecordRef) -> tuple[str, str]:
    """Record or revoke a consent; return its code and the message code.

    Raises:
        InputError: the form names no action, or what it states is wrong.
    """
    match form.button():
        case "record":
            signed = _read_consent(form)
            code = record_consent(index, visit.viewer, record.source, record.local_id, signed)
            return code, "consent_recorded"
        case "revoke":
            code = form.text("code")
            revoke_consent(index, visit.viewer, code, form.text("reference"))
            return code, "consent_revoked"
        case _:
            raise make_button_error()


def _read_consent(form: Form) -> Consent:
    """Read a consent from its form.

    Raises:
        InputError: a value is missing, a day is none, or the signer is unknown.
    """
    signer = form.text("signer")
    if signer not in set(Signer):
        raise InputError("signer: parent or student")
    return Consent(
        agreement=form.text("agreement"),
        recipient=form.text("recipient"),
        purposes=frozenset(form.texts("purpose")),
        fields=frozenset(form.texts("field")),
        signer=Signer(signer),
        signed=form.day("signed"),
        ends=form.day("ends"),
        reference=form.text("reference"),
    )


def _render_consents(index: Index, visit: Visit, record: RecordRef) -> Response:
    """Render the consents about a record.

    Raises:
        NotFoundError: the record does not exist for the viewer.
    """
    consents = list_consents(index, visit.viewer, record.source, record.local_id)
    return _render(index, visit, _ShownRecord(record, consents))


def _render(
    index: Index,
    visit: Visit,
    shown: _ShownRecord = _NO_RECORD,
    error: MpiError | None = None,
    form: Form | None = None,
) -> Response:
    """Render the forms, and the consents about a record that was named."""
    sources = list_own_sources(index, visit.viewer, Action.CONSENT_RECORD)
    names = {source.code: source.name for source in sources}
    typed = {name: "" if form is None else form.raw_text(name) for name in _TYPED}
    if shown.ref is not None and form is None:
        typed |= {"source": shown.ref.source, "local_id": shown.ref.local_id}
    return render_page(
        "consents.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        sources=sources,
        system=None if shown.ref is None else names.get(shown.ref.source, shown.ref.source),
        child=_find_child_name(index, visit, shown),
        consents=shown.consents,
        choices=[
            (
                choice,
                [(code, load_words().ledger.purposes.of(code)) for code in choice.purposes],
                list(zip(choice.fields, title_fields(choice.fields), strict=True)),
            )
            for choice in list_consent_choices(index, visit.viewer)
        ],
        signers=tuple(Signer),
        field_title=title_field,
        today=clock.today(),
        longest_reference=MAX_REFERENCE_LENGTH,
        typed=typed,
        chosen=() if form is None else (*form.texts("purpose"), *form.texts("field")),
        problems=[] if error is None else [locate_error(error, ("source", "local_id"))],
    )


def _find_child_name(index: Index, visit: Visit, shown: _ShownRecord) -> str:
    """Return the name of a record's child.

    The name is known as far as the viewer may read records.
    """
    if shown.ref is None or shown.consents is None:
        return ""
    names = look_up_child_names(index, visit.viewer, Action.RECORD_READ, [shown.ref])
    return label_child(names.by_record.get(shown.ref)).name
