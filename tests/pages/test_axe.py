import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.pages.axe import RULES
from tests.pages.desk import enter_as, every_page

LOOKS = {
    f"{width}-{scheme}": {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    for width in (1440, 360, 320)
    for scheme in ("light", "dark")
}
_FIRST_LOOKS = {"1440-light", "320-dark"}
"""The widest and the narrowest, one of each colour scheme; the others are long tests."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "look",
    [pytest.param(look, marks=() if look in _FIRST_LOOKS else pytest.mark.long) for look in LOOKS],
)
def test_no_page_has_axe_violations_or_exceeds_the_screen_width(chromium, shown_desk, look):
    problems = []
    for name, role, path in every_page(shown_desk):
        context = chromium.new_context(**LOOKS[look])
        page = context.new_page()
        answer = page.goto(f"{enter_as(context, shown_desk, role)}{path}")
        if answer.status >= 500:
            problems.append(f"{name}: {answer.status}")
        violations = Axe().run(page, options=RULES).response["violations"]
        problems += [
            f"{name} ({answer.status}): {violation['id']} {node['target']} {node['failureSummary'][:200]}"
            for violation in violations
            for node in violation["nodes"]
        ]
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > LOOKS[look]["viewport"]["width"]:
            problems.append(f"{name}: {width} wide")
        context.close()
    assert problems == []
