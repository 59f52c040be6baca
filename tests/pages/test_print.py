"""Pages on paper: the question, the child and the ledger, in a real Chromium."""

import pytest

from mpi.api.pages.rendering.paths import question_path
from tests.pages.desk import enter_as, questions_of

SLOW = pytest.mark.slow
UPRIGHT, LANDSCAPE = 703, 1032
"""Width of what is printed on A4 in pixels: 186 mm, and 273 mm for the wide table of the ledger."""


def open_on_paper(chromium, desk, role, path, width=UPRIGHT):
    """Open a page as it is printed."""
    context = chromium.new_context(viewport={"width": width, "height": 1000})
    page = context.new_page()
    page.goto(f"{enter_as(context, desk, role)}{path}")
    page.emulate_media(media="print")
    return page


@SLOW
def test_what_is_printed_names_who_printed_it_and_leaves_out_what_is_to_be_pressed(chromium, shown_desk):
    key = next(key for shape, key in questions_of(shown_desk.index).items() if shape.endswith("pair-1"))
    pages = {
        "steward": (question_path(key), f"/people/{shown_desk.wrong}"),
        "auditor": ("/ledger",),
    }
    for role, paths in pages.items():
        for path in paths:
            width = LANDSCAPE if path == "/ledger" else UPRIGHT
            page = open_on_paper(chromium, shown_desk, role, path, width)
            assert "Confidential. Printed by" in page.locator(".printed").inner_text()
            for selector in ("nav", "button", "dialog", "input:not([type=hidden])", "select", ".banner"):
                assert [one for one in page.locator(selector).all() if one.is_visible()] == [], (
                    path,
                    selector,
                )
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            page.context.close()


@SLOW
def test_folded_parts_are_printed_open(chromium, shown_desk):
    key = next(key for shape, key in questions_of(shown_desk.index).items() if shape.endswith("pair-1"))
    page = open_on_paper(chromium, shown_desk, "steward", question_path(key))
    assert page.locator("details.numbers[open]").count() == 0
    box = page.locator("table.waterfall").first.bounding_box()
    assert box is not None
    assert box["height"] > 40
    page.context.close()
