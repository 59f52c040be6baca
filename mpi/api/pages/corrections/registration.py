"""Page that registers one child by hand.

It checks for an existing child first.
"""

from collections.abc import Sequence
from http import HTTPStatus

import orjson
from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.corrections.child_choice import FoundChild, label_results
from mpi.api.pages.corrections.step_form import is_shown_on_form, make_form_key, make_repeatable
from mpi.api.pages.desk.shown_values import format_record_key, parse_record_key
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.page_texts import load_words
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form
from mpi.api.request.problems import find_status, headers_of_error
from mpi.domain.errors import ConflictError, InputError, MpiError, RecordError, SearchLimitError, StaleError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.records.registration import (
    ENTRY_FIELDS,
    LikelyChild,
    RegistrationChoice,
    find_likely_children,
    list_entry_sources,
    register_child,
    update_record,
)
from mpi.service.records.upsert_result import UpsertResult
from mpi.service.records.version_tag import CHANGED

router = APIRouter(include_in_schema=False, route_class=PageRoute)

NEW = "new"
"""Form value that stands for a new child."""
NEW_REASONS = ("twin", "sibling", "namesake", "parent-and-child", "different-children", "source-confirmed")


@router.get("/register")
def show_form(index: IndexDep, visit: VisitDep) -> Response:
    """Show the empty form of one record."""
    require_permission(visit.viewer, Action.RECORD_WRITE)
    return _render(index, visit, Form({}))


@router.post("/register")
def register(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Check a record for existing children, or save it."""
    require_permission(visit.viewer, Action.RECORD_WRITE)
    try:
        if not form.is_checked("confirm"):
            return _render(index, visit, form, likely=_check(index, visit.viewer, form))
        stored = _save(index, make_repeatable(visit.viewer, "/register", form), form)
    except MpiError as error:
        if not is_shown_on_form(error) and not isinstance(error, SearchLimitError):
            raise
        likely = _check_again(index, visit.viewer, form) if isinstance(error, StaleError) else None
        return _render(index, visit, form, likely, error)
    if stored.enterprise_id is None:
        return RedirectResponse("/register?done=registered_later", HTTPStatus.SEE_OTHER)
    return RedirectResponse(f"/people/{stored.enterprise_id}?done=registered", HTTPStatus.SEE_OTHER)


def _check(index: Index, viewer: Viewer, form: Form) -> tuple[LikelyChild, ...]:
    """Return the children that the record of a form may be about."""
    return find_likely_children(index, viewer, form.text("source"), _read_record(form))


def _check_again(index: Index, viewer: Viewer, form: Form) -> tuple[LikelyChild, ...] | None:
    """Check a record whose likely children changed; None if it is refused."""
    try:
        return _check(index, viewer, form)
    except (ConflictError, InputError):
        return None


def _save(index: Index, viewer: Viewer, form: Form) -> UpsertResult:
    """Save the record of a form as what was chosen.

    Raises:
        InputError: nothing is chosen, or the record is not the one that was checked.
        RecordError: the record is refused.
        ConflictError: the local ID is in use.
        StaleError: the record to update was not offered, or has changed since.
    """
    texts = load_words().register
    source, record = form.text("source"), _read_record(form)
    shown, offered = form.texts("shown"), form.texts("offered")
    if form.raw_text("checked") != _hash_record(index, form, shown, offered):
        raise InputError(texts.changed)
    whose = form.optional_text("whose") or ("" if shown else NEW)
    if whose == NEW:
        choice = RegistrationChoice(shown=shown, reason=form.optional_text("reason"))
        return register_child(index, viewer, source, record, choice)
    if whose in shown:
        return register_child(index, viewer, source, record, RegistrationChoice(same_as=whose))
    existing = parse_record_key(whose)
    if existing is None or existing.source != source:
        raise InputError(texts.nothing_chosen)
    tags = {key: tag for tag, _, key in (value.partition(" ") for value in offered)}
    if whose not in tags:
        raise StaleError(CHANGED)
    typed = {name: value for name, value in record.items() if name != "local_id"}
    return update_record(index, viewer, existing, typed, tags[whose])


def _read_record(form: Form) -> dict[str, object]:
    """Return the record that is typed into a form."""
    typed = {name: value for name in ENTRY_FIELDS if (value := form.optional_text(name)) is not None}
    return {**typed, "local_id": form.text("local_id")}


def _hash_record(index: Index, form: Form, shown: Sequence[str], offered: Sequence[str]) -> str:
    """Return a keyed hash of a record and what its check offered.

    By it a form that was changed after the check is noticed.

    Args:
        index: the open index.
        form: the form with the record.
        shown: enterprise IDs of the children shown.
        offered: tag and key of each record that was offered for an update.
    """
    fields = [[name, form.optional_text(name)] for name in ("source", "local_id", *ENTRY_FIELDS)]
    return index.keyed_hash.to_token("registration", orjson.dumps([fields, shown, offered]).decode())


def _render(
    index: Index,
    visit: Visit,
    form: Form,
    likely: Sequence[LikelyChild] | None = None,
    error: MpiError | None = None,
) -> Response:
    """Render a record's form with its errors or the check's result."""
    viewer = visit.viewer
    found = label_results(index, viewer, [child.result for child in likely or ()])
    shown = [one.result.enterprise_id for one in found]
    offered = [value for child in likely or () for value in _list_offered(child)]
    field = "" if error is None else _find_error_field(error)
    if isinstance(error, StaleError) and likely is not None:
        field = "likely"
    response = render_page(
        "register.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        sources=list_entry_sources(index, viewer),
        fields=("local_id", *ENTRY_FIELDS),
        values={name: form.raw_text(name) for name in ("source", "local_id", *ENTRY_FIELDS)},
        found=None if likely is None else _pair_up(found, likely),
        checked=_hash_record(index, form, shown, offered),
        offered=offered,
        reasons=NEW_REASONS,
        once=make_form_key(),
        problems=[] if error is None else [(field, str(error))],
        wrong=field,
    )
    response.headers.update({} if error is None else headers_of_error(error))
    return response


def _list_offered(child: LikelyChild) -> list[str]:
    """Return tag and form value of each record that can be updated."""
    pairs = zip(child.own_records, child.tags, strict=True)
    return [f"{tag} {format_record_key(record)}" for record, tag in pairs]


def _pair_up(
    found: Sequence[FoundChild], likely: Sequence[LikelyChild]
) -> list[tuple[FoundChild, list[tuple[str, str]]]]:
    """Return each found child with its own records.

    A record is given by its form value and local ID.
    """
    return [
        (one, [(format_record_key(record), record.local_id) for record in child.own_records])
        for one, child in zip(found, likely, strict=True)
    ]


def _find_error_field(error: MpiError) -> str:
    """Return the field of the form that an error is about."""
    if isinstance(error, ConflictError) and not isinstance(error, SearchLimitError):
        return "local_id"
    field = error.field if isinstance(error, RecordError) else str(error).partition(":")[0]
    return field if field in ("local_id", "source", *ENTRY_FIELDS) else ENTRY_FIELDS[0]
