"""Nobody is both people of the two-person rule by way of a password that they were shown, on both stores."""

import secrets

import pytest

from mpi.domain.errors import ConflictError
from mpi.domain.roles import Role
from mpi.domain.viewer import SecondApprover
from mpi.service.access.account_requests import (
    confirm_request,
    list_account_requests,
    request_account,
    request_password,
)
from mpi.service.access.accounts.new_accounts import NewAccount
from mpi.service.access.session_authentication import authenticate_session
from mpi.service.access.sign_in import change_password, sign_in
from mpi.service.stewardship.approvals import approve, send_back
from mpi.service.stewardship.merge_split_move import StepOptions, merge
from mpi.service.stewardship.pending_steps import list_pending_steps
from tests.accounts import PASSWORD, add_person, cheap_password_hashing
from tests.index import OPERATOR, crosswalk, load_rows, make_child, open_test_index, with_settings


@pytest.fixture
def index(tmp_path, database_url):
    with (
        open_test_index(tmp_path, "sis", "ccwis", database_url=database_url) as new_index,
        cheap_password_hashing(),
    ):
        load_rows(new_index, "sis", make_child("1"))
        load_rows(new_index, "ccwis", make_child("2", first_name="Zoe", birth_date="2011-11-11"))
        yield with_settings(new_index, second_approver=SecondApprover.ALWAYS)


def view_as(index, name, password=PASSWORD):
    return authenticate_session(index, sign_in(index, name, password)).viewer


def act_as(index, name, role):
    add_person(index, name, role)
    return view_as(index, name)


def take_over(index, name, one_time_password):
    """Sign in with a one-time password that was shown; return the viewer of that account."""
    own_password = f"{PASSWORD} {secrets.token_hex(4)}"
    change_password(index, sign_in(index, name, one_time_password), one_time_password, own_password)
    return view_as(index, name, own_password)


def confirm_account(index, approver, name, role=Role.STEWARD):
    """Have an approver confirm a new account, and sign in to it."""
    request_account(index, OPERATOR, NewAccount(name, "Ann Ito", role, None))
    return confirm_last(index, approver, name)


def confirm_last(index, approver, name):
    number = list_account_requests(index, approver)[-1].number
    return take_over(index, name, confirm_request(index, approver, number).password)


def make_step(index, viewer):
    return merge(index, viewer, sorted(crosswalk(index).values()), StepOptions("x")).step


def may_approve(index, viewer):
    [step] = list_pending_steps(index, viewer)
    return step.may_approve


@pytest.mark.parametrize("answer", [approve, send_back])
def test_an_approver_who_was_shown_the_password_of_a_steward_is_no_second_person(index, answer):
    ada, bea = act_as(index, "ada", Role.APPROVER), act_as(index, "bea", Role.APPROVER)
    step = make_step(index, confirm_account(index, ada, "ann"))
    with pytest.raises(ConflictError, match="password or key you were shown"):
        answer(index, ada, step)
    assert not may_approve(index, ada)
    assert may_approve(index, bea)
    answer(index, bea, step)


def test_an_approver_cannot_approve_an_own_step_under_a_name_that_they_confirmed(index):
    ada = act_as(index, "ada", Role.APPROVER)
    step = make_step(index, ada)
    second_name = confirm_account(index, ada, "ann", Role.APPROVER)
    with pytest.raises(ConflictError, match="who was shown yours"):
        approve(index, second_name, step)


def test_a_password_counts_for_the_steps_after_it_until_another_approver_confirms_one(index):
    ada, bea = act_as(index, "ada", Role.APPROVER), act_as(index, "bea", Role.APPROVER)
    ann = act_as(index, "ann", Role.STEWARD)
    step = make_step(index, ann)
    request_password(index, OPERATOR, "ann", None)
    ann = confirm_last(index, ada, "ann")
    send_back(index, ada, step)
    step = make_step(index, ann)
    request_password(index, OPERATOR, "ann", None)
    ann = confirm_last(index, bea, "ann")
    assert (may_approve(index, ada), may_approve(index, bea)) == (False, True)
    send_back(index, bea, step)
    make_step(index, ann)
    assert (may_approve(index, ada), may_approve(index, bea)) == (True, False)
