"""Approvals in a real browser: a step is sent back, approved, and a question passed on."""

import pytest

from mpi.domain.viewer import make_operator
from mpi.service.stewardship.owner_consent import set_consent_required
from tests.index import crosswalk
from tests.pages.person import Person
from tests.pages.test_journey import answer_all

PAIR = (("sis", "pair-1"), ("ccwis", "pair-2"))


@pytest.fixture
def person(chromium, desk):
    """Return a function that opens a browser for a person."""
    persons = []

    def make(name):
        persons.append(Person(chromium, desk.url))
        persons[-1].sign_in(name)
        return persons[-1]

    yield make
    for opened in persons:
        opened.context.close()


def open_pair(someone, desk) -> str:
    """Open and claim the question about Philippa from the queue; return its address."""
    someone.page.goto("/queue")
    someone.page.get_by_role("link", name="Philippa").first.click()
    someone.page.wait_for_url("**/queue/*")
    address = someone.page.url
    if someone.page.locator("[data-claim]", has_text="Claim").count():
        someone.page.keyboard.press("c")
        someone.page.wait_for_selector("fieldset[data-pair]")
    return address


def are_linked(desk) -> bool:
    links = crosswalk(desk.index)
    return len({links[record] for record in PAIR}) == 1


@pytest.mark.slow
def test_owner_sends_a_step_back_to_the_desk_of_who_asked_and_then_approves(desk, person):
    set_consent_required(desk.index, make_operator(), "sis", asks=True)
    ida = person("ida")
    address = open_pair(ida, desk)
    answer_all(ida, "s")
    assert not are_linked(desk)
    olu = person("olu")
    olu.page.goto("/waiting")
    assert olu.shows("Philippa")
    olu.page.get_by_role("link", name="Do you agree to a change of your records?").click()
    assert olu.shows("You are asked to agree to")
    assert "Philippe" not in olu.page.inner_text("main")
    assert olu.has_no_violations()
    olu.tab_to("textarea[name=note]")
    olu.page.keyboard.type("Please compare the schools first.")
    olu.tab_to("button[value=refuse]")
    olu.enter()
    assert olu.shows("Sent back to the person who asked.")
    ida.page.goto("/")
    mine = ida.page.locator("section[aria-labelledby=mine]")
    assert "Philippa" in mine.inner_text()
    ida.page.goto(address)
    assert ida.shows("olu sent this back on")
    assert ida.shows("Please compare the schools first.")
    assert ida.has_no_violations()
    ida.page.goto("/waiting")
    ida.page.get_by_role("link", name="Answers came back to you. Read them under Activity.").click()
    assert ida.shows("refused consent, so your decision did not take effect")
    assert ida.shows("Please compare the schools first.")
    assert ida.has_no_violations()
    open_pair(ida, desk)
    answer_all(ida, "s")
    olu.page.goto("/waiting")
    olu.page.get_by_role("link", name="Do you agree to a change of your records?").click()
    olu.tab_to("button[value=consent]")
    olu.enter()
    assert olu.shows("Approved.")
    assert are_linked(desk)


@pytest.mark.slow
def test_escalated_question_goes_to_an_approver_and_the_reply_comes_back(desk, person):
    ida = person("ida")
    address = open_pair(ida, desk)
    ida.page.get_by_text("Snooze, assign or escalate").click()
    ida.tab_to("#escalate-note")
    ida.page.keyboard.type("Are these the same family?")
    ida.page.get_by_role("button", name="Escalate to an approver").click()
    ida.page.wait_for_url("**done=escalated*")
    for _ in range(3):
        ida.page.goto("/")
        ida.press("c")
        assert ida.page.url.partition("?")[0] != address
    ada = person("ada")
    assert "Philippa" in ada.page.locator("section[aria-labelledby=mine]").inner_text()
    open_pair(ada, desk)
    assert ada.shows("Are these the same family?")
    assert ada.has_no_violations()
    ada.tab_to("#reply-note")
    ada.page.keyboard.type("No, cousins.")
    ada.page.get_by_role("button", name="Send back with this reply").click()
    ada.page.wait_for_url("**done=replied*")
    ida.page.goto(address)
    assert ida.shows("ada replied on")
    assert ida.shows("No, cousins.")
