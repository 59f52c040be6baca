"""Emergency access: granted by name, with a reason, for a time, and reviewed by somebody else."""

import logging

import pytest

from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, make_operator
from mpi.service.access.break_glass import list_uses, review_use
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client
from mpi.service.persons.change_feed import read_change_feed
from mpi.service.persons.crosswalk_export import export_crosswalk
from tests.agreements import permit_emergencies
from tests.index import OPERATOR

PURPOSE = "emergency_breakglass"
ACTIONS = ["person.read", "record.read", "record.write", "break.glass"]


@pytest.fixture
def key(sqlite_index):
    permit_emergencies(sqlite_index)
    return add_client(sqlite_index, OPERATOR, "hotline", ACTIONS, None)


def refusal(viewer, action=Action.PERSON_READ):
    found = viewer.rights.find_refusal(action)
    return None if found is None else found.code


def test_a_client_without_the_grant_gets_no_emergency_access(sqlite_index):
    key = add_client(sqlite_index, OPERATOR, "portal", ACTIONS[:3], None)
    assert refusal(authenticate(sqlite_index, key, PURPOSE, "child missing")) == "break-glass-not-granted"
    assert list_uses(sqlite_index, OPERATOR) == []


@pytest.mark.parametrize("reason", [None, "", "   ", "x" * 501, "two\nlines"])
def test_a_use_needs_a_reason(sqlite_index, key, reason):
    assert refusal(authenticate(sqlite_index, key, PURPOSE, reason)) == "break-glass-reason-missing"
    assert list_uses(sqlite_index, OPERATOR) == []


def test_a_use_reads_and_writes_nothing_and_is_announced(sqlite_index, key, caplog):
    caplog.set_level(logging.WARNING, "mpi.policy")
    viewer = authenticate(sqlite_index, key, PURPOSE, "child missing")
    assert viewer.actions == {Action.PERSON_READ, Action.RECORD_READ, Action.BREAK_GLASS}
    assert "emergency access by hotline" in caplog.text
    [use] = list_uses(sqlite_index, OPERATOR)
    assert (use.client, use.reason, use.reviewed_at) == ("hotline", "child missing", None)


def test_a_use_ends_after_its_time_and_stays_ended_until_a_review(sqlite_index, key, manual_clock):
    authenticate(sqlite_index, key, PURPOSE, "child missing")
    manual_clock.advance(minutes=59)
    assert refusal(authenticate(sqlite_index, key, PURPOSE, "still missing")) is None
    manual_clock.advance(minutes=1)
    assert refusal(authenticate(sqlite_index, key, PURPOSE, "still missing")) == "break-glass-ended"
    assert len(list_uses(sqlite_index, OPERATOR)) == 1
    review_use(sqlite_index, make_operator("privacy"), "hotline", "justified")
    manual_clock.advance(minutes=1)
    assert refusal(authenticate(sqlite_index, key, PURPOSE, "another child")) is None
    first, second = list_uses(sqlite_index, OPERATOR)
    assert (first.review, second.review) == ("privacy: justified", None)


def test_nobody_reviews_the_own_use_and_a_review_needs_a_use_and_a_note(sqlite_index, key):
    with pytest.raises(NotFoundError):
        review_use(sqlite_index, OPERATOR, "hotline", "justified")
    authenticate(sqlite_index, key, PURPOSE, "child missing")
    with pytest.raises(ConflictError):
        review_use(sqlite_index, make_operator("hotline"), "hotline", "justified")
    with pytest.raises(InputError):
        review_use(sqlite_index, OPERATOR, "hotline", " ")


def test_an_agreement_that_does_not_name_emergencies_permits_none(sqlite_index):
    key = add_client(sqlite_index, OPERATOR, "hotline", [*ACTIONS, "crosswalk.read"], None)
    viewer = authenticate(sqlite_index, key, PURPOSE, "child missing")
    assert (viewer.actions, refusal(viewer)) == (frozenset(), "purpose-outside-agreement")
    assert list_uses(sqlite_index, OPERATOR) == []


def test_emergency_access_reads_no_change_feed_and_no_export(sqlite_index):
    permit_emergencies(sqlite_index)
    actions = ["crosswalk.read", "crosswalk.export", "break.glass"]
    key = add_client(sqlite_index, OPERATOR, "hotline", actions, None)
    viewer = authenticate(sqlite_index, key, PURPOSE, "child missing")
    for ask in (
        lambda: read_change_feed(sqlite_index, viewer),
        lambda: export_crosswalk(sqlite_index, viewer),
    ):
        with pytest.raises(AccessDenied) as refused:
            ask()
        assert refused.value.reason == "action-outside-purpose"
        assert refused.value.call is not None
