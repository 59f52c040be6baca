"""Emergency access and lapses act alike on both stores."""

import pytest

from mpi.domain.viewer import Action, make_operator
from mpi.service.access.break_glass import list_uses, review_use
from mpi.service.access.clients import add_client, authenticate
from mpi.service.agreements.register import resume_agreement, suspend_agreement
from tests.index import OPERATOR, open_test_index


@pytest.fixture
def index(tmp_path, database_url):
    with open_test_index(tmp_path, "sis", database_url=database_url) as new_index:
        yield new_index


def test_a_use_is_begun_once_listed_and_reviewed(index):
    key = add_client(index, OPERATOR, "hotline", ["person.read", "break.glass"], None)
    for _ in range(2):
        viewer = authenticate(index, key, "emergency_breakglass", "child missing")
        assert Action.PERSON_READ in viewer.actions
    [use] = list_uses(index, OPERATOR)
    assert (use.client, use.reason, use.reviewed_at) == ("hotline", "child missing", None)
    review_use(index, make_operator("privacy"), "hotline", "justified")
    assert list_uses(index, OPERATOR)[0].review == "privacy: justified"


def test_a_suspended_agreement_permits_nothing_from_the_next_call_on(index):
    key = add_client(index, OPERATOR, "sis-feed", ["record.write"], ["sis"])
    assert authenticate(index, key, None).actions == {Action.RECORD_WRITE}
    suspend_agreement(index, OPERATOR, "house", "breach")
    assert authenticate(index, key, None).actions == frozenset()
    resume_agreement(index, OPERATOR, "house", "cleared")
    assert authenticate(index, key, None).actions == {Action.RECORD_WRITE}
