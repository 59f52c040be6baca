"""Pages of papers, for counsel and for the public."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.page_texts import (
    Words,
    format_text,
    load_words,
    title_field,
    title_fields,
)
from mpi.api.pages.rendering.render import render_page, render_text
from mpi.api.pages.session.page_context import VisitDep, create_visit
from mpi.api.request.authentication import IndexDep
from mpi.service.agreements.counsel_questions import Facts, answer_questions
from mpi.service.agreements.papers import list_papers, list_shared
from mpi.service.agreements.purposes import list_purposes
from mpi.service.transparency.public_page import PublicPage, read_public_page

_GROUPS = ("who", "law", "long", "known", "undone")
"""Groups of questions: who may, under which law, for how long, how known, how undone."""

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/papers")
def show_papers(index: IndexDep, visit: VisitDep) -> Response:
    """Show who may see what, and the answers to counsel's questions."""
    words = load_words().papers
    rows = list_papers(index, visit.viewer)
    answers = answer_questions(index, visit.viewer)
    return render_page(
        "papers.html",
        visit=visit,
        rows=sorted(list_shared(rows), key=lambda row: (row.recipient.name, row.role or "", row.purpose)),
        question_groups=[
            (
                group,
                [(words.ask[code], _word_answer(words, code, answers[code])) for code in _list_codes(group)],
            )
            for group in _GROUPS
        ],
        purposes={purpose.code: purpose for purpose in list_purposes(index, visit.viewer)},
        field_title=title_field,
        field_titles=title_fields,
    )


@router.get("/transparency")
def show_transparency(request: Request, index: IndexDep) -> Response:
    """Show everybody what records are used for, without a name."""
    return render_page(
        "transparency.html",
        visit=create_visit(request, index, None),
        page=read_public_page(index),
        field_titles=title_fields,
    )


def write_public_page(page: PublicPage) -> str:
    """Return the page for the public as self-contained HTML."""
    return render_text("transparency_file.html", page=page, field_titles=title_fields)


def _list_codes(group: str) -> list[str]:
    return str(load_words().papers.order[group]).split()


def _word_answer(words: Words, code: str, facts: Facts) -> str:
    """Return an answer in words; a short one if it lists nothing."""
    lists = [value for name, value in facts.items() if isinstance(value, list) and name != "roles"]
    if lists and not any(lists):
        return words.none_of.maybe(code) or str(words.nothing)
    values = {name: _word_fact(words, name, value) for name, value in facts.items()}
    sentence = format_text(words.answer[code], **values)
    return sentence[:1].upper() + sentence[1:]


def _word_fact(words: Words, name: str, value: object) -> str:
    """Return a fact in words, the entries of a list joined."""
    if not isinstance(value, list):
        return str(words.setting.of(value) if name == "setting" else value)
    return "; ".join(_word_entry(words, name, str(entry)) for entry in value) or str(words.nobody)


def _word_entry(words: Words, name: str, entry: str) -> str:
    """Return an entry of a list in words."""
    all_words = load_words()
    whose, _, code = entry.rpartition(": ")
    match name:
        case "fields":
            return title_field(entry)
        case "purposes":
            return str(all_words.ledger.purposes.of(entry))
        case "roles":
            return str(all_words.role.of(entry))
        case "who":
            return f"{whose}: {words.program if code == 'program' else all_words.role.of(code)}"
        case "conditions":
            return f"{all_words.role.of(whose)}: {words.condition.of(code)}"
        case _:
            return entry.replace("_", " ")
