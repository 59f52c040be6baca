"""Options of a list in which a person is chosen."""

from collections.abc import Iterable
from dataclasses import dataclass

from mpi.api.pages.rendering.page_texts import format_text, load_words
from mpi.api.pages.session.page_context import Visit
from mpi.domain.errors import NotFoundError
from mpi.domain.roles import APPROVER_ASSIGNEE
from mpi.service.core.index import Index
from mpi.service.notices.colleagues import Colleague, list_assignees, list_workers
from mpi.service.notices.question_notes import list_mentionable
from mpi.service.review.open_questions import QuestionSummary


@dataclass(frozen=True, slots=True)
class PersonOption:
    """Person in a list: account name and text that names the person."""

    name: str
    text: str


def list_worker_options(index: Index, visit: Visit) -> tuple[PersonOption, ...]:
    """Return the people by whom a queue can be filtered.

    They are the viewer, the approvers, and the people who answer questions.
    """
    approvers = PersonOption(APPROVER_ASSIGNEE, load_words().workload.approvers)
    return (_name_oneself(visit), approvers, *_to_options(visit, list_workers(index, visit.viewer)))


def list_assignee_options(index: Index, visit: Visit, question: QuestionSummary) -> tuple[PersonOption, ...]:
    """Return the people who may answer a question, oneself first."""
    try:
        colleagues = list_assignees(index, visit.viewer, question.key)
    except NotFoundError:
        # It was answered since it was read.
        colleagues = ()
    return (_name_oneself(visit), *_to_options(visit, colleagues))


def list_mention_options(index: Index, visit: Visit, question: QuestionSummary) -> tuple[PersonOption, ...]:
    """Return the people whom a note on a question can mention."""
    try:
        colleagues = list_mentionable(index, visit.viewer, question.key)
    except NotFoundError:
        # It was answered since it was read.
        return ()
    return tuple(_to_options(visit, colleagues))


def _name_oneself(visit: Visit) -> PersonOption:
    text = format_text(load_words().assign.me, name=visit.full_name or visit.viewer.client)
    return PersonOption(visit.viewer.client, text)


def _to_options(visit: Visit, colleagues: Iterable[Colleague]) -> list[PersonOption]:
    """Return the options of other people."""
    return [
        PersonOption(colleague.name, f"{colleague.full_name} ({colleague.name})")
        for colleague in colleagues
        if colleague.name != visit.viewer.client
    ]
