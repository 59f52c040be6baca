import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe

from mpi.domain import clock
from mpi.service.review.assignments import LEASE_DURATION
from tests.pages.axe import RULES
from tests.pages.desk import PASSWORD

SLOW = pytest.mark.slow
NEW_PASSWORD = "forty lanterns on a quiet hill"


class Person:
    """Somebody at a browser of their own, who uses the keyboard alone."""

    def __init__(self, chromium, url, *, javascript=True):
        self.context = chromium.new_context(
            base_url=url, viewport={"width": 1280, "height": 900}, java_script_enabled=javascript
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)

    def sign_in(self, name):
        """Sign in with the password that opens once, and set one of one's own."""
        self.page.goto("/")
        self.tab_to("input[name=name]")
        self.page.keyboard.type(name)
        self.tab_to("input[name=password]")
        self.page.keyboard.type(PASSWORD)
        self.enter()
        for field, typed in (("old", PASSWORD), ("new", NEW_PASSWORD), ("again", NEW_PASSWORD)):
            self.tab_to(f"input[name={field}]")
            self.page.keyboard.type(typed)
        self.enter()

    def tab_to(self, selector):
        """Press Tab until the focus is there; everything that can be done can be reached so."""
        wanted = self.page.locator(selector).first
        wanted.wait_for()
        handle = wanted.element_handle()
        for _ in range(120):
            if self.page.evaluate("wanted => document.activeElement === wanted", handle):
                return
            self.page.keyboard.press("Tab")
        pytest.fail(f"no Tab leads to {selector}")

    def enter(self):
        """Press Enter and wait for the page that it leads to."""
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def press(self, key):
        """Press a key that leads to another page."""
        with self.page.expect_navigation():
            self.page.keyboard.press(key)

    def clean(self):
        """Whether axe finds nothing on the page as it is now."""
        return Axe().run(self.page, options=RULES).response["violations"] == []

    def says(self, text):
        """Whether the page says something."""
        return text in self.page.inner_text("main")


@pytest.fixture
def person(chromium, desk):
    """Makes people at browsers of their own."""
    made = []

    def make(name, *, javascript=True):
        made.append(Person(chromium, desk.url, javascript=javascript))
        made[-1].sign_in(name)
        return made[-1]

    yield make
    for one in made:
        one.context.close()


@contextmanager
def later(by):
    """Let time pass at the desk, which is served from this process; not in the browsers."""
    with clock.set_clock(lambda: datetime.now(UTC) + by):
        yield


def answer_all(someone, key):
    """Answer every pair of the open question with one key, and save."""
    pairs = someone.page.locator("fieldset[data-pair]").count()
    assert pairs > 0
    for place in range(pairs):
        someone.page.keyboard.press(key)
        if place < pairs - 1:
            someone.page.keyboard.press("j")
    someone.enter()


def unlink(someone, desk, record):
    """Find the child, mark a record as another child's, read what would change, and unlink it."""
    someone.press("/")
    someone.tab_to("input[name=eid]")
    someone.page.keyboard.type(desk.wrong)
    someone.enter()
    someone.tab_to("a[href$='/unlink']")
    someone.enter()
    someone.tab_to(f"input[name=record][value$='{record}']")
    someone.page.keyboard.press("Space")
    someone.tab_to("main form button")
    someone.enter()
    assert someone.says("What would change")
    assert someone.says("a new ID")
    assert someone.clean()
    someone.tab_to("button[name=confirm]")
    someone.enter()


@SLOW
def test_a_steward_takes_the_top_question_decides_undoes_and_unlinks_by_keyboard_alone(desk, person):
    ida = person("ida")
    assert ida.says("Your desk")
    ida.press("c")
    assert ida.says("Are these the same child?")
    assert ida.says("Yours until")
    assert ida.clean()
    asked = ida.page.url.partition("?")[0]
    assert ida.page.locator("table.waterfall").count() > 0
    answer_all(ida, "d")
    assert ida.says("Answered.")
    assert ida.clean()
    assert ida.page.url.partition("?")[0] != asked, "the next question comes by itself"
    ida.press("z")
    assert ida.page.url.partition("?")[0] == asked
    history = ida.page.locator("section[aria-labelledby=history]").inner_text()
    assert "answered" in history
    assert "answer taken back" in history

    unlink(ida, desk, "wrong-2")
    assert ida.says("Unlinked.")
    timeline = ida.page.locator("section[aria-labelledby=lineage]").inner_text()
    assert "unlinked by hand" in timeline
    ida.press("z")
    timeline = ida.page.locator("section[aria-labelledby=lineage]").inner_text()
    assert "unlinked by hand" in timeline
    assert "an unlink undone" in timeline


