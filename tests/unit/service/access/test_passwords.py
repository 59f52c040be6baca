"""Test which passwords are refused, and how passwords are hashed."""

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type
from argon2.profiles import CHEAPEST

from mpi.domain.errors import InputError
from mpi.service.access import passwords
from tests.accounts import real_password_hashing

NAMES = ("ana.ruiz", "Ana María Ruiz")


@pytest.mark.parametrize(
    "password",
    [
        "seventeen green kettles",
        "correct horse battery",
        "ürgehörte Bücherkiste",
        "パスワードではない長い文章です",
        "6 of 7 are odd, Ana",
        "seventy tall ladders lean on old barns while small brown owls count every star",
    ],
)
def test_uncommon_password_is_accepted_in_any_script(password):
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
        "x7" * 20 + "abcd",
        "qwertyuiopasdfgh",
        "monkeymonkey123456",
        "Correct-Horse-Battery-Staple!",
        "  TO BE, OR NOT TO BE ",
        "p@ssw0rd p@ssw0rd",
        "01/02/2013 01/02/2013",
        "x" * 201,
        "with\x00a NUL inside it",
        "new\nline in a password",
    ],
)
def test_guessable_password_is_refused_and_not_quoted(password):
    with pytest.raises(InputError) as error:
        passwords.check_password(password, *NAMES)
    assert password not in str(error.value) or password == ""


def test_only_the_password_that_was_set_is_correct():
    password_hash = passwords.hash_password("seventeen green kettles")
    assert passwords.is_correct(password_hash, "seventeen green kettles")
    for wrong_password in (
        "seventeen green kettle",
        "Seventeen green kettles",
        "seventeen green kettles ",
        "",
    ):
        assert not passwords.is_correct(password_hash, wrong_password)
    assert not passwords.is_correct(None, "seventeen green kettles")
    assert not passwords.is_correct("not a hash", "seventeen green kettles")


def test_equivalent_unicode_forms_are_one_password():
    assert passwords.is_correct(
        passwords.hash_password("caf\u00e9 con leche frío"), "cafe\u0301 con leche frío"
    )


def test_hashes_are_argon2id_with_the_second_recommended_option_of_rfc_9106():
    with real_password_hashing():
        password_hash = passwords.hash_password("seventeen green kettles")
        assert not passwords.is_outdated(password_hash)
        assert passwords.is_outdated(PasswordHasher.from_parameters(CHEAPEST).hash("x"))
    parameters = extract_parameters(password_hash)
    assert (parameters.type, parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (
        Type.ID,
        64 * 1024,
        3,
        4,
    )
    assert (parameters.salt_len, parameters.hash_len) == (16, 32)


def test_dummy_hash_costs_as_much_work_as_a_real_one():
    with real_password_hashing():
        dummy_hash = passwords._dummy_hash()
        assert extract_parameters(dummy_hash) == extract_parameters(passwords.hash_password("x"))
    assert extract_parameters(passwords._dummy_hash()) == extract_parameters(passwords.hash_password("x"))


def test_one_time_passwords_are_long_random_and_readable_aloud():
    generated = {passwords.generate_one_time_password() for _ in range(100)}
    assert len(generated) == 100
    for password in generated:
        passwords.check_password(password, *NAMES)
        assert not set(password) & set("ilou")
        assert len(password) == 24
