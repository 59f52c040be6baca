"""Notes, mentions, assignment and answers that come back, by keyboard in a real Chromium."""

from contextlib import closing

import pytest

from tests.pages.person import Person

SLOW = pytest.mark.slow


def open_first_question(person) -> None:
    person.page.goto("/queue")
    person.tab_to("a[data-open]")
    person.enter()


def write_note(person, text, name) -> None:
    """Write a note on the open question, and choose a person to tell."""
    person.tab_to("details:has(#new-note) summary")
    person.page.keyboard.press("Enter")
    person.tab_to("#new-note")
    person.page.keyboard.type(text)
    person.page.locator("#mention").select_option(name)
    person.tab_to("form[action$='/note'] button")
    person.enter()


def menu_of(person, item) -> str:
    return person.page.locator(f".menu a[href='{item}']").first.inner_text()


@SLOW
@pytest.mark.parametrize("javascript", [True, False])
def test_a_mention_and_an_assignment_reach_the_colleague(chromium, desk, javascript):
    ida, jon = (Person(chromium, desk.url, javascript=javascript) for _ in range(2))
    with closing(ida.context), closing(jon.context):
        ida.sign_in("ida")
        jon.sign_in("jon")
        open_first_question(ida)
        write_note(ida, "Both live on Oak Street.", "jon")
        assert ida.shows("Note saved.")
        assert not javascript or ida.has_no_violations()
        ida.tab_to("button[data-claim]")
        ida.enter()
        ida.tab_to("details:has(#to) summary")
        ida.page.keyboard.press("Enter")
        ida.page.locator("#to").select_option("jon")
        ida.tab_to("form[action$='/assign'] button")
        ida.enter()
        assert ida.shows("Assigned.")
        jon.page.goto("/activity")
        assert ("1" in menu_of(jon, "/"), "1" in menu_of(jon, "/activity")) == (True, True)
        assert jon.shows("Both live on Oak Street. @jon")
        jon.tab_to("button[value=open]")
        jon.enter()
        assert "/queue/" in jon.page.url
        assert "1" not in menu_of(jon, "/activity")
