"""Parties, actions granted by name and emergencies of sign-ins are stored alike on both stores."""

import pytest

from mpi.domain.roles import Role
from mpi.domain.viewer import Action
from mpi.service.access.accounts.account_list import list_accounts
from mpi.service.access.accounts.account_rights import grant_actions
from mpi.service.access.emergency_sessions import begin_emergency, end_emergency
from mpi.service.access.session_authentication import authenticate_session
from mpi.service.access.sign_in import sign_in
from tests.accounts import PASSWORD, add_person, cheap_password_hashing
from tests.agreements import permit_emergencies
from tests.index import OPERATOR, open_test_index


@pytest.fixture
def index(tmp_path, database_url):
    with open_test_index(tmp_path, "ccwis", database_url=database_url) as new_index, cheap_password_hashing():
        permit_emergencies(new_index)
        yield new_index


def test_an_account_with_a_grant_begins_and_ends_an_emergency(index):
    add_person(index, "cal", Role.CASEWORKER, ["ccwis"])
    grant_actions(index, OPERATOR, "cal", ["break.glass", "record.seal"])
    assert list_accounts(index, OPERATOR)[0].granted == ("break.glass", "record.seal")
    token = sign_in(index, "cal", PASSWORD)
    usual = authenticate_session(index, token).viewer
    assert usual.actions >= {Action.BREAK_GLASS, Action.RECORD_SEAL}
    begin_emergency(index, token, "child missing")
    signed_in = authenticate_session(index, token)
    assert signed_in.viewer.purpose == "emergency_breakglass"
    assert Action.RECORD_SEAL not in signed_in.viewer.actions
    end_emergency(index, token)
    assert authenticate_session(index, token).viewer == usual
