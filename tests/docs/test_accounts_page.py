"""The lists of docs/reference/accounts.md and docs/reference/cli.md match the code."""

import re
from pathlib import Path

from mpi.config import Settings
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Action
from mpi.service.access import passwords
from mpi.service.access.own_account.attempts import FAILURES_PER_LOCK, MAX_FAILURES
from tests.accounts import REAL_HASHER

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "reference" / "accounts.md").read_text(encoding="utf-8")


def test_the_table_of_roles_matches_the_code():
    rows = re.findall(r"^\| `([a-z.]+)` \|(.*)\|$", PAGE, re.MULTILINE)
    listed = {action: tuple(cell.strip() == "yes" for cell in cells.split("|")) for action, cells in rows}
    assert re.search(r"^\| action \| (.*) \|$", PAGE, re.MULTILINE)[1].split(" | ") == [
        role.value for role in Role
    ]
    permissions = {action: tuple(action in ACTIONS_BY_ROLE[role] for role in Role) for action in Action}
    assert listed == {action.value: yes for action, yes in permissions.items() if any(yes)}


def test_the_figures_match_the_code():
    settings = Settings.model_fields
    page_text = " ".join(PAGE.split())
    hasher = REAL_HASHER
    for phrase in (
        f"At least {passwords.MIN_LENGTH} characters, at most {passwords.MAX_LENGTH}",
        f"{hasher.memory_cost // 1024} MiB, {hasher.time_cost} passes and {hasher.parallelism} lanes",
        f"| without asking for a page | {settings['sign_in_idle_minutes'].default} minutes |",
        f"| in all | {settings['sign_in_hours'].default} hours |",
    ):
        assert phrase in page_text
    assert (FAILURES_PER_LOCK, MAX_FAILURES) == (10, 100)


def test_the_manual_lists_every_scope():
    manual = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    listed = re.search(r"The scopes are: (.*?)\.\n", manual)[1]
    assert listed.split(", ") == [f"`{action}`" for action in sorted(Action)]
