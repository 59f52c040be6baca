"""What tests of the steward's desk share: children in doubt, people at the desk, and a clock."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from mpi.domain import clock
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Action, Viewer
from mpi.service.records.upsert import upsert
from mpi.service.review.queue import Filters, load_queue_page
from tests.index import OPERATOR, a_child, load_rows, many_children

ANN = Viewer("ann", None, ACTIONS_BY_ROLE[Role.STEWARD], None)
BEN = Viewer("ben", None, ACTIONS_BY_ROLE[Role.STEWARD], None)
SIS_STEWARD = Viewer("sis-steward", None, ACTIONS_BY_ROLE[Role.STEWARD], frozenset({"sis"}))
SIS_OWNER = Viewer("sis-owner", None, ACTIONS_BY_ROLE[Role.SOURCE_OWNER], frozenset({"sis"}))
CCWIS_OWNER = Viewer("ccwis-owner", None, ACTIONS_BY_ROLE[Role.SOURCE_OWNER], frozenset({"ccwis"}))
NOBODY = Viewer("nobody", None, frozenset(Action) - {Action.TASK_READ, Action.TASK_WORK}, None)


def doubtful(index, count: int, start: int = 0) -> None:
    """So many pairs in doubt: a child of sis and one almost alike of ccwis, by the same local ID."""
    children = many_children(count, start)
    load_rows(index, "sis", *children)
    load_rows(index, "ccwis", *(almost(child) for child in children))


def almost(child: dict[str, object]) -> dict[str, object]:
    """The child under names that are alike, of the same birth date."""
    names = {name: f"{child[name]}h" for name in ("first_name", "last_name")}
    return {**child, **names, "postal_code": ""}


def one_pair(index) -> None:
    """A child of sis and one of ccwis, in doubt."""
    upsert(index, OPERATOR, "sis", a_child("1"))
    upsert(
        index, OPERATOR, "ccwis", a_child("2", first_name="Amarah", last_name="Okonkwoh", postal_code=None)
    )


def several(index) -> None:
    """A child of sis with three candidates of ccwis, which are candidates of each other as well."""
    one_pair(index)
    for local_id, first, last in (("3", "Amaro", "Okonkwu"), ("4", "Amarix", "Okonkw")):
        upsert(
            index, OPERATOR, "ccwis", a_child(local_id, first_name=first, last_name=last, postal_code=None)
        )


def keys(index, viewer=ANN, **filters) -> list[str]:
    """Keys of the questions that a page of the queue shows."""
    return [one.key for one in load_queue_page(index, viewer, Filters(**filters)).questions]


def the_question(index, viewer=ANN, **filters):
    """The one question that there is."""
    [one] = load_queue_page(index, viewer, Filters(**filters)).questions
    return one


@contextmanager
def at(moment: datetime):
    """Set the clock."""
    with patch.object(clock, "now", return_value=moment):
        yield


def later(**by: float) -> datetime:
    """A moment after now."""
    return datetime.now(UTC) + timedelta(**by)
