"""A split keeps what orders, agreements and revocations say."""

import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import inspect
from sqlmodel import SQLModel

from mpi.bootstrap import note_restore, open_index
from mpi.domain import clock
from mpi.domain.errors import ConflictError, NotAuthenticated, NotFoundError
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, Viewer
from mpi.policy.cases.consent import Consent, Signer
from mpi.policy.cases.subpoena import CounselDecision, CounselVerdict, Subpoena
from mpi.service.access.accounts.account_end import end_account
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client, bind_client, revoke_client
from mpi.service.agreements.register import approve_version, end_agreement, propose_version, suspend_agreement
from mpi.service.core.index import open_store
from mpi.service.legal.disclosure_consents import record_consent, revoke_consent
from mpi.service.legal.subpoena_cases import decide_case, open_case
from mpi.service.maintenance.verify import verify
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.scopes.copy_check import check_copies
from mpi.service.scopes.split import run_split, undo_split
from mpi.service.scopes.split_plan import approve_split
from mpi.service.scopes.transfer import transfer_changes
from mpi.service.stewardship.rekey import rekey
from mpi.service.stewardship.unseal_requests import approve_unseals, request_unseals
from mpi.storage.repositories.sources.splits import SplitState
from mpi.storage.unit_of_work.database import Database
from tests.agreements import DSA, TO_AGENCY
from tests.index import OPERATOR, SECOND_PERSON, crosswalk, expunge, load_rows, make_child, many_children
from tests.scopes import open_splittable_index

OTHER = {"first_name": "Ben", "last_name": "Quill", "birth_date": "2011-01-05"}


@pytest.fixture
def site(tmp_path, database_url):
    with open_splittable_index(tmp_path, "sis", "sis2", "ccwis", database_url=database_url) as opened:
        yield opened


@pytest.fixture
def home(tmp_path):
    """An index on SQLite that is backed up and restored by copies of its files."""
    with open_splittable_index(tmp_path / "home", "sis", "ccwis") as opened:
        yield opened
        opened.shared.database.dispose()


def back_up(site) -> Path:
    """Copy the shared index; return the folder of the copy."""
    site.shared.database.dispose()
    folder = site.settings.home.parent / "backup"
    folder.mkdir()
    for path in site.settings.home.glob("mpi.db*"):
        shutil.copy2(path, folder)
    return folder


def restore(site, backup: Path, *, with_orders: bool = True) -> None:
    """Put a copy in the place of the shared index, and open it."""
    site.shared.database.dispose()
    for path in site.settings.home.glob("mpi.db*"):
        path.unlink()
    for path in backup.iterdir():
        shutil.copy2(path, site.settings.home)
    if with_orders:
        note_restore(site.settings)
    site.shared = open_index(site.settings)


class InterruptionError(BaseException):
    """Stands for a kill of the process."""


class DatabaseInterruptedAtTheEnd(Database):
    """A database that is killed in the transaction that ends a split."""

    @contextmanager
    def write(self, *arguments, **options):
        """Open a write transaction, and end the process if a split is done."""
        with super().write(*arguments, **options) as unit:
            yield unit
            if any(split.state is SplitState.DONE for split in unit.splits.all()):
                raise InterruptionError


@contextmanager
def interrupted_before_its_end(index):
    """Open an index once more, as the program that is interrupted."""
    database = DatabaseInterruptedAtTheEnd(index.database.url)
    try:
        yield replace(index, store=open_store(database, index.tuning))
    finally:
        database.dispose()


def list_blockers(site, *sources) -> str:
    """Return what blocks a split, in one text."""
    return " ".join(site.plan(*sources).blockers)


def add_agreement(index) -> None:
    """Put the example agreement in force."""
    propose_version(index, OPERATOR, DSA)
    approve_version(index, SECOND_PERSON, "dsa-1")


def test_a_login_under_another_agreement_does_not_go_along(site):
    add_agreement(site.shared)
    add_client(site.shared, OPERATOR, "district", ["record.read"], ["sis"], agreement="dsa-1")
    add_account(
        site.shared, OPERATOR, NewAccount("ana", "Ana Ruiz", Role.STEWARD, ["sis"], agreement="dsa-1")
    )
    end_agreement(site.shared, OPERATOR, "dsa-1", "breach")
    blockers = list_blockers(site, "sis")
    assert "client district acts under the agreement dsa-1" in blockers
    assert "account ana acts under the agreement dsa-1" in blockers
    assert list_blockers(site, "sis2") == "", "it is of another source"