@SLOW
def test_a_second_steward_is_refused_a_stale_edit_and_keeps_what_was_typed(desk, person):
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
    with jon.page.expect_navigation() as moved:
        jon.page.keyboard.press("Enter")
    assert moved.value.status == 412
    assert jon.says("somebody has changed this child since you read it")
    assert jon.page.locator("#note").input_value() == "the school says so"
    assert jon.page.locator("input[name=record]").count() == 1, (
        "the record that was unlinked meanwhile is gone"
    )
    assert ida.says("Unlinked.")


@SLOW
def test_a_question_that_changed_meanwhile_says_what_changed_and_keeps_the_answer(desk, person):
    ida = person("ida")
    ida.press("c")
    ida.page.keyboard.press("s")
    ida.tab_to("#note")
    ida.page.keyboard.type("seen at the school")
    record = ida.page.locator("input[name=seen]").first.get_attribute("value").split("\t")
    desk.change(record[1], record[2])
    ida.tab_to("form[data-answers] button")
    with ida.page.expect_navigation() as moved:
        ida.page.keyboard.press("Enter")
    assert moved.value.status == 412
    assert ida.says("It has changed since you read it")
    assert ida.clean()
    assert ida.says(f"{record[1]} {record[2]} says something else now.")
    assert ida.page.locator("#note").input_value() == "seen at the school"
    assert ida.page.locator("input[value=same]").first.is_checked()


@SLOW
def test_what_somebody_else_has_claimed_can_be_read_and_not_answered(desk, person):
    ida, jon = person("ida"), person("jon")
    ida.press("c")
    path = re.sub(r"\?.*", "", ida.page.url)
    jon.page.goto(path)
    assert jon.says("Somebody else has it")
    assert jon.page.locator("form[data-answers]").count() == 0
    assert jon.page.locator("[data-claim]").count() == 0


@SLOW
def test_a_lease_that_has_run_out_lets_another_take_the_question_and_an_answer_too_late_is_refused(
    desk, person
):
    ida, jon = person("ida"), person("jon")
    ida.press("c")
    asked = ida.page.url.partition("?")[0]
    ida.page.keyboard.press("s")
    ida.tab_to("#note")
    ida.page.keyboard.type("called the school")
    with later(LEASE_DURATION + timedelta(minutes=1)):
        jon.page.goto(asked)
        assert jon.says("Claim it to answer")
        jon.press("c")
        assert jon.says("Yours until")
        ida.tab_to("form[data-answers] button")
        with ida.page.expect_navigation() as moved:
            ida.page.keyboard.press("Enter")
        assert moved.value.status == 409
        assert ida.says("Somebody else has it")
        assert ida.says("called the school")
        assert ida.clean()


@SLOW
def test_the_same_journey_works_without_javascript(desk, person):
    ida = person("ida", javascript=False)
    ida.tab_to("form[action='/queue/next'] button")
    ida.enter()
    assert ida.says("Yours until")
    for pair in range(ida.page.locator("fieldset[data-pair]").count()):
        ida.tab_to(f"#pair-{pair} input[type=radio]")
        ida.page.keyboard.press("ArrowDown")
    ida.enter()
    assert ida.says("Answered.")
    ida.tab_to("form[action$='/undo'] button")
    ida.enter()
    assert ida.says("answer taken back")
    ida.page.goto(f"/people/{desk.wrong}")
    ida.tab_to("a[href$='/unlink']")
    ida.enter()
    ida.tab_to("input[name=record][value$='wrong-2']")
    ida.page.keyboard.press("Space")
    ida.tab_to("main form button")
    ida.enter()
    assert ida.says("What would change")
    ida.tab_to("button[name=confirm]")
    ida.enter()
    assert ida.says("Unlinked.")


@SLOW
def test_shortcuts_can_be_switched_off_and_stay_off(person):
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
