"""Link and Move by keyboard, with and without JavaScript, in a real Chromium."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.index import crosswalk
from tests.pages.axe import RULES
from tests.pages.desk import PAIR, TWINS
from tests.pages.person import Person

SLOW = pytest.mark.slow
WIDTHS = (1280, 320)


@pytest.fixture
def open_person(chromium, desk):
    """Return a function that signs a person in."""
    opened = []

    def make(name="ida", **options):
        opened.append(Person(chromium, desk.url, **options))
        opened[-1].sign_in(name)
        return opened[-1]

    yield make
    for person in opened:
        person.context.close()


def fill(person, **values):
    for name, value in values.items():
        person.tab_to(f"main input[name={name}]:not([type=hidden])")
        person.page.keyboard.press("Control+A")
        person.page.keyboard.type(value)


def find_faults(person):
    """Return what axe finds, and the widths at which the page scrolls sideways."""
    faults = []
    for width in WIDTHS:
        person.page.set_viewport_size({"width": width, "height": 900})
        if person.page.evaluate("document.documentElement.scrollWidth") > width:
            faults.append(f"wider than {width}")
        violations = Axe().run(person.page, options=RULES).response["violations"]
        faults += [(width, each["id"], [node["target"] for node in each["nodes"]]) for each in violations]
    person.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    return faults


def eid(desk, *record):
    return crosswalk(desk.index)[record]


@SLOW
def test_two_children_are_found_compared_linked_and_unlinked_by_keyboard(desk, open_person):
    ida = open_person()
    pair, twin = eid(desk, "sis", "pair-1"), eid(desk, "ccwis", "twin-3")
    ida.page.goto(f"/people/{pair}")
    ida.tab_to("a[href$='/link']")
    ida.enter()
    fill(ida, first_name="Martin", last_name="Castelanos", birth_date=TWINS["birth_date"])
    ida.enter()
    assert find_faults(ida) == []
    ida.tab_to(f"a[href$='other={twin}']")
    ida.enter()
    assert ida.shows("the same child?")
    ida.tab_to("#step button")
    ida.enter()
    assert ida.shows("What would change")
    assert ida.shows("Martin Castelanos")
    assert find_faults(ida) == []
    ida.tab_to("button[name=confirm]")
    ida.enter()
    assert ida.shows("Linked.")
    assert eid(desk, "ccwis", "twin-3") == eid(desk, "sis", "pair-1")
    ida.press("z")
    assert ida.shows("Undone.")
    assert (eid(desk, "sis", "pair-1"), eid(desk, "ccwis", "twin-3")) == (pair, twin)


@SLOW
def test_two_results_of_a_search_are_marked_by_keyboard_and_compared(desk, open_person):
    ida = open_person()
    ida.page.goto("/find")
    fill(ida, first_name="Martina", last_name=TWINS["last_name"], birth_date=TWINS["birth_date"])
    ida.enter()
    for number in range(2):
        ida.tab_to(f"li:nth-child({number + 1}) input[name=child]")
        ida.page.keyboard.press("Space")
    ida.enter()
    assert ida.shows("the same child?")


@SLOW
@pytest.mark.parametrize("javascript", [True, False])
def test_a_record_is_moved_to_another_child_and_back(desk, open_person, javascript):
    ida = open_person(javascript=javascript)
    ida.page.goto(f"/people/{desk.wrong}/move")
    ida.tab_to("input[name=record][value$='wrong-2']")
    ida.page.keyboard.press("Space")
    child = {name: PAIR[name] for name in ("first_name", "last_name", "birth_date")}
    fill(ida, **child)
    ida.enter()
    target = eid(desk, "sis", "pair-1")
    ida.page.locator(f"input[name=to][value='{target}']").focus()
    ida.page.keyboard.press("Space")
    ida.tab_to("main form .form button")
    ida.enter()
    assert ida.shows("What would change")
    assert ida.shows("Isaiah Washington")
    assert not javascript or find_faults(ida) == []
    assert eid(desk, "ccwis", "wrong-2") == desk.wrong
    ida.tab_to("button[name=confirm]")
    ida.enter()
    assert ida.shows("Moved.")
    assert eid(desk, "ccwis", "wrong-2") == target
    ida.tab_to("button[data-undo]")
    ida.enter()
    assert eid(desk, "ccwis", "wrong-2") == desk.wrong


@SLOW
def test_a_child_is_registered_after_a_check_by_keyboard(desk, open_person):
    rae = open_person("rae")
    rae.page.goto("/register")
    fill(rae, local_id="desk-1", first_name="Isaiah", last_name="Washington", birth_date="2011-07-04")
    rae.enter()
    assert rae.shows("This may be an existing child")
    assert find_faults(rae) == []
    rae.page.locator("input[name=whose][value=new]").focus()
    rae.page.keyboard.press("Space")
    rae.page.locator("#reason").select_option("namesake")
    rae.tab_to("button[name=confirm]")
    rae.enter()
    assert rae.shows("Saved.")
    assert eid(desk, "sis", "desk-1") != desk.wrong