def test_a_login_goes_along_without_the_party_that_its_binding_names(site):
    """In the scope, no agreement has that party, and the login would act for none."""
    add_client(site.shared, OPERATOR, "school", ["record.read"], ["sis"])
    bind_client(site.shared, OPERATOR, "school", "house", "operator")
    ana = NewAccount("ana", "Ana Ruiz", Role.STEWARD, ["sis"], "house", "operator")
    add_account(site.shared, OPERATOR, ana)
    scope = site.split("sis")
    with scope.database.read(OPERATOR) as unit:
        assert [client.party for client in unit.clients.active() if client.name == "school"] == [None]
        assert unit.accounts.find_by_name("ana").party is None


def test_a_login_that_was_bound_since_the_plan_blocks_its_approval(site):
    add_agreement(site.shared)
    add_client(site.shared, OPERATOR, "district", ["record.read"], ["sis"])
    plan = site.plan("sis")
    bind_client(site.shared, OPERATOR, "district", "dsa-1")
    with pytest.raises(ConflictError, match="acts under the agreement dsa-1"):
        approve_split(site.shared, SECOND_PERSON, "education", plan.token)


def test_a_consent_or_case_that_is_not_over_blocks_the_split_of_its_source(site):
    school = replace(
        TO_AGENCY, legal_basis="consent", population="all", purposes=frozenset({"case_planning"})
    )
    today = clock.now().date()
    propose_version(site.shared, OPERATOR, replace(DSA, grants=(school,), begins=today, ends=today))
    approve_version(site.shared, SECOND_PERSON, "dsa-1")
    upsert(site.shared, OPERATOR, "sis", make_child("s1", first_name="Zuri"))
    signed = Consent(
        "dsa-1", "agency", school.purposes, frozenset({"grade"}), Signer.PARENT, today, today, "CF-2026-0417"
    )
    owner = Viewer("office", None, frozenset(Action), frozenset({"sis"}))
    consent = record_consent(site.shared, owner, "sis", "s1", signed)
    subpoena = Subpoena("sis", "Juvenile Court", "26-JV-0412", "Public Defender", today, today)
    case = open_case(site.shared, owner, subpoena, ["s1"], ["grade"])
    blockers = list_blockers(site, "sis")
    assert "consents to disclose records of sis are in force" in blockers
    assert "subpoena cases about records of sis are open" in blockers
    assert "Zuri" not in blockers
    assert "s1" not in blockers
    assert list_blockers(site, "sis2") == "", "they are of another source"
    revoke_consent(site.shared, owner, consent)
    decide_case(
        site.shared, SECOND_PERSON, case, CounselDecision(CounselVerdict.REFUSE, "R. Alvarado", "too wide")
    )
    assert list_blockers(site, "sis") == ""


def test_a_rule_that_was_suspended_is_not_in_force_in_a_new_scope(site):
    key = add_client(site.shared, OPERATOR, "school", ["record.read"], ["sis"])
    upsert(site.shared, OPERATOR, "sis", make_child("s1"))
    site.approve("sis")
    suspend_agreement(site.shared, OPERATOR, "house", "breach")
    scope = site.open_scope()
    with pytest.raises(ConflictError, match="since the approval"):
        run_split(site.shared, scope, OPERATOR, "education")
    with pytest.raises(NotAuthenticated):
        authenticate(scope, key, None)
    undo_split(site.shared, scope, OPERATOR, "education")
    assert "own rule (house) was changed" in list_blockers(site, "sis")
    revoke_client(site.shared, OPERATOR, "school")
    assert list_blockers(site, "sis") == ""


def read_columns(index, *left_out: str) -> str:
    """Return every row of an index, as one text."""
    with index.database.engine.connect() as connection:
        names = set(inspect(connection).get_table_names())
        return repr(
            [
                connection.execute(table.select()).all()
                for table in SQLModel.metadata.sorted_tables
                if table.name in names.difference(left_out)
            ]
        )


