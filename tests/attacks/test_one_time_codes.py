"""Passwords and one-time codes that are guessed, replayed or another's open no account."""

import re
from datetime import timedelta

import pyotp
import pytest

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.service.access.own_account.second_factor import propose_enrollment
from mpi.service.access.sign_in import add_second_factor, sign_in
from tests.accounts import PASSWORD, add_person, cheap_password_hashing
from tests.index import open_test_index
from tests.unit.api.live import serving
from tests.unit.api.pages.desk.test_sign_in import Browser

OTHER_TIMES = (*range(-20, -1), *range(2, 21))
"""Time steps, from now, whose codes do not count."""


class Person:
    """A person with an authenticator app and recovery codes."""

    def __init__(self, index, name):
        self.name = add_person(index, name)
        token = sign_in(index, name, PASSWORD)
        self.app = pyotp.TOTP(propose_enrollment(index, token, name).secret)
        self.recovery_codes = add_second_factor(index, token, PASSWORD, self.code())

    def code(self, steps=0):
        """Return the code of the present time step, or of another."""
        return self.app.at(clock.now(), counter_offset=steps)


@pytest.fixture
def guarded(tmp_path, set_clock):
    """Serve an index with two people; the clock stands at the middle of a time step."""
    start = clock.now().replace(second=15, microsecond=0)
    set_clock(lambda: start)
    with cheap_password_hashing(), open_test_index(tmp_path, "sis") as index:
        ana, eva = Person(index, "ana"), Person(index, "eva")
        set_clock(lambda: start + timedelta(minutes=2))
        with serving(create_app(index)) as url:
            yield url, ana, eva


def opens(url, name, code, password=PASSWORD):
    """Return whether a name, a password and a code open an account in a new browser."""
    with Browser(url) as browser:
        planted = {"mpi-sign-in": "planted"}
        browser.cookies.update(planted)
        return browser.sign_in(name, password, code=code).status_code == 303


def test_no_guessed_used_or_foreign_code_opens_an_account(guarded, attack):
    url, ana, eva = guarded
    # Each group ends with a right sign-in, so that a lock never hides a code that got through.
    groups = (
        (
            "",
            "000000",
            "\u0660" * 6,
            ana.code()[:5],
            ana.code() + "0",
            "' OR 1=1 --",
            "\x00" * 6,
            "0" * 5_000,
        ),
        (
            eva.code(),
            eva.recovery_codes[0],
            eva.code(1),
            ana.recovery_codes[0][:-1],
            ana.recovery_codes[1] * 2,
        ),
        *(
            tuple(ana.code(steps) for steps in OTHER_TIMES[start : start + 8])
            for start in range(0, len(OTHER_TIMES), 8)
        ),
    )
    with attack("One-time codes: guessed, another's, of another time, used") as attempts:
        for number, codes in enumerate(groups):
            right = ana.recovery_codes[number]
            for code in codes:
                if code not in (ana.code(-1), ana.code(), ana.code(1)):
                    attempts.add(is_through=opens(url, "ana", code), what=repr(code))
            assert opens(url, "ana", right)
            attempts.add(is_through=opens(url, "ana", right), what=f"used {right}")
        code = ana.code()
        assert opens(url, "ana", code)
        for replayed in (code, ana.code(-1)):
            attempts.add(is_through=opens(url, "ana", replayed), what=f"used {replayed}")
        for number in range(200):
            is_through = opens(url, "eva", f"{number:06}")
            attempts.add(is_through=is_through and f"{number:06}" != eva.code(), what=number)


def test_a_password_without_its_code_opens_no_page(guarded, attack):
    url, ana, _ = guarded
    with attack("Pages with a password and no code") as attempts, Browser(url) as browser:
        answer = browser.sign_in(ana.name)
        assert not re.search("set-cookie: .*mpi-sign-in=[^;]{20}", str(answer.headers), re.IGNORECASE)
        for path in ("/", "/queue", "/find", "/sessions", "/second-factor", "/change-password"):
            location = browser.get(path).headers.get("location", "")
            attempts.add(is_through=not location.startswith("/sign-in"), what=path)
