"""Sign-in with an identity provider in a real browser, whose cookies know sites."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from mpi.api.app import create_app
from tests.accounts import cheap_password_hashing
from tests.identity_provider import serving_provider
from tests.index import open_test_index
from tests.pages.axe import RULES
from tests.single_sign_on import trust
from tests.unit.api.live import serving


@pytest.fixture
def site(tmp_path):
    """The address of the pages, on another site than the provider."""
    with (
        cheap_password_hashing(),
        serving_provider() as provider,
        open_test_index(tmp_path / "index", "sis") as index,
    ):
        app = create_app(index)
        with serving(app) as url:
            pages_url = url.replace("127.0.0.1", "localhost")
            app.state.index = trust(index, provider, tmp_path, pages_url)
            yield pages_url


@pytest.mark.slow
@pytest.mark.parametrize("look", ["light", "dark"])
def test_a_person_signs_in_and_is_led_on_to_the_page_asked_for(chromium, site, look):
    context = chromium.new_context(base_url=site, color_scheme=look, viewport={"width": 360, "height": 720})
    try:
        page = context.new_page()
        page.goto("/workload")
        assert "/sign-in" in page.url
        assert not Axe().run(page, options=RULES).response["violations"]
        page.get_by_role("link", name="Sign in with your organization").click()
        page.wait_for_url("**/workload")
        assert page.get_by_role("heading", level=1).inner_text()
        cookies = {cookie["name"]: cookie for cookie in context.cookies()}
        assert cookies["mpi-sign-in"]["sameSite"] == "Strict"
        assert "mpi-sign-in-flow" not in cookies
    finally:
        context.close()


@pytest.mark.slow
def test_the_page_that_leads_on_has_no_violations(chromium, site):
    context = chromium.new_context(base_url=site)
    try:
        page = context.new_page()
        page.goto("/sign-in")
        link = page.get_by_role("link", name="Sign in with your organization").get_attribute("href")
        answer = context.request.get(link)
        assert "/sign-in/answer" in answer.url
        page.set_content(answer.text().replace('http-equiv="refresh"', 'name="led-on"'))
        assert page.get_by_role("link", name="Continue to the page").is_visible()
        assert not Axe().run(page, options=RULES).response["violations"]
    finally:
        context.close()
