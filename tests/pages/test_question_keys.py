"""Keys of a question, of the search and of the menu, in a real Chromium."""

import re

import pytest

from tests.pages.person import Person

SLOW = pytest.mark.slow


@pytest.fixture
def ida(chromium, desk):
    """A steward with the first question open."""
    ida = Person(chromium, desk.url)
    ida.sign_in("ida")
    ida.press("c")
    yield ida
    ida.context.close()


def answers(ida) -> list[str | None]:
    """Return the chosen answer of each pair."""
    return ida.page.locator("fieldset[data-pair]").evaluate_all(
        "pairs => pairs.map(pair => pair.querySelector(':checked')?.value ?? null)"
    )


def focused(ida, what) -> str:
    """Return a property of the element that has the focus."""
    return ida.page.evaluate(f"document.activeElement.{what}")


def open_twins(ida):
    """Open the question about twins, which has several pairs, and answer pair by pair."""
    ida.page.goto("/queue?kind=multiple")
    if not ida.page.locator("a[data-open]").count():
        ida.page.goto("/queue")
    for href in ida.page.locator("a[data-open]").evaluate_all("links => links.map(link => link.pathname)"):
        ida.page.goto(f"{href}?by=pair")
        if ida.page.locator("form[action$='/claim']").count():
            ida.press("c")
            ida.page.goto(f"{href}?by=pair")
        if ida.page.locator("fieldset[data-pair]").count() > 1:
            return
    pytest.fail("no question has several pairs")


@SLOW
def test_the_first_answer_of_the_next_question_has_the_focus(ida):
    first_url = ida.page.url.partition("?")[0]
    assert focused(ida, "value") == "same"
    assert ida.page.evaluate("scrollY") == 0
    ida.page.keyboard.press("d")
    ida.enter()
    assert ida.page.url.partition("?")[0] != first_url
    assert ida.shows("Answered.")
    assert focused(ida, "value") == "same"
    assert focused(ida, "getAttribute('aria-describedby')") == "done"


@SLOW
def test_shift_s_and_shift_d_answer_all_pairs(ida):
    open_twins(ida)
    count = len(answers(ida))
    ida.page.keyboard.press("Shift+S")
    assert answers(ida) == ["same"] * count
    ida.page.keyboard.press("Shift+D")
    assert answers(ida) == ["different"] * count
    ida.page.keyboard.press("s")
    assert answers(ida).count("same") == 1


@SLOW
def test_digits_choose_the_reasons_that_fit_the_answer(ida):
    ida.page.keyboard.press("d")
    ida.page.keyboard.press("2")
    assert ida.page.input_value("#reason") == "twin"
    assert ida.page.locator("#reason option:checked").inner_text() == "2  twins or other multiples"
    assert ida.page.locator("[data-reason-chosen]").inner_text() == "twins or other multiples"
    ida.page.keyboard.press("s")
    ida.page.keyboard.press("2")
    assert ida.page.input_value("#reason") == "typo"
    ida.page.locator("#note").focus()
    ida.page.keyboard.type("s2d9p/")
    assert ida.page.input_value("#reason") == "typo"
    assert ida.page.input_value("#note") == "s2d9p/"


@SLOW
def test_p_previews_and_control_enter_sends_from_a_text_field(ida):
    question_url = ida.page.url.partition("?")[0]
    ida.page.keyboard.press("d")
    ida.press("p")
    assert ida.shows("What would change")
    assert ida.has_no_violations()
    assert answers(ida)[0] == "different"
    ida.tab_to("#note")
    ida.page.keyboard.type("two children")
    ida.press("Control+Enter")
    assert ida.shows("Answered.")
    assert not ida.page.url.startswith(question_url)


@SLOW
def test_slash_puts_the_cursor_into_the_search(ida):
    ida.press("/")
    assert re.search(r"/find#search$", ida.page.url)
    assert focused(ida, "name") == "first_name"
    ida.page.goto("/queue")
    ida.page.keyboard.press("/")
    assert focused(ida, "name") == "child"
    ida.page.keyboard.type("okon/")
    assert ida.page.input_value("#child") == "okon/"


@SLOW
def test_all_keys_are_off_when_a_person_turns_them_off(ida):
    ida.page.keyboard.press("?")
    ida.page.locator("[data-keys-on]").uncheck()
    ida.page.keyboard.press("Escape")
    url = ida.page.url
    for key in ("d", "Shift+D", "p", "1", "/", "g", "c", "?"):
        ida.page.keyboard.press(key)
    assert answers(ida)[0] is None
    assert ida.page.locator("dialog[open]").count() == 0
    assert not ida.page.locator("#reason option").nth(1).inner_text().startswith("1")
    ida.page.locator("#note").focus()
    ida.page.keyboard.press("Control+Enter")
    assert ida.page.url == url


@SLOW
def test_putting_a_question_off_opens_the_next_one(ida):
    question_url = ida.page.url.partition("?")[0]
    ida.tab_to("details.panel:has(#until) summary")
    ida.page.keyboard.press("Enter")
    ida.tab_to("form[action$='/defer'] button")
    ida.enter()
    assert ida.shows("Snoozed.")
    assert "/queue/" in ida.page.url
    assert ida.page.url.partition("?")[0] != question_url


@SLOW
@pytest.mark.parametrize("width", [360, 320])
def test_the_answers_stay_in_sight_on_a_phone_and_hide_no_focus(chromium, desk, width):
    ida = Person(chromium, desk.url)
    ida.page.set_viewport_size({"width": width, "height": 740})
    ida.sign_in("ida")
    ida.press("c")
    for share in (0, 0.5):
        ida.page.evaluate(f"scrollTo(0, document.body.scrollHeight * {share})")
        box = ida.page.locator("form[data-answers]").bounding_box()
        assert box["y"] > 300
        assert box["y"] + box["height"] <= 741
    assert ida.page.locator("#note").is_hidden()
    ida.page.locator("#unfold").check()
    assert ida.page.locator("#note").is_visible()
    assert ida.has_no_violations()
    ida.context.close()
