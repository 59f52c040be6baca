import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from mpi.domain import clock
from mpi.service.review.work_state import LEASE_DURATION
from tests.pages.person import Person

SLOW = pytest.mark.slow


@pytest.fixture
def person(chromium, desk):
    """Return a function that opens a browser for a person."""
    persons = []

    def make(name, *, javascript=True):
        persons.append(Person(chromium, desk.url, javascript=javascript))
        persons[-1].sign_in(name)
        return persons[-1]

    yield make
    for opened in persons:
        opened.context.close()


@contextmanager
def later(by):
    """Advance the clock of the desk, which is served from this process; browsers keep theirs."""
    with clock.set_clock(lambda: datetime.now(UTC) + by):
        yield


def answer_all(person, key):
    """Answer every pair of the open question with one key, and save."""
    pairs = person.page.locator("fieldset[data-pair]").count()
    assert pairs > 0
    for number in range(pairs):
        person.page.keyboard.press(key)
        if number < pairs - 1:
            person.page.keyboard.press("j")
    person.enter()


def unlink(person, desk, record):
    """Find the child, mark another child's record, review the changes, and unlink the record."""
    person.press("/")
    person.tab_to("input[name=eid]")
    person.page.keyboard.type(desk.wrong)
    person.enter()
    person.tab_to("a[href$='/unlink']")
    person.enter()
    person.tab_to(f"input[name=record][value$='{record}']")
    person.page.keyboard.press("Space")
    person.tab_to("main form button")
    person.enter()
    assert person.shows("What would change")
    assert person.shows("a new ID")
    assert person.has_no_violations()
    person.tab_to("button[name=confirm]")
    person.enter()


@SLOW
def test_a_steward_answers_undoes_and_unlinks_by_keyboard_alone(desk, person):
    ida = person("ida")
    assert ida.shows("Your desk")
    ida.press("c")
    assert ida.shows("Are these the same child?")
    assert ida.shows("Yours until")
    assert ida.has_no_violations()
    question_url = ida.page.url.partition("?")[0]
    assert ida.page.locator("table.waterfall").count() > 0
    answer_all(ida, "d")
    assert ida.shows("Answered.")
    assert ida.has_no_violations()
    assert ida.page.url.partition("?")[0] != question_url, "the next question comes by itself"
    ida.press("z")
    assert ida.page.url.partition("?")[0] == question_url
    history = ida.page.locator("section[aria-labelledby=history]").inner_text()
    assert "answered" in history
    assert "answer undone" in history

    unlink(ida, desk, "wrong-2")
    assert ida.shows("Unlinked.")
    timeline = ida.page.locator("section[aria-labelledby=lineage]").inner_text()
    assert "unlinked by hand" in timeline
    ida.press("z")
    timeline = ida.page.locator("section[aria-labelledby=lineage]").inner_text()
    assert "unlinked by hand" in timeline
    assert "an unlink undone" in timeline


@SLOW
def test_a_stale_edit_is_refused_and_keeps_the_typed_text(desk, person):
    ida, jon = person("ida"), person("jon")
    jon.page.goto(f"/people/{desk.wrong}/unlink")
    jon.tab_to("input[name=record][value$='wrong-1']")
    jon.page.keyboard.press("Space")
    jon.tab_to("textarea[name=note]")
    jon.page.keyboard.type("the school says so")
    jon.tab_to("main form button")
    jon.enter()
    unlink(ida, desk, "wrong-2")
    jon.tab_to("button[name=confirm]")
    with jon.page.expect_navigation() as navigation:
        jon.page.keyboard.press("Enter")
    assert navigation.value.status == 412
    assert jon.shows("somebody has changed this child since you read it")
    assert jon.page.locator("#note").input_value() == "the school says so"
    assert jon.page.locator("input[name=record]").count() == 1, (
        "the record that was unlinked meanwhile is gone"
    )
    assert ida.shows("Unlinked.")


@SLOW
def test_a_changed_question_shows_its_changes_and_keeps_the_answer(desk, person):
    ida = person("ida")
    ida.press("c")
    ida.page.keyboard.press("s")
    ida.tab_to("#note")
    ida.page.keyboard.type("seen at the school")
    record = ida.page.locator("input[name=seen]").first.get_attribute("value").split("\t")
    desk.change(record[1], record[2])
    ida.tab_to("form[data-answers] button")
    with ida.page.expect_navigation() as navigation:
        ida.page.keyboard.press("Enter")
    assert navigation.value.status == 412
    assert ida.shows("It has changed since you read it")
    assert ida.has_no_violations()
    assert ida.shows(f"{record[1]} {record[2]} has changed.")
    assert ida.page.locator("#note").input_value() == "seen at the school"
    assert ida.page.locator("input[value=same]").first.is_checked()


@SLOW
def test_a_question_claimed_by_somebody_else_can_only_be_read(desk, person):
    ida, jon = person("ida"), person("jon")
    ida.press("c")
    path = re.sub(r"\?.*", "", ida.page.url)
    jon.page.goto(path)
    assert jon.shows("Somebody else is working on it")
    assert jon.page.locator("form[data-answers]").count() == 0
    assert jon.page.locator("[data-claim]").count() == 0


@SLOW
def test_an_expired_lease_frees_the_question_and_a_late_answer_is_refused(desk, person):
    ida, jon = person("ida"), person("jon")
    ida.press("c")
    question_url = ida.page.url.partition("?")[0]
    ida.page.keyboard.press("s")
    ida.tab_to("#note")
    ida.page.keyboard.type("called the school")
    with later(LEASE_DURATION + timedelta(minutes=1)):
        jon.page.goto(question_url)
        assert jon.shows("Claim the question to answer it")
        jon.press("c")
        assert jon.shows("Yours until")
        ida.tab_to("form[data-answers] button")
        with ida.page.expect_navigation() as navigation:
            ida.page.keyboard.press("Enter")
        assert navigation.value.status == 409
        assert ida.shows("Somebody else is working on it")
        assert ida.shows("called the school")
        assert ida.has_no_violations()


@SLOW
def test_the_journey_works_without_javascript(desk, person):
    ida = person("ida", javascript=False)
    ida.tab_to("form[action='/queue/next'] button")
    ida.enter()
    assert ida.shows("Yours until")
    for pair in range(ida.page.locator("fieldset[data-pair]").count()):
        ida.tab_to(f"#pair-{pair} input[type=radio]")
        ida.page.keyboard.press("ArrowDown")
    ida.enter()
    assert ida.shows("Answered.")
    ida.tab_to("form[action$='/undo'] button")
    ida.enter()
    assert ida.shows("answer undone")
    ida.page.goto(f"/people/{desk.wrong}")
    ida.tab_to("a[href$='/unlink']")
    ida.enter()
    ida.tab_to("input[name=record][value$='wrong-2']")
    ida.page.keyboard.press("Space")
    ida.tab_to("main form button")
    ida.enter()
    assert ida.shows("What would change")
    ida.tab_to("button[name=confirm]")
    ida.enter()
    assert ida.shows("Unlinked.")


@SLOW
def test_shortcuts_can_be_switched_off_and_on(person):
    ida = person("ida")
    ida.page.keyboard.press("?")
    ida.tab_to("[data-keys-on]")
    ida.page.keyboard.press("Space")
    ida.page.keyboard.press("Escape")
    ida.page.goto("/find")
    ida.page.keyboard.press("g")
    assert ida.page.url.endswith("/find")
    ida.page.locator("[data-keys-open]").click()
    ida.page.locator("[data-keys-on]").check()
    ida.page.keyboard.press("Escape")
    ida.press("g")
    assert ida.page.url.endswith("/queue")
