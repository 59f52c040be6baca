"""Passwords: which are refused, and how they are kept."""

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type
from argon2.profiles import CHEAPEST

from mpi.domain.errors import InputError
from mpi.service.access import passwords
from tests.people import quick_passwords

NAMES = ("ana.ruiz", "Ana María Ruiz")


@pytest.mark.parametrize(
    "password",
    [
        "seventeen green kettles",
        "correct horse battery",
        "ürgehörte Bücherkiste",
        "パスワードではない長い文章です",
        "6 of 7 are odd, Ana",
        "a" * 10 + "bcdefghijk",
        "x7" * 20 + "abcd",
    ],
)
def test_what_nobody_would_try_is_taken_whatever_it_is_made_of(password):
    passwords.check_password(password, *NAMES)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "fourteen chars",
        "a" * 15,
        "abcdefghijklmno",
        "987654321098765",
        "123123123123123",
        "Password Password",
        "PASSWORD-password-1",
        "qwerty qwerty 12",
        "ana.ruiz.ana.ruiz",
        "Ruiz Ana María Ruiz",
        "MasterPersonIndex1",
        "changeme-changeme",
        "Password123456789",
        "SummerSchool2026!!",
        "Foster Children Services",
        "qwertyuiop asdfghjkl",
        "1qaz2wsx-1qaz2wsx",
        "Steward-of-2025-2026",
        "x" * 201,
        "with\x00a NUL inside it",
        "new\nline in a password",
    ],
)
def test_what_anybody_would_try_is_refused_and_not_quoted(password):
    with pytest.raises(InputError) as refused:
        passwords.check_password(password, *NAMES)
    assert password not in str(refused.value) or password == ""


def test_the_one_that_was_set_opens_and_no_other():
    with quick_passwords():
        kept = passwords.hash_password("seventeen green kettles")
        assert passwords.is_correct(kept, "seventeen green kettles")
        for other in ("seventeen green kettle", "Seventeen green kettles", "seventeen green kettles ", ""):
            assert not passwords.is_correct(kept, other)
        assert not passwords.is_correct(None, "seventeen green kettles")
        assert not passwords.is_correct("not a hash", "seventeen green kettles")


def test_what_keyboards_write_in_several_ways_is_one_password():
    with quick_passwords():
        assert passwords.is_correct(passwords.hash_password("caf\u00e9 con leche frío"), "cafe\u0301 con leche frío")


def test_hashes_are_argon2id_with_the_second_recommended_option_of_rfc_9106():
    kept = passwords.hash_password("seventeen green kettles")
    found = extract_parameters(kept)
    assert (found.type, found.memory_cost, found.time_cost, found.parallelism) == (Type.ID, 64 * 1024, 3, 4)
    assert (found.salt_len, found.hash_len) == (16, 32)
    assert not passwords.is_outdated(kept)
    assert passwords.is_outdated(PasswordHasher.from_parameters(CHEAPEST).hash("x"))


def test_nobodys_password_takes_as_much_work_as_anybodys():
    assert extract_parameters(passwords._dummy_hash()) == extract_parameters(passwords.hash_password("x"))


def test_a_password_that_opens_once_is_long_random_and_can_be_read_aloud():
    made = {passwords.generate_one_time_password() for _ in range(100)}
    assert len(made) == 100
    for password in made:
        passwords.check_password(password, *NAMES)
        assert not set(password) & set("ilou")
        assert len(password) == 24
