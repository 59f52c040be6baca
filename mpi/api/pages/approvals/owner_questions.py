"""Page of questions to the owner of a record.

The owner sees the record asked about and nothing else.
"""

from dataclasses import dataclass
from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.child_labels import ChildLabel, label_child, name_systems
from mpi.api.pages.rendering.record_values import format_record
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.service.persons.child_names import ChildName
from mpi.service.review.owner_questions import OwnerQuestion, answer_owner_question, list_owner_questions
from mpi.standardize.fields.dates import to_birth_day

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class OwnerQuestionCard:
    """A steward's question to a record's owner, with the formatted record."""

    asked: OwnerQuestion
    child: ChildLabel
    rows: dict[str, str]


@router.get("/asked")
def list_page(index: IndexDep, visit: VisitDep, answered: str = "") -> Response:
    """Show stewards' questions to the viewer as source owner, first due first."""
    questions = list_owner_questions(index, visit.viewer, answered=bool(answered))
    # Nothing of a record is confidential to its owner.
    cards = [
        OwnerQuestionCard(
            question, _label_record(question), format_record(question.values, confidential=False)
        )
        for question in questions
    ]
    return render_page(
        "asked.html",
        visit=visit,
        cards=cards,
        answered=bool(answered),
        systems=name_systems(index, visit.viewer),
    )


def _label_record(question: OwnerQuestion) -> ChildLabel:
    """Return name and age as the owner's own record states them."""
    stated = {
        name: question.values.get(name) for name in ("first_name", "middle_name", "last_name", "suffix")
    }
    texts = {name: value if isinstance(value, str) else None for name, value in stated.items()}
    birth_date = question.values.get("birth_date")
    day = to_birth_day(birth_date) or birth_date if isinstance(birth_date, str) else None
    return label_child(ChildName(None, **texts, birth_date=day), [question.record])


@router.post("/asked/{number}")
def post_answer(index: IndexDep, visit: VisitDep, number: int, form: FormDep) -> Response:
    """Save a source owner's answer to a steward's question about a record."""
    answer_owner_question(
        index,
        visit.viewer,
        number,
        form.raw_text("answer"),
        form.optional_text("note"),
        alike=form.is_checked("alike"),
    )
    return RedirectResponse("/asked?done=told", HTTPStatus.SEE_OTHER)
