"""The documentation of the API in a browser: its look, and a call that is made there."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from mpi.api.app import create_app
from tests.index import make_child, open_test_index
from tests.pages.axe import RULES
from tests.unit.api.live import add_key, calling

LOOKS = {f"{width}-{scheme}": (width, scheme) for width in (1440, 320) for scheme in ("light", "dark")}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with open_test_index(tmp_path_factory.mktemp("docs"), "D01", "CCWIS") as index:
        with calling(create_app(index), add_key(index, "reader")) as client:
            client.put("/v1/sources/D01/records/1", json=make_child("1"))
            yield client


@pytest.fixture
def open_docs(chromium, site):
    """Open the page in a look; the errors of its console and its requests are noted."""
    contexts = []

    def open_page(look: str):
        width, scheme = LOOKS[look]
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        errors, addresses = [], []
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: addresses.append(request.url))
        page.goto(f"{site.base_url}/docs".replace("//docs", "/docs"))
        page.wait_for_selector(".opblock-tag")
        return page, errors, addresses

    yield open_page
    for context in contexts:
        context.close()


def open_call(page) -> None:
    page.locator("#operations-tag-persons").click()
    page.locator("#operations-persons-get_person button.opblock-summary-control").click()
    page.locator(".try-out__btn").click()


@pytest.mark.slow
@pytest.mark.parametrize("look", LOOKS)
def test_the_documentation_is_accessible_and_fits_the_screen(open_docs, look):
    page, errors, _ = open_docs(look)
    problems = []
    for step in (lambda _: None, open_call, lambda shown: shown.locator("button.authorize").first.click()):
        step(page)
        page.wait_for_timeout(200)
        violations = Axe().run(page, options=RULES).response["violations"]
        problems += [
            (violation["id"], node["target"]) for violation in violations for node in violation["nodes"]
        ]
        assert page.evaluate("document.documentElement.scrollWidth") <= LOOKS[look][0]
    assert problems == []
    assert errors == []


@pytest.mark.slow
def test_a_call_is_made_with_a_key_and_nothing_leaves_the_index(open_docs, site):
    page, errors, addresses = open_docs("1440-light")
    eid = site.get("/v1/crosswalk?source=D01&local_id=1").json()["enterprise_id"]
    page.locator("button.authorize").first.click()
    page.locator(".auth-container input").first.fill("mpi_test_reader")
    page.locator(".auth-container button.authorize").first.click()
    page.locator(".close-modal").click()
    open_call(page)
    page.locator("tr[data-param-name=eid] input").fill(eid)
    page.locator("button.execute").click()
    page.wait_for_selector(".live-responses-table .response .microlight, .live-responses-table pre")
    assert eid in page.locator(".live-responses-table").inner_text()
    assert errors == []
    assert {address.split("/")[2] for address in addresses} == {str(site.base_url).split("/")[2]}
