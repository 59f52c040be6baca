"""Names with markup, from every way in, run as script on no page of any role (stored XSS)."""

import pytest

from mpi.domain.roles import Role
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, load_rows, make_child
from tests.pages.chromium import NoBrowserError, browsing
from tests.pages.desk import enter_as, every_page, open_desk

MARKUP = (
    "<script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    '"><svg onload=window.hacked=1>',
    "'onmouseover='window.hacked=1",
    "javascript:window.hacked=1//",
    "{{constructor.constructor('window.hacked=1')()}}",
    "</textarea></title><script>window.hacked=1</script>",
    "&lt;script&gt;window.hacked=1&lt;/script&gt;",
)
FIELDS = (
    "first_name",
    "last_name",
    "city",
    "address_line1",
    "guardian_last_name",
    "school_id",
    "preferred_name",
)


@pytest.fixture(scope="module")
def marked_desk(tmp_path_factory):
    with open_desk(tmp_path_factory.mktemp("marked"), full=True) as desk:
        children = [
            make_child(f"xss-{n}", **dict.fromkeys(FIELDS, text), birth_date=f"2013-05-{n + 10}")
            for n, text in enumerate(MARKUP)
        ]
        load_rows(desk.index, "sis", *children)
        for child in children:
            other = {"first_name": f"{child['first_name']}h", "local_id": f"{child['local_id']}-b"}
            upsert(desk.index, OPERATOR, "ccwis", {**child, **other, "postal_code": ""})
        yield desk


@pytest.mark.slow
def test_no_name_runs_as_script_on_any_page(marked_desk, attack):
    from tests.index import crosswalk

    ids = crosswalk(marked_desk.index)
    children = [ids["sis", f"xss-{n}"] for n in range(len(MARKUP))]
    pages = [*((role, path) for _, role, path in every_page(marked_desk))]
    for eid in children:
        pages += [
            (Role.STEWARD, f"/people/{eid}{end}") for end in ("", "/correct", "/unlink", "/link", "/move")
        ]
    try:
        with browsing() as browser, attack("Stored markup in Chromium (XSS)") as attempts:
            for role, path in pages:
                context = browser.new_context()
                page = context.new_page()
                dialogs = []
                page.on(
                    "dialog", lambda dialog, seen=dialogs: (seen.append(dialog.message), dialog.dismiss())
                )
                page.goto(f"{enter_as(context, marked_desk, role)}{path}")
                is_hacked = page.evaluate("window.hacked === 1")
                attempts.add(is_through=is_hacked or bool(dialogs), what=(role, path))
                context.close()
    except NoBrowserError as error:
        pytest.fail(str(error), pytrace=False)
