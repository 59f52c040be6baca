"""Callers who ask for much that does not exist have to wait."""

from datetime import timedelta

import httpx
import pytest
from starlette.datastructures import Headers

from mpi.api.app import create_app
from mpi.api.request import guess_limiter
from mpi.api.request.guess_limiter import TOKEN_PATH, GuessLimiter, TooManyGuessesError
from mpi.service.core.index import GuessLimits
from tests.index import with_settings
from tests.unit.api.live import PLAIN, add_key, calling, problem, serving

LIMITS = GuessLimits(of_program=5, of_person=3, of_address=4)
PATH = "/v1/crosswalk"


def program(name):
    return Headers({"authorization": f"Bearer {name}"})


def is_refused(limiter, headers, address="10.0.0.1", path=PATH):
    try:
        limiter.check(path, headers, address)
    except TooManyGuessesError:
        return True
    return False


def test_a_program_waits_after_its_misses_until_a_minute_has_passed(manual_clock):
    limiter = GuessLimiter(LIMITS)
    for _ in range(5):
        assert not is_refused(limiter, program("a"))
        limiter.note(PATH, 404, program("a"), "10.0.0.1")
    assert is_refused(limiter, program("a"))
    assert is_refused(limiter, program("a"), "10.9.9.9")
    assert not is_refused(limiter, program("b"))
    assert not is_refused(limiter, program("a"), path="/healthz")
    manual_clock.now += timedelta(seconds=61)
    assert not is_refused(limiter, program("a"))


@pytest.mark.parametrize(
    "disguise",
    [
        {"authorization": "bEARER   a"},
        {"x-api-key": "a"},
        {"x-api-key": "a", "authorization": "Basic one"},
        {"x-api-key": "a", "cookie": "mpi-sign-in=other; x=1"},
    ],
)
def test_another_form_of_the_same_key_is_the_same_caller(manual_clock, disguise):
    limiter = GuessLimiter(LIMITS)
    for _ in range(5):
        limiter.note(PATH, 404, program("a"), "10.0.0.1")
    assert is_refused(limiter, Headers(disguise))


@pytest.mark.parametrize(
    "disguise",
    [{"cookie": "y=2; mpi-sign-in=x"}, {"cookie": "mpi-sign-in=x", "authorization": "Bearer other"}],
)
def test_a_session_among_other_headers_is_the_same_person(manual_clock, disguise):
    limiter = GuessLimiter(LIMITS)
    for number in range(5):
        headers = {"cookie": f"mpi-sign-in=x; n={number}", "authorization": f"Bearer {number}"}
        limiter.note(PATH, 404, Headers(headers), "10.0.0.1")
    assert is_refused(limiter, Headers(disguise))


def test_a_person_has_fewer_misses(manual_clock):
    limiter, person = GuessLimiter(LIMITS), Headers({"cookie": "mpi-sign-in=x"})
    for _ in range(3):
        limiter.note(PATH, 404, person, "10.0.0.1")
    assert is_refused(limiter, person)


def test_other_answers_are_no_misses(manual_clock):
    limiter = GuessLimiter(LIMITS)
    for status in (200, 400, 403, 409, 422, 503):
        for _ in range(10):
            limiter.note(PATH, status, program("a"), "10.0.0.1")
    assert not is_refused(limiter, program("a"))


def test_an_address_that_guesses_keys_waits_and_a_known_key_there_does_not(manual_clock):
    limiter = GuessLimiter(LIMITS)
    limiter.note(PATH, 200, program("known"), "10.0.0.1")
    for number in range(4):
        limiter.note(PATH, 401, program(f"guess-{number}"), "10.0.0.1")
    assert is_refused(limiter, program("another"))
    assert not is_refused(limiter, program("known"))
    assert not is_refused(limiter, program("another"), "10.0.0.2")
    assert not is_refused(limiter, Headers(), path="/sign-in")
    assert not is_refused(limiter, Headers({"cookie": "mpi-sign-in=x"}), path="/queue")


def test_the_callers_in_memory_are_bounded(manual_clock):
    limiter = GuessLimiter(LIMITS)
    for number in range(guess_limiter.MAX_CALLERS + 500):
        limiter.note(PATH, 404, program(str(number)), "10.0.0.1")
    assert len(limiter._misses) == guess_limiter.MAX_CALLERS
    assert len(limiter._known_credentials) == guess_limiter.MAX_CALLERS


def test_who_has_missed_nothing_for_a_minute_is_forgotten(manual_clock):
    limiter = GuessLimiter(LIMITS)
    for number in range(50):
        limiter.note(PATH, 404, program(str(number)), "10.0.0.1")
        limiter.note(PATH, 401, program("guess"), f"10.0.1.{number}")
    manual_clock.now += timedelta(seconds=61)
    limiter.note(PATH, 404, program("now"), "10.0.0.1")
    assert len(limiter._misses) == 1


def test_keys_that_are_guessed_in_the_form_of_the_token_endpoint_are_counted_too(manual_clock):
    limiter, no_headers = GuessLimiter(LIMITS), Headers()
    for _ in range(4):
        assert not is_refused(limiter, no_headers, path=TOKEN_PATH)
        limiter.note(TOKEN_PATH, 401, no_headers, "10.0.0.1")
    assert is_refused(limiter, no_headers, path=TOKEN_PATH)
    assert is_refused(limiter, program("another"))
    assert not is_refused(limiter, no_headers, "10.0.0.2", TOKEN_PATH)
    assert not is_refused(limiter, no_headers, path="/sign-in")


def test_a_form_that_opens_something_frees_no_other_form_of_its_address(manual_clock):
    limiter, no_headers = GuessLimiter(LIMITS), Headers()
    limiter.note(TOKEN_PATH, 200, no_headers, "10.0.0.1")
    limiter.note(TOKEN_PATH, 200, program("known"), "10.0.0.1")
    for _ in range(4):
        limiter.note(TOKEN_PATH, 401, no_headers, "10.0.0.1")
    assert is_refused(limiter, no_headers, path=TOKEN_PATH)
    assert not is_refused(limiter, program("known"), path=TOKEN_PATH)


@pytest.mark.parametrize("path", ["/v1/persons/T7K3-M92Q-X0HN", "/v1/crosswalk?source=D01&local_id=no-such"])
def test_over_http_guesses_are_answered_with_429_while_another_client_is_answered(fresh_index, path):
    index = with_settings(fresh_index, guess_limits=LIMITS)
    with calling(create_app(index), add_key(index, "guesser")) as guesser:
        assert [guesser.get(path).status_code for _ in range(5)] == [404] * 5
        refused = guesser.get(path)
        problem(refused, 429, "too-many-guesses")
        assert refused.headers["retry-after"] == "60"
        other = {"Authorization": f"Bearer {add_key(index, 'other')}"}
        assert guesser.get(path, headers=other).status_code == 404


def test_over_http_wrong_keys_of_one_address_are_not_looked_up_for_ever(fresh_index):
    index = with_settings(fresh_index, guess_limits=LIMITS)
    with serving(create_app(index)) as url:
        codes = [
            httpx.get(f"{url}/v1/events", headers={"X-API-Key": f"mpi_test_{n}"}, verify=PLAIN).status_code
            for n in range(6)
        ]
    assert codes == [401] * 4 + [429] * 2