def test_an_undone_split_leaves_no_copy_of_a_record(site):
    load_rows(site.shared, "sis", make_child("local-1"), make_child("local-2", **OTHER))
    rekey(site.shared, OPERATOR, "sis", {"local-1": "local-3"})
    upsert(site.shared, OPERATOR, "sis", make_child("local-4", restrictions=[{"kind": "sealed"}]))
    before = crosswalk(site.shared)
    scope = site.split("sis")
    assert "local-2" in read_columns(scope)
    read(scope, OPERATOR, "sis", "local-2")
    with scope.database.ledger.read(OPERATOR) as unit:
        disclosures = unit.disclosures.all()
    assert disclosures
    undo_split(site.shared, scope, OPERATOR, "education")
    assert crosswalk(site.shared) == before
    expunge(site.shared, "sis", make_child("local-2", **OTHER))
    held = read_columns(scope, "disclosure", "disclosed_record")
    for kept in ("local-", OTHER["last_name"], *before.values()):
        assert kept not in held
    with pytest.raises(NotFoundError):
        read(scope, OPERATOR, "sis", "local-2")
    assert verify(scope, OPERATOR) == verify(site.shared, OPERATOR) == []
    with scope.database.ledger.read(OPERATOR) as unit:
        assert unit.disclosures.all()[: len(disclosures)] == disclosures


def test_a_scope_expunges_a_record_whose_number_a_destroyed_one_had(site):
    children = many_children(8)
    for child in children[:2]:
        upsert(site.shared, OPERATOR, "ccwis", child)
    expunge(site.shared, "sis", children[2])
    load_rows(site.shared, "sis", *children[3:8])
    scope = site.split("sis")
    for child in children[3:8]:
        expunge(scope, "sis", child)
    with scope.database.read(OPERATOR) as unit:
        records = unit.records.all_of_source(unit.sources.get_by_code("sis").id).values()
        assert {record.local_id: record.id for record in records} == {f"\x1a{n}": n for n in range(1, 7)}
    assert check_copies(scope, site.shared, OPERATOR, "education").findings == []
    assert transfer_changes(scope, site.shared, OPERATOR, "education").records == 5
    assert check_copies(scope, site.shared, OPERATOR, "education").findings == []
    assert verify(scope, OPERATOR) == verify(site.shared, OPERATOR) == []


@pytest.mark.parametrize("is_done", [True, False])
def test_an_approval_that_is_given_again_after_a_restore_is_refused(home, is_done):
    children = many_children(6)
    load_rows(home.shared, "sis", *children[:2])
    plan = home.plan("sis")
    backup = back_up(home)
    upsert(home.shared, OPERATOR, "sis", children[2])
    approve_split(home.shared, SECOND_PERSON, "education", plan.token)
    scope = home.open_scope()

    def stop(*_):
        raise KeyboardInterrupt

    if is_done:
        run_split(home.shared, scope, OPERATOR, "education")
        upsert(scope, OPERATOR, "sis", children[3])
    else:
        with pytest.raises(KeyboardInterrupt):
            run_split(home.shared, scope, OPERATOR, "education", stop, page=2)
    restore(home, backup)
    upsert(home.shared, OPERATOR, "sis", children[4])
    before, own_links = crosswalk(home.shared), crosswalk(scope)
    approve_split(home.shared, SECOND_PERSON, "education", plan.token)
    with pytest.raises(ConflictError, match="another approval"):
        run_split(home.shared, scope, OPERATOR, "education")
    assert (crosswalk(home.shared), crosswalk(scope)) == (before, own_links)
    if is_done:
        with pytest.raises(ConflictError, match="has changed something"):
            undo_split(home.shared, scope, OPERATOR, "education")
        with pytest.raises(ConflictError, match="another approval"):
            run_split(home.shared, scope, OPERATOR, "education")


def unseal(index, local_id: str) -> None:
    """Lift a seal as two persons."""
    request_unseals(index, OPERATOR, "sis", [local_id], "26-JV-0412")
    approve_unseals(index, SECOND_PERSON, "sis", [local_id])


