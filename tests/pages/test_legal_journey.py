"""Two people handle a subpoena and a consent in a browser, with script and without."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from mpi.domain import clock
from tests.pages.axe import RULES
from tests.pages.desk import add_legal_cases


def enter(chromium, desk, token, *, javascript):
    context = chromium.new_context(
        base_url=desk.url, viewport={"width": 360, "height": 740}, java_script_enabled=javascript
    )
    context.add_cookies([{"name": "mpi-sign-in", "value": token, "url": desk.url}])
    page = context.new_page()
    page.set_default_timeout(60_000)
    return page


def find_faults(page):
    violations = Axe().run(page, options=RULES).response["violations"]
    width = page.evaluate("document.documentElement.scrollWidth")
    return [violation["id"] for violation in violations] + ([f"{width} wide"] if width > 360 else [])


@pytest.mark.slow
@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
def test_a_case_is_opened_decided_and_released_by_two_people(chromium, desk, javascript):
    sessions = add_legal_cases(desk.index)
    clerk = enter(chromium, desk, sessions["lex"], javascript=javascript)
    clerk.goto("/subpoenas")
    clerk.get_by_label("Court", exact=True).fill("Juvenile Court")
    clerk.get_by_label("Court’s own number").fill("26-JV-0999")
    clerk.get_by_label("Served by").fill("Public Defender")
    for label in ("Received on", "Answer due"):
        clerk.get_by_label(label).fill(clock.today())
    clerk.get_by_label("Local IDs").fill("pair-1\nwrong-1")
    for field in ("First name", "Grade"):
        clerk.get_by_label(field, exact=True).check()
    clerk.get_by_role("button", name="Open a case").click()
    clerk.get_by_text("Nothing is released before counsel decides.").wait_for()
    path = clerk.url.partition("?")[0]
    clerk.get_by_role("button", name="Record the notice").click()
    clerk.get_by_text("The notice is recorded.").wait_for()
    counsel = enter(chromium, desk, sessions["kim"], javascript=javascript)
    counsel.goto(path)
    counsel.get_by_label("Release a part").check()
    counsel.get_by_text("Release only some records or fields").click()
    counsel.get_by_label("Isaiah Washington wrong-1").check()
    counsel.get_by_label("Name of the attorney").fill("R. Alvarado")
    counsel.get_by_label("Reason").fill("only this child")
    counsel.get_by_role("button", name="Decide").click()
    counsel.get_by_text("The decision is stored.").wait_for()
    clerk.goto(path)
    clerk.get_by_label("Type the court’s own number again").fill("26-JV-0999")
    clerk.get_by_role("button", name="Release").click()
    clerk.get_by_role("heading", name="Released records").wait_for()
    text = clerk.locator("main").inner_text()
    assert "wrong-1" in text
    assert "Isaiah" in text
    assert "pair-1" not in text
    if javascript:
        assert find_faults(clerk) == []
    clerk.context.close()
    counsel.context.close()


@pytest.mark.slow
def test_a_consent_is_recorded_and_revoked(chromium, desk):
    clerk = enter(chromium, desk, add_legal_cases(desk.index)["lex"], javascript=True)
    clerk.goto("/consents")
    form = clerk.get_by_role("form", name="Child Welfare of Quill")
    form.get_by_label("Local ID").fill("wrong-1")
    form.get_by_label("Number of the signed paper").fill("CF-2026-0417")
    for label in ("Signed on", "Last day"):
        form.get_by_label(label).fill(clock.today())
    form.get_by_label("Grade").check()
    form.get_by_label("transport").check()
    form.get_by_role("button", name="Record a consent").click()
    clerk.get_by_text("The consent is recorded.").wait_for()
    assert clerk.url.partition("?")[0].endswith("/consents")
    assert find_faults(clerk) == []
    clerk.get_by_role("listitem").get_by_label("Number of the signed paper").fill("CF-2026-0417")
    clerk.get_by_role("button", name="Revoke").click()
    clerk.get_by_text("What was disclosed before stays disclosed.").wait_for()
    assert find_faults(clerk) == []
    clerk.context.close()
