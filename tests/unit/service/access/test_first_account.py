"""The one-time link of the first administrator."""

import pytest

from mpi.domain.errors import InputError, NotFoundError
from mpi.domain.roles import Role
from mpi.service.access.accounts.account_list import find_account
from mpi.service.access.first_start.first_account import (
    make_first_link,
    require_first_link,
    use_first_link,
)
from mpi.service.access.session_authentication import authenticate_session
from mpi.service.access.sign_in import sign_in
from tests.accounts import PASSWORD, add_person, cheap_password_hashing
from tests.index import OPERATOR, with_settings


@pytest.fixture(autouse=True)
def _quick_passwords():
    with cheap_password_hashing():
        yield


def test_the_link_makes_one_operator_and_no_other(index):
    token = make_first_link(index)
    use_first_link(index, token, "ona", "Ona Ruiz", PASSWORD)
    signed_in = authenticate_session(index, sign_in(index, "ona", PASSWORD))
    assert (signed_in.role, signed_in.must_change, signed_in.viewer.sources) == (Role.OPERATOR, False, None)
    assert find_account(index, OPERATOR, "ona").changes[0].by == "first-start"
    for again in (
        lambda: use_first_link(index, token, "eva", "Eva", PASSWORD),
        lambda: require_first_link(index, token),
    ):
        with pytest.raises(NotFoundError):
            again()
    assert make_first_link(index) is None


def test_a_link_ends_after_a_day_or_at_the_next_start(sqlite_index, manual_clock):
    first = make_first_link(sqlite_index)
    second = make_first_link(sqlite_index)
    with pytest.raises(NotFoundError):
        use_first_link(sqlite_index, first, "ona", "Ona Ruiz", PASSWORD)
    require_first_link(sqlite_index, second)
    manual_clock.advance(hours=24)
    with pytest.raises(NotFoundError):
        use_first_link(sqlite_index, second, "ona", "Ona Ruiz", PASSWORD)


def test_a_link_is_worthless_once_there_is_an_account(sqlite_index):
    token = make_first_link(sqlite_index)
    add_person(sqlite_index, "ana")
    with pytest.raises(NotFoundError):
        use_first_link(sqlite_index, token, "ona", "Ona Ruiz", PASSWORD)
    assert make_first_link(sqlite_index) is None


def test_a_wrong_form_leaves_the_link_and_made_up_tokens_open_nothing(sqlite_index):
    token = make_first_link(sqlite_index)
    for name, password in (("", PASSWORD), ("Ona", PASSWORD), ("operator", PASSWORD), ("ona", "short")):
        with pytest.raises(InputError):
            use_first_link(sqlite_index, token, name, "Ona Ruiz", password)
    for made_up in ("", "x", token[:-1], token.lower(), "\x00"):
        with pytest.raises(NotFoundError):
            use_first_link(sqlite_index, made_up, "ona", "Ona Ruiz", PASSWORD)
    use_first_link(sqlite_index, token, "ona", "Ona Ruiz", PASSWORD)


def test_no_token_is_stored_and_none_is_made_without_passwords(sqlite_index):
    token = make_first_link(sqlite_index)
    with sqlite_index.database.read(OPERATOR) as unit:
        stored = unit.connection.exec_driver_sql("SELECT token_hash FROM first_link").scalars().all()
    assert len(stored) == 1
    assert token not in stored
    without_passwords = with_settings(sqlite_index, has_local_sign_in=False)
    assert make_first_link(without_passwords) is None
    with pytest.raises(NotFoundError):
        use_first_link(without_passwords, token, "ona", "Ona Ruiz", PASSWORD)
