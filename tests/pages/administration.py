"""States of the administration pages: accounts, requests, keys, loads, freezes and a pause."""

from datetime import timedelta

from mpi.domain import clock
from mpi.domain.roles import Role
from mpi.domain.source import SourceKind
from mpi.domain.viewer import make_operator
from mpi.intake.proposal.proposal import ProposalOptions
from mpi.service.access.account_requests import request_account
from mpi.service.access.accounts.account_end import end_account
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.clients import add_client, revoke_client, rotate_key, set_expiry
from mpi.service.loads.sent_files.draft import begin_draft, finish_draft
from mpi.service.records.source_pause import pause
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.freeze_windows import add_freeze_window, lift_freeze_window
from tests.index import load_rows, make_child

ONA = "demo-operator"


def add_administration(index, password):
    """Add something to look at to each administration page."""
    operator = make_operator(ONA)
    add_source(
        index, operator, NewSource("west", "West District SIS", "West School District", SourceKind.SIS)
    )
    load_rows(
        index,
        "west",
        make_child("w-1", first_name="Zebulonia"),
        make_child("w-2", first_name="Zebulonia", birth_date="nope", sex="q"),
        *(make_child(f"{number}{'x' * 300}") for number in range(3)),
    )
    for name, days in (("north-portal", 12), ("west-feed", 1)):
        add_client(index, operator, name, ["report"], ["west"])
        set_expiry(index, operator, name, (clock.now() + timedelta(days=days)).date().isoformat())
    rotate_key(index, operator, "north-portal", overlap_days=7)
    add_client(index, operator, "old-portal", ["report"], None)
    revoke_client(index, operator, "old-portal")
    add_account(index, operator, NewAccount("gone", "Gone Operator", Role.OPERATOR, None), password)
    end_account(index, operator, "gone")
    add_account(index, operator, NewAccount("oto", "Oto Operator", Role.OPERATOR, None), password)
    request_account(index, operator, NewAccount("sam.stone", "Sam Stone", Role.STEWARD, ["west"]))
    today = clock.now().date()
    for begins, ends, reason in ((0, 9, "count-day"), (30, 60, "testing"), (0, 3, "set-by-mistake")):
        days = [(today + timedelta(days=number)).isoformat() for number in (begins, ends)]
        window = add_freeze_window(index, operator, "west", *days, reason)
    lift_freeze_window(index, operator, window.id, "set-by-mistake")
    pause(index, operator, "west", "bad-feed")
    add_file(index)


def add_file(index):
    """Add a file that waits for answers about its dates and codes."""
    operator = make_operator(ONA)
    rows = "".join(f"7{n},Zeno,Zimmer,0{n % 7 + 1}/0{n % 6 + 1}/2012,F,{'AB'[n % 2]},x\n" for n in range(40))
    upload = begin_draft(index, operator)
    with upload.create_file("students.csv") as file:
        file.write(f"Student_Number,First_Name,Last_Name,DOB,Gender,Foster,Remark\n{rows}".encode())
    finish_draft(index, upload, "students.csv", ProposalOptions())


ADMINISTRATION_PAGES = (
    ("accounts", "/accounts"),
    ("account", "/accounts/oto"),
    ("account-steward", "/accounts/ida"),
    ("account-ended", "/accounts/gone"),
    ("account-end", "/accounts/oto/end"),
    ("clients", "/clients"),
    ("client", "/clients/north-portal"),
    ("client-beyond", "/clients/init"),
    ("client-end", "/clients/north-portal/end"),
    ("loads", "/loads"),
    ("load", "/loads/{load}"),
    ("load-undo", "/loads/{load}/undo"),
    ("files", "/files"),
    ("file", "/files/{file}"),
    ("freezes", "/freezes"),
    ("sources", "/sources"),
    ("source", "/sources/west"),
    ("health", "/health"),
    ("load-none", "/loads/99"),
)
"""Names and paths of the operator's pages.

``{load}`` stands for the load of the source ``west``, ``{file}`` for a file that waits.
"""
