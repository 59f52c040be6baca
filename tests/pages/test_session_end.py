"""The end of a session: it warns, can be extended, and keeps what was typed for its person alone."""

from datetime import timedelta

import pytest

from tests.pages.desk import PASSWORD
from tests.pages.person import NEW_PASSWORD, Person
from tests.pages.test_journey import later

SLOW = pytest.mark.slow
NOTE = "seen at the school gate"


@pytest.fixture
def ida(chromium, desk):
    """A steward with a question open, at a browser whose clock the test moves."""
    ida = Person(chromium, desk.url)
    ida.page.clock.install()
    ida.sign_in("ida")
    ida.press("c")
    ida.page.wait_for_selector("body[data-drafts]")
    yield ida
    ida.context.close()


def type_note(ida):
    """Answer the question and type a note, and wait until the browser has kept them."""
    ida.page.keyboard.press("d")
    ida.tab_to("#note")
    ida.page.keyboard.type(NOTE)
    ida.page.clock.run_for(1_000)
    ida.page.wait_for_function("Object.keys(sessionStorage).some(name => name.startsWith('mpi-draft'))")


def stored(ida) -> str:
    """Return all that the tab has stored."""
    return ida.page.evaluate("JSON.stringify({...sessionStorage})")


def sign_in_again(ida, name="ida", password=NEW_PASSWORD):
    ida.page.locator("input[name=name]").fill(name)
    ida.page.locator("input[name=password]").fill(password)
    ida.tab_to("form button")
    ida.enter()


def let_session_end(ida):
    """Let the session end while the page is open: the browser leaves for the page to sign in."""
    with ida.page.expect_navigation():
        ida.page.clock.fast_forward("31:00")
    assert "why=ended" in ida.page.url


@SLOW
def test_the_page_warns_two_minutes_before_and_one_press_extends(ida):
    warning = ida.page.locator("dialog#session")
    with later(timedelta(minutes=26)):
        ida.page.clock.fast_forward("26:00")
        assert warning.is_hidden()
    with later(timedelta(minutes=27)):
        ida.page.clock.fast_forward("01:00")
        warning.wait_for()
        assert ida.has_no_violations()
        assert ida.page.evaluate("document.activeElement.matches('[data-extend]')")
        ida.page.keyboard.press("Enter")
        warning.wait_for(state="hidden")
    with later(timedelta(minutes=53)):
        ida.page.clock.fast_forward("26:00")
        assert warning.is_hidden()
        ida.page.goto("/queue")
        assert ida.shows("Queue"), "the session goes on"


@SLOW
def test_a_session_that_ended_cannot_be_extended_and_the_warning_says_so(ida):
    with later(timedelta(minutes=31)):
        ida.page.clock.fast_forward("27:40")
        ida.page.locator("dialog#session").wait_for()
        ida.page.keyboard.press("Enter")
        ida.page.locator("[data-failed]").wait_for()
        assert ida.has_no_violations()


@SLOW
def test_what_was_typed_is_filled_in_after_signing_in_again(ida):
    type_note(ida)
    question_url = ida.page.url.partition("?")[0]
    with later(timedelta(minutes=31)):
        let_session_end(ida)
        assert "Are these" not in ida.page.content(), "no record stays on the screen"
        sign_in_again(ida)
        assert "mpi-draft" in stored(ida), "kept until the question is claimed again"
        ida.press("c")
        ida.page.wait_for_selector("[data-discard]")
        assert ida.page.url.partition("?")[0] == question_url
        assert ida.page.input_value("#note") == NOTE
        assert ida.page.locator("input[value=different]").first.is_checked()
        assert ida.has_no_violations()
        ida.page.locator("[data-discard]").click()
        assert ida.page.input_value("#note") == ""
        ida.page.clock.run_for(1_000)
        assert "mpi-draft" not in stored(ida)


@SLOW
def test_what_was_sent_too_late_is_filled_in_again_and_gone_once_it_is_sent(ida):
    type_note(ida)
    with later(timedelta(minutes=31)):
        ida.press("Control+Enter")
        assert "why=lost" in ida.page.url
        sign_in_again(ida)
        assert "mpi-draft" in stored(ida), "kept until the question is claimed again"
        ida.press("c")
        ida.page.wait_for_selector("[data-discard]")
        assert ida.page.input_value("#note") == NOTE
        ida.press("Control+Enter")
        assert ida.shows("Answered.")
        ida.page.wait_for_selector("body[data-drafts]")
        assert "mpi-draft" not in stored(ida)


@SLOW
def test_the_browser_keeps_no_readable_text_and_another_person_gets_none(ida, desk):
    type_note(ida)
    path = ida.page.evaluate("location.pathname")
    assert "school" not in stored(ida)
    assert path not in stored(ida), "an address may hold an enterprise ID"
    with later(timedelta(minutes=31)):
        let_session_end(ida)
        assert "school" not in stored(ida)
        assert ida.page.locator("[data-draft-key]").count() == 0
        sign_in_again(ida, "jon", PASSWORD)
        for field, value in (("old", PASSWORD), ("new", NEW_PASSWORD), ("again", NEW_PASSWORD)):
            ida.page.locator(f"input[name={field}]").fill(value)
        ida.enter()
        ida.page.wait_for_selector("body[data-drafts]")
        assert "mpi-" not in stored(ida)
        ida.page.goto(path)
        assert NOTE not in ida.page.content()


@SLOW
def test_signing_out_removes_what_was_typed_in_every_tab(ida):
    type_note(ida)
    other = ida.context.new_page()
    other.goto("/queue")
    other.locator("form[action='/sign-out'] button").click()
    other.wait_for_url("**/sign-in?why=out")
    ida.page.wait_for_url("**/sign-in?why=out**")
    assert "mpi-" not in stored(ida)


@SLOW
def test_what_was_typed_and_left_is_not_filled_in_later(ida):
    type_note(ida)
    url = ida.page.url
    ida.page.goto("/queue")
    ida.page.wait_for_selector("body[data-drafts]")
    assert "mpi-draft" not in stored(ida)
    ida.page.goto(url)
    assert ida.page.input_value("#note") == ""


@SLOW
def test_a_search_is_never_kept(ida):
    ida.page.goto("/find")
    ida.page.wait_for_selector("body[data-drafts]")
    ida.page.locator("#first_name").fill("Amara")
    ida.page.clock.run_for(1_000)
    ida.page.wait_for_timeout(200)
    assert "mpi-" not in stored(ida)
