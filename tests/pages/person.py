"""A person at a browser of their own, who uses only the keyboard."""

import time

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.pages.axe import RULES
from tests.pages.desk import PASSWORD

NEW_PASSWORD = "forty lanterns on a quiet hill"
_MOST_TABS = 250
"""Presses of Tab after which an element counts as out of reach."""


class Person:
    """A person at a browser of their own, who uses only the keyboard.

    Attributes:
        keys_pressed: presses of keys so far, without those of typed text.
        pages_shown: pages that were shown after a press of a key so far.
        shown_at: when the last of them was shown, by ``time.perf_counter``.
    """

    def __init__(self, chromium, url, *, javascript=True):
        self.context = chromium.new_context(
            base_url=url, viewport={"width": 1280, "height": 900}, java_script_enabled=javascript
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.keys_pressed = 0
        self.pages_shown = 0
        self.shown_at = time.perf_counter()

    def sign_in(self, name, password=PASSWORD):
        """Sign in with the initial password, and set a new one."""
        self.page.goto("/")
        self.tab_to("input[name=name]")
        self.type(name)
        self.tab_to("input[name=password]")
        self.type(password)
        self.enter()
        for field, value in (("old", password), ("new", NEW_PASSWORD), ("again", NEW_PASSWORD)):
            self.tab_to(f"input[name={field}]")
            self.type(value)
        self.enter()

    def tap(self, key):
        """Press a key that stays on the page."""
        self.keys_pressed += 1
        self.page.keyboard.press(key)

    def type(self, text):
        """Type text into the field that has the focus."""
        self.page.keyboard.type(text)

    def tab_to(self, selector):
        """Press Tab until the target has the focus; fail when no Tab reaches it."""
        target = self.page.locator(selector).first
        target.wait_for()
        handle = target.element_handle()
        for _ in range(_MOST_TABS):
            if self.page.evaluate("wanted => document.activeElement === wanted", handle):
                return
            self.tap("Tab")
        pytest.fail(f"no Tab leads to {selector}")

    def enter(self):
        """Press Enter and wait for the next page."""
        self.press("Enter")

    def press(self, key):
        """Press a key that leads to another page, and wait for that page."""
        with self.page.expect_navigation():
            self.tap(key)
        self.pages_shown += 1
        self.shown_at = time.perf_counter()

    def has_no_violations(self):
        """Return whether axe finds no violation on the current page."""
        return Axe().run(self.page, options=RULES).response["violations"] == []

    def shows(self, text):
        """Return whether the page shows a text."""
        return text in self.page.inner_text("main")
