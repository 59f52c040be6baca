"""Questions of a person whose rights change: kept while they can be answered, else back in the queue."""

import pytest

from mpi.domain.roles import Role
from mpi.service.access.accounts.account_rights import change_account
from mpi.service.review.assignments import assign
from mpi.service.review.queue import Filters, load_queue_page
from tests.accounts import add_person, cheap_password_hashing
from tests.desk import ANN, load_doubtful_pairs, question_keys
from tests.index import OPERATOR, open_test_index


@pytest.fixture
def index(tmp_path):
    with cheap_password_hashing(), open_test_index(tmp_path, "sis", "ccwis") as index:
        load_doubtful_pairs(index, 3)
        yield index


@pytest.fixture
def keys(index):
    """Three questions: two are assigned to two stewards."""
    keys = question_keys(index)
    for key, name in zip(keys, ("mia", "tom"), strict=False):
        assign(index, ANN, key, add_person(index, name))
    return keys


def list_assignees(index, keys) -> list[str | None]:
    page = load_queue_page(index, ANN, Filters(state=None))
    assigned = {question.key: question.assigned_to for question in page.questions}
    return [assigned[key] for key in keys]


@pytest.mark.parametrize(("role", "sources"), [(Role.ANALYST, None), (Role.STEWARD, ["sis"])])
def test_question_returns_to_the_queue_when_its_person_may_not_answer_it(index, keys, role, sources):
    change_account(index, OPERATOR, "mia", role, sources)
    assert list_assignees(index, keys) == [None, "tom", None]


def test_question_stays_with_a_person_whose_new_role_may_answer_it(index, keys):
    change_account(index, OPERATOR, "mia", Role.APPROVER, None)
    assert list_assignees(index, keys) == ["mia", "tom", None]
