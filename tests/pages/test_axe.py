import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.pages.axe import RULES
from tests.pages.desk import enter_as, every_page

LOOKS = {
    f"{width}-{scheme}": {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    for width in (1440, 360, 320)
    for scheme in ("light", "dark")
}


@pytest.mark.slow
def test_the_first_state_of_each_page_has_no_axe_violations(chromium, shown_desk):
    pages = {
        name.partition("-")[0]: (name, role, path) for name, role, path in reversed([*every_page(shown_desk)])
    }
    assert find_problems(chromium, shown_desk, "1440-light", pages.values()) == []


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("look", LOOKS)
def test_no_page_has_axe_violations_or_exceeds_the_screen_width(chromium, shown_desk, look):
    assert find_problems(chromium, shown_desk, look, every_page(shown_desk)) == []


def find_problems(chromium, desk, look, pages):
    """Return what axe finds on pages in one look, and which of them are too wide."""
    problems = []
    for name, role, path in pages:
        context = chromium.new_context(**LOOKS[look])
        page = context.new_page()
        answer = page.goto(f"{enter_as(context, desk, role)}{path}")
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
    return problems
