"""The pages of one-time codes and of the first account, in a real browser."""

import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.service.access.first_start.first_account import make_first_link
from tests.accounts import PASSWORD, cheap_password_hashing
from tests.index import open_test_index
from tests.pages.axe import RULES
from tests.unit.api.live import serving


@pytest.fixture
def site(tmp_path):
    """The address of the pages, and the path of the first link."""
    with cheap_password_hashing(), open_test_index(tmp_path / "index", "sis") as index:
        path = f"/first-account/{make_first_link(index)}"
        with serving(create_app(index)) as url:
            yield url, path


@pytest.mark.slow
@pytest.mark.parametrize(("look", "width"), [("light", 1280), ("dark", 360)])
def test_the_first_person_sets_up_one_time_codes(chromium, site, look, width):
    url, path = site
    context = chromium.new_context(base_url=url, color_scheme=look, viewport={"width": width, "height": 720})
    try:
        page = context.new_page()

        def check():
            assert not Axe().run(page, options=RULES).response["violations"]
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

        page.goto(path)
        check()
        page.fill("#name", "ona")
        page.fill("#full-name", "Ona Ruiz")
        page.fill("#new", PASSWORD)
        page.fill("#again", PASSWORD)
        page.click("main form button")
        page.wait_for_url("**/sign-in")
        check()
        page.fill("#name", "ona")
        page.fill("#password", PASSWORD)
        page.click("main form button")
        page.goto("/second-factor")
        assert page.locator("svg.segno").bounding_box()["width"] > 150
        check()
        secret = page.locator("main form code").inner_text()
        page.fill("#code", pyotp.TOTP(secret).at(clock.now()))
        page.fill("#password", PASSWORD)
        page.click("main form button")
        assert page.locator("main li code").count() == 10
        check()
        page.goto("/second-factor")
        check()
    finally:
        context.close()
