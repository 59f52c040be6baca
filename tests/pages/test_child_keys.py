"""Keys of a child's page, of search results and of the corrections, in a real Chromium."""

import pytest

from tests.pages.person import Person

SLOW = pytest.mark.slow


@pytest.fixture
def ida(chromium, desk):
    """A steward who is signed in."""
    ida = Person(chromium, desk.url)
    ida.sign_in("ida")
    yield ida
    ida.context.close()


def focused(ida, what) -> str:
    """Return a property of the element that has the focus."""
    return ida.page.evaluate(f"document.activeElement.{what}")


@SLOW
def test_i_puts_the_cursor_into_the_enterprise_id(ida, desk):
    ida.press("i")
    assert focused(ida, "id") == "eid"
    ida.type(desk.wrong)
    ida.enter()
    assert ida.page.url.endswith(desk.wrong)


@SLOW
def test_letters_of_a_child_open_its_corrections_and_reach_their_fields(ida, desk):
    ida.page.goto(f"/people/{desk.wrong}")
    ida.press("e")
    assert focused(ida, "id") == "attribute"
    for letter, page in (("u", "unlink"), ("l", "link")):
        ida.page.goto(f"/people/{desk.wrong}")
        ida.press(letter)
        assert ida.page.url.endswith(f"/{desk.wrong}/{page}")
    ida.page.goto(f"/people/{desk.wrong}")
    ida.press("m")
    ida.tap("2")
    assert focused(ida, "name") == "record"
    ida.tap("x")
    ida.tap("n")
    assert focused(ida, "value") == "new"
    ida.press("p")
    assert ida.shows("What would change")
    assert ida.has_no_violations()
    ida.press("Control+Enter")
    assert ida.shows("Moved.")


@SLOW
def test_control_enter_in_the_note_of_a_previewed_move_previews_it_again(ida, desk):
    ida.page.goto(f"/people/{desk.wrong}/move")
    for key in ("1", "x", "n"):
        ida.tap(key)
    ida.press("p")
    ida.page.locator("#note").focus()
    ida.type("n1x")
    ida.press("Control+Enter")
    assert ida.shows("What would change")
    assert ida.page.input_value("#note") == "n1x"


@SLOW
def test_digits_lead_to_search_results_and_x_marks_them(ida):
    ida.press("/")
    for name, value in (("first_name", "Amara"), ("last_name", "Okonkwo"), ("birth_date", "2014-03-09")):
        ida.tab_to(f"#{name}")
        ida.type(value)
    ida.enter()
    assert ida.page.locator("[data-row]").count() > 1
    for key in ("1", "x", "2", "x"):
        ida.tap(key)
    ida.press("Control+Enter")
    assert "/link?other=" in ida.page.url
    ida.press("p")
    assert ida.shows("What would change")
    assert ida.has_no_violations()


@SLOW
def test_e_unfolds_the_note_to_an_approver(ida):
    ida.press("c")
    ida.tap("e")
    assert focused(ida, "id") == "escalate-note"
    assert ida.page.locator("#escalate-note").is_visible()
