"""Triage of the queue by keyboard, in a real Chromium."""

import pytest

from tests.pages.person import Person

SLOW = pytest.mark.slow


@pytest.fixture
def ida(chromium, desk):
    """A steward at the queue."""
    ida = Person(chromium, desk.url)
    ida.sign_in("ida")
    ida.page.goto("/queue")
    yield ida
    ida.context.close()


def picked(ida) -> list[bool]:
    return ida.page.locator("input[name=key]").evaluate_all("boxes => boxes.map(box => box.checked)")


@SLOW
def test_rows_are_walked_picked_snoozed_and_brought_back_by_keyboard(ida):
    count = len(picked(ida))
    assert count >= 2
    for key in ("j", "j", "x", "k", "x", "x"):
        ida.page.keyboard.press(key)
    assert picked(ida)[:2] == [False, True]
    assert ida.page.locator("tr[data-current]").count() == 1
    ida.page.keyboard.press("Shift+X")
    assert picked(ida) == [True] * count
    ida.tab_to("button[name=do][value=defer]")
    ida.page.locator("#bulk-until").fill("2027-01-01")
    ida.enter()
    assert ida.shows("Done for all selected questions.")
    assert picked(ida) == []
    ida.press("z")
    assert ida.shows("Undone.")
    assert len(picked(ida)) == count


@SLOW
def test_enter_opens_the_current_question(ida):
    ida.page.keyboard.press("j")
    name = ida.page.locator("tr[data-current] .child b").first.inner_text()
    ida.enter()
    assert "/queue/" in ida.page.url
    assert name.split()[-1] in ida.page.inner_text("main")


@SLOW
def test_a_name_filters_the_queue_and_is_in_no_address(ida):
    shown = ida.page.locator("tr[data-row] .child b").first.inner_text()
    ida.tab_to("#child")
    ida.page.keyboard.type(shown.split()[-1][:4])
    ida.enter()
    assert ida.page.locator("tr[data-row]").count() >= 1
    assert shown.split()[-1][:4] not in ida.page.url
    assert ida.page.input_value("#child") == shown.split()[-1][:4]
