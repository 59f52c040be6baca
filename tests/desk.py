"""Shared helpers for tests of the desk: open questions, stewards and a clock."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from mpi.domain import clock
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Action, Viewer
from mpi.service.records.upsert import upsert
from mpi.service.review.queue import Filters, load_queue_page
from tests.index import OPERATOR, load_rows, make_child, many_children

ANN = Viewer("ann", None, ACTIONS_BY_ROLE[Role.STEWARD], None)
BEN = Viewer("ben", None, ACTIONS_BY_ROLE[Role.STEWARD], None)
SIS_STEWARD = Viewer("sis-steward", None, ACTIONS_BY_ROLE[Role.STEWARD], frozenset({"sis"}))
SIS_OWNER = Viewer("sis-owner", None, ACTIONS_BY_ROLE[Role.SOURCE_OWNER], frozenset({"sis"}))
CCWIS_OWNER = Viewer("ccwis-owner", None, ACTIONS_BY_ROLE[Role.SOURCE_OWNER], frozenset({"ccwis"}))
NOBODY = Viewer("nobody", None, frozenset(Action) - {Action.TASK_READ, Action.TASK_WORK}, None)


def load_doubtful_pairs(index, count: int, start: int = 0) -> None:
    """Load the given number of doubtful pairs: a child of sis and a similar one of ccwis."""
    children = many_children(count, start)
    load_rows(index, "sis", *children)
    load_rows(index, "ccwis", *(similar_child(child) for child in children))


def similar_child(child: dict[str, object]) -> dict[str, object]:
    """Return the child with similar names, the same birth date and no ZIP."""
    names = {name: f"{child[name]}h" for name in ("first_name", "last_name")}
    return {**child, **names, "postal_code": ""}


def add_doubtful_pair(index) -> None:
    """Add a child of sis and a similar one of ccwis."""
    upsert(index, OPERATOR, "sis", make_child("1"))
    upsert(
        index, OPERATOR, "ccwis", make_child("2", first_name="Amarah", last_name="Okonkwoh", postal_code=None)
    )


def add_doubtful_group(index) -> None:
    """Add a child of sis with three candidates of ccwis, which are candidates of each other too."""
    add_doubtful_pair(index)
    for local_id, first, last in (("3", "Amaro", "Okonkwu"), ("4", "Amarix", "Okonkw")):
        upsert(
            index, OPERATOR, "ccwis", make_child(local_id, first_name=first, last_name=last, postal_code=None)
        )


def question_keys(index, viewer=ANN, **filters) -> list[str]:
    """Return the keys of the questions on a page of the queue."""
    return [question.key for question in load_queue_page(index, viewer, Filters(**filters)).questions]


def only_question(index, viewer=ANN, **filters):
    """Return the only question of the queue."""
    [question] = load_queue_page(index, viewer, Filters(**filters)).questions
    return question


@contextmanager
def at(moment: datetime):
    """Set the clock."""
    with clock.fixed_clock(moment):
        yield


def later(**by: float) -> datetime:
    """Return a moment after now."""
    return datetime.now(UTC) + timedelta(**by)