@pytest.mark.parametrize("kind", ["sealed", "expunged"])
def test_a_source_whose_records_are_known_by_orders_alone_is_not_moved(home, kind):
    first, second, third = many_children(3)
    upsert(home.shared, OPERATOR, "sis", first)
    backup = back_up(home)
    if kind == "expunged":
        expunge(home.shared, "sis", second)
    else:
        upsert(home.shared, OPERATOR, "sis", {**second, "restrictions": [{"kind": "sealed"}]})
    restore(home, backup)
    assert "1 records of sis are known by their orders alone" in list_blockers(home, "sis")
    assert list_blockers(home, "ccwis") == ""
    if kind == "expunged":
        with pytest.raises(NotFoundError):
            unseal(home.shared, second["local_id"])
        return
    unseal(home.shared, second["local_id"])
    upsert(home.shared, OPERATOR, "sis", second)
    scope = home.split("sis")
    upsert(scope, OPERATOR, "sis", third)
    assert transfer_changes(scope, home.shared, OPERATOR, "education").records == 1
    assert crosswalk(scope).keys() == crosswalk(home.shared).keys()
    assert len(crosswalk(scope)) == 3
    assert verify(scope, OPERATOR) == []


def test_an_open_request_to_unseal_blocks_a_split(site):
    upsert(site.shared, OPERATOR, "sis", make_child("s1", restrictions=[{"kind": "sealed"}]))
    request_unseals(site.shared, OPERATOR, "sis", ["s1"], "26-JV-0412")
    assert "records of sis wait to be unsealed" in list_blockers(site, "sis")
    assert list_blockers(site, "sis2") == ""
    approve_unseals(site.shared, SECOND_PERSON, "sis", ["s1"])
    assert list_blockers(site, "sis") == ""


def add_logins(index) -> str:
    """Add a client and an account of the first source; return the key of the client."""
    add_account(index, OPERATOR, NewAccount("ana", "Ana Ruiz", Role.STEWARD, ["sis"]))
    return add_client(index, OPERATOR, "school", ["record.read"], ["sis"])


def require_revoked(key: str, *indexes) -> None:
    """Check that neither the key nor the account of ``add_logins`` opens an index."""
    for index in indexes:
        with pytest.raises(NotAuthenticated):
            authenticate(index, key, None)
        with index.database.read(OPERATOR) as unit:
            account = unit.accounts.find_by_name("ana")
        assert account is None or account.ended_commit is not None


@pytest.mark.parametrize("is_undone", [False, True])
def test_a_login_that_is_revoked_during_a_split_opens_no_index(site, is_undone):
    key = add_logins(site.shared)
    upsert(site.shared, OPERATOR, "sis", make_child("s1"))
    site.approve("sis")
    revoke_client(site.shared, OPERATOR, "school")
    end_account(site.shared, OPERATOR, "ana")
    with pytest.raises(NotFoundError):
        revoke_client(site.shared, OPERATOR, "school")
    scope = site.open_scope()
    if not is_undone:
        run_split(site.shared, scope, OPERATOR, "education")
        require_revoked(key, site.shared, scope)
    undo_split(site.shared, scope, OPERATOR, "education")
    require_revoked(key, site.shared, scope)


def test_a_login_that_is_revoked_while_the_scope_opens_is_revoked_there(site):
    key = add_logins(site.shared)
    site.approve("sis")
    scope = site.open_scope()
    with interrupted_before_its_end(site.shared) as shared, pytest.raises(InterruptionError):
        run_split(shared, scope, OPERATOR, "education")
    assert authenticate(scope, key, None).client == "school"
    revoke_client(site.shared, OPERATOR, "school")
    end_account(site.shared, OPERATOR, "ana")
    run_split(site.shared, scope, OPERATOR, "education")
    require_revoked(key, site.shared, scope)
    undo_split(site.shared, scope, OPERATOR, "education")
    require_revoked(key, site.shared, scope)


def test_a_login_that_was_moved_is_revoked_in_its_scope(site):
    key = add_logins(site.shared)
    scope = site.split("sis")
    with pytest.raises(ConflictError, match="in the index of the scope education"):
        revoke_client(site.shared, OPERATOR, "school")
    with pytest.raises(ConflictError, match="in the index of the scope education"):
        end_account(site.shared, OPERATOR, "ana")
    revoke_client(scope, OPERATOR, "school")
    end_account(scope, OPERATOR, "ana")
    require_revoked(key, scope)
