"""An operator's tasks in a real Chromium, by keyboard alone, with and without scripts."""

import pytest

from mpi.domain.roles import Role
from mpi.domain.viewer import make_operator
from mpi.service.access.accounts.account_list import list_accounts
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.loads.sent_files.draft import list_drafts
from tests.pages.administration import ONA
from tests.pages.desk import PASSWORD, enter_as
from tests.pages.person import Person

SLOW = pytest.mark.slow


class Operator(Person):
    """An operator at a browser, with or without scripts."""

    def __init__(self, chromium, url, *, has_scripts):
        super().__init__(chromium, url, javascript=has_scripts)
        self.has_scripts = has_scripts

    def has_no_violations(self):
        """Return whether axe, which is a script, finds no violation on the current page."""
        return not self.has_scripts or super().has_no_violations()


@pytest.fixture(params=[True, False], ids=["scripts", "no-scripts"])
def ona(request, chromium, desk):
    """An operator who is signed in."""
    person = Operator(chromium, desk.url, has_scripts=request.param)
    person.sign_in("ona")
    yield person
    person.context.close()


def find_state(index, name):
    return next(
        str(account.state) for account in list_accounts(index, make_operator()) if account.name == name
    )


@SLOW
def test_an_operator_adds_and_ends_an_account_by_keyboard(desk, ona):
    ona.page.goto("/accounts")
    ona.tab_to("main details summary")
    ona.page.keyboard.press("Enter")
    ona.tab_to("#name")
    ona.page.keyboard.type("oto.next")
    ona.tab_to("#full_name")
    ona.page.keyboard.type("Oto Next")
    ona.tab_to("#role")
    ona.tab_to("input[name=which]")
    ona.page.keyboard.press("Space")
    ona.tab_to("main form button:has-text('Add the account')")
    ona.enter()
    password = ona.page.locator("#secret").inner_text()
    assert len(password) > 15
    assert ona.has_no_violations()
    ona.tab_to("main a.button")
    ona.enter()
    assert password not in ona.page.content()
    assert ona.shows("password to be set")
    ona.tab_to("a.button.danger")
    ona.enter()
    assert ona.shows("Nobody can undo this")
    assert ona.has_no_violations()
    assert find_state(desk.index, "oto.next") == "new"
    ona.tab_to("button.danger")
    ona.enter()
    assert ona.shows("Ended.")
    assert find_state(desk.index, "oto.next") == "ended"


@SLOW
def test_two_operators_who_change_one_account_get_a_clean_conflict(chromium, desk, ona):
    add_account(desk.index, make_operator(), NewAccount("oto", "Oto", Role.OPERATOR, None), PASSWORD)
    ona.page.goto("/accounts/oto")
    with desk.index.database.write(make_operator(), "probe") as unit:
        account = unit.accounts.find_by_name("oto")
        unit.accounts.set_rights(account.id, "operator", frozenset({"sis"}))
        unit.ensure_commit()
    ona.tab_to("button[value=password]")
    ona.enter()
    assert ona.shows("somebody has changed this account since you opened the page")
    assert ona.page.locator("#secret").count() == 0
    assert ona.has_no_violations()


@SLOW
def test_the_day_of_a_file_is_one_of_the_readers_clock(chromium, shown_desk):
    context = chromium.new_context(timezone_id="America/Phoenix")
    address = enter_as(context, shown_desk, "operator")
    page = context.new_page()
    page.goto(f"{address}/files/{list_drafts(shown_desk.index, make_operator(ONA))[0].code}")
    assert page.locator("input[name=utc_offset]").input_value() == str(-7 * 60)
    context.close()
