"""Page of a source's rule: inspection, clocks and retention."""

from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.oversight.case_texts import locate_error
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.page_texts import format_text, load_words
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form, parse_number
from mpi.api.request.problems import find_status
from mpi.domain.errors import InputError, MpiError, NotFoundError, StaleError
from mpi.domain.viewer import Action, require_permission
from mpi.policy.cases.retention import MAX_RETENTION_DAYS, RetentionBegin
from mpi.policy.cases.subject_rights import MAX_DAYS, MAX_TEXT_LENGTH, Inspection, SourceRule
from mpi.service.core.index import Index
from mpi.service.rights.source_rules import MAX_CLOCK_DAYS, list_rules, make_rule_version, set_rule
from mpi.service.statements.sources import list_sources

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_CLOCKS = ("inspection_days", "amendment_days", "hearing_days")
_FIELDS = tuple(SourceRule.__slots__)


@router.get("/sources/{source}/rule")
def show(index: IndexDep, visit: VisitDep, source: str) -> Response:
    """Show the rule of a source in a form.

    Raises:
        NotFoundError: there is no such source.
    """
    return _render(index, visit, source)


@router.post("/sources/{source}/rule")
def change(index: IndexDep, visit: VisitDep, source: str, form: FormDep) -> Response:
    """Change the rule of a source.

    Raises:
        NotFoundError: there is no such source.
    """
    require_permission(visit.viewer, Action.SOURCE_ADMIN)
    _find_rule(index, visit, source)
    try:
        version = form.text("version")
        set_rule(index, visit.viewer, source, expected=version, **_read_rule(form))
    except (InputError, StaleError) as error:
        return _render(index, visit, source, error, form)
    return RedirectResponse(f"/sources/{quote(source, safe='')}/rule?done=rule_stored", HTTPStatus.SEE_OTHER)


def _read_rule(form: Form) -> dict[str, Any]:
    """Return the fields of a rule that a form states.

    Raises:
        InputError: a field is missing, no number, or none of the list.
    """
    inspection = form.text("inspection")
    if inspection not in set(Inspection):
        raise InputError("inspection: choose one of the list")
    days = form.optional_text("retention_days")
    return {
        "inspection": Inspection(inspection),
        "citation": form.optional_text("citation") or "",
        **{name: parse_number(form.text(name), name) for name in _CLOCKS},
        "appeal_office": form.text("appeal_office"),
        "retention_days": None if days is None else parse_number(days, "retention_days"),
        "retention_begins": form.text("retention_begins"),
        "retention_agreement": form.optional_text("retention_agreement"),
    }


def _find_rule(index: Index, visit: Visit, source: str) -> SourceRule:
    """Return the rule of a source that the viewer administers.

    Raises:
        NotFoundError: there is no such source.
    """
    rule = list_rules(index, visit.viewer).get(source)
    if rule is None:
        raise NotFoundError("there is no source of this code")
    return rule


def _render(
    index: Index, visit: Visit, source: str, error: MpiError | None = None, form: Form | None = None
) -> Response:
    """Render a source's rule; after an error, with the typed values.

    After a conflict, the form states the rule in force as read, so that it can be sent again. After another
    error it still states the rule that the person read.
    """
    rule = _find_rule(index, visit, source)
    names = {each.code: each.name for each in list_sources(index, visit.viewer)}
    stored = {name: "" if value is None else str(value) for name, value in asdict(rule).items()}
    typed = {} if form is None else {name: form.raw_text(name) for name in _FIELDS}
    is_stale = isinstance(error, StaleError)
    problems = [] if error is None else [locate_error(error, _FIELDS)]
    return render_page(
        "source_rule.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        source=source,
        system=names.get(source, source),
        typed=stored if form is None else typed,
        version=make_rule_version(rule) if form is None or is_stale else form.raw_text("version"),
        inspections=list(Inspection),
        clocks=[(name, MAX_DAYS if name == "inspection_days" else MAX_CLOCK_DAYS) for name in _CLOCKS],
        begins=list(RetentionBegin),
        longest=MAX_TEXT_LENGTH,
        longest_retention=MAX_RETENTION_DAYS,
        problems=problems + (_list_differences(typed, stored) if is_stale else []),
        problem_title=load_words().source_rule.conflict if is_stale else None,
    )


def _list_differences(typed: Mapping[str, str], stored: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the fields in which the rule differs from the form."""
    words = load_words().source_rule
    titles = {"inspection": words.inspections, "retention_begins": words.begins}
    differences: list[tuple[str, str]] = []
    for name in _FIELDS:
        if typed[name].strip() != stored[name]:
            value = titles[name].of(stored[name]) if name in titles else stored[name] or words.empty
            differences.append((name, format_text(words.in_force, field=words[name], value=value)))
    return differences
