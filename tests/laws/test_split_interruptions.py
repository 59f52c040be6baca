"""A split that is interrupted at any transaction goes on, or is taken back, and loses nothing."""

from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import ConflictError, NotAuthenticated
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import make_operator
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client
from mpi.service.core.index import open_store
from mpi.service.maintenance.verify import verify
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.scopes.copy_check import check_copies
from mpi.service.scopes.split import run_split, undo_split
from mpi.service.scopes.transfer import transfer_changes
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.storage.encryption.key_ring import KeyRing
from mpi.storage.unit_of_work.database import Database, Lock
from tests.index import OPERATOR, crosswalk, make_child, partition_of
from tests.scopes import open_splittable_index

OTHER = {"first_name": "Ben", "last_name": "Quill", "birth_date": "2011-01-05"}


class InterruptionError(BaseException):
    """Stands for a kill of the process."""


@dataclass
class Interrupter:
    """Interrupts the program at one transaction of any of its databases.

    Args:
        transaction: number of the transaction, counted from 0.
        is_committed: whether it is interrupted after its commit, or before.
        count: transactions so far.
    """

    transaction: int
    is_committed: bool
    count: int = 0


class InterruptedDatabase(Database):
    """A database whose transactions an interrupter counts."""

    def __init__(self, url: str, interrupter: Interrupter, key_ring: KeyRing | None) -> None:
        super().__init__(url, key_ring=key_ring)
        self.interrupter = interrupter

    @contextmanager
    def write_group(self, lock: Lock = Lock.INDEX, **options):
        """Open a write transaction, or interrupt it."""
        is_hit = self.interrupter.count == self.interrupter.transaction
        self.interrupter.count += 1
        with super().write_group(lock, **options) as unit:
            yield unit
            if is_hit and not self.interrupter.is_committed:
                raise InterruptionError
        if is_hit:
            raise InterruptionError


@contextmanager
def interrupted(index, interrupter):
    """Open an index once more, as the program that is interrupted."""
    database = InterruptedDatabase(index.database.url, interrupter, index.database.key_ring)
    try:
        yield replace(index, store=open_store(database, index.tuning))
    finally:
        database.dispose()


@pytest.fixture
def site(tmp_path, database_url):
    with open_splittable_index(tmp_path, "sis", "ccwis", database_url=database_url) as opened:
        shared = opened.shared
        opened.key = add_client(shared, OPERATOR, "school", ["record.read", "decide"], ["sis"])
        school = replace(make_operator("school"), sources=frozenset({"sis"}))
        for number, changes in enumerate(({}, OTHER, {}, {"last_name": "Abel", "birth_date": "2010-10-10"})):
            upsert(shared, OPERATOR, "sis", make_child(f"s{number}", **changes))
        upsert(shared, OPERATOR, "ccwis", make_child("c1"))
        withdraw(shared, OPERATOR, "sis", "s2")
        groups = [[RecordRef("sis", "s0"), RecordRef("sis", "s1")]]
        decide(shared, school, DecisionRequest(DecisionKind.SAME, groups, "test"))
        opened.links = crosswalk(shared)
        yield opened


EXPECTED = {frozenset({("sis", "s0"), ("sis", "s1")}), frozenset({("sis", "s3")})}


def interrupt_split(site, scope, interrupter) -> bool:
    """Run a split until it is interrupted; return whether it ended before."""
    opened = site.open_scope(scope)
    with interrupted(site.shared, interrupter) as shared, interrupted(opened, interrupter) as scope_index:
        try:
            run_split(shared, scope_index, OPERATOR, scope, page=2)
        except InterruptionError:
            return False
    return True


def require_taken_back(site, scope) -> None:
    """Check that the shared index has everything again."""
    assert crosswalk(site.shared) == site.links
    assert authenticate(site.shared, site.key, None).client == "school"
    with site.shared.database.read(OPERATOR) as unit:
        assert unit.sources.get_by_code("sis").scope is None
        assert unit.scopes.all() == []
    with pytest.raises(NotAuthenticated):
        authenticate(site.open_scope(scope), site.key, None)


def require_done(site, scope) -> None:
    """Check that the scope has everything, once."""
    opened = site.open_scope(scope)
    assert crosswalk(site.shared) == site.links
    assert partition_of(opened) == EXPECTED
    assert authenticate(opened, site.key, None).client == "school"
    with pytest.raises(NotAuthenticated):
        authenticate(site.shared, site.key, None)
    before = site.shared.database.committed_units
    assert transfer_changes(opened, site.shared, OPERATOR, scope).records == 0
    assert site.shared.database.committed_units == before
    assert verify(opened, OPERATOR) == []
    assert check_copies(opened, site.shared, OPERATOR, scope).findings == []


@pytest.mark.parametrize("is_committed", [False, True])
@pytest.mark.parametrize("goes_on", [True, False])
def test_a_split_that_is_interrupted_goes_on_or_is_taken_back(site, is_committed, goes_on):
    transaction, is_done = 0, False
    while not is_done:
        scope = f"scope_{transaction}"
        site.approve("sis", scope=scope)
        is_done = interrupt_split(site, scope, Interrupter(transaction, is_committed))
        if goes_on and not (is_done or is_finished(site, scope)):
            run_split(site.shared, site.open_scope(scope), OPERATOR, scope, page=2)
        if goes_on:
            require_done(site, scope)
        undo_split(site.shared, site.open_scope(scope), OPERATOR, scope)
        require_taken_back(site, scope)
        transaction += 1
    assert transaction > 10, "each transaction was interrupted once"
    assert verify(site.shared, OPERATOR) == []


def is_finished(site, scope) -> bool:
    """Return whether the last transaction of a split was committed."""
    with site.shared.database.read(OPERATOR) as unit:
        return unit.splits.latest(scope).state == "done"


@pytest.mark.parametrize("is_committed", [False, True])
def test_an_undo_that_is_interrupted_goes_on(site, is_committed):
    for transaction in range(3):
        scope = f"scope_{transaction}"
        opened = site.split("sis", scope=scope)
        interrupter = Interrupter(transaction, is_committed)
        with interrupted(site.shared, interrupter) as shared, interrupted(opened, interrupter) as scope_index:
            with pytest.raises(InterruptionError):
                undo_split(shared, scope_index, OPERATOR, scope)
        is_undone = is_committed and transaction == 2
        if not is_undone and transaction == 1:
            run_split(site.shared, opened, OPERATOR, scope)
        elif not is_undone:
            undo_split(site.shared, opened, OPERATOR, scope)
        require_taken_back(site, scope)


@pytest.fixture
def scoped_site(tmp_path, database_url):
    """A scope with a record, and a source of the shared index that is to be moved into it."""
    with open_splittable_index(tmp_path, "sis", "sis2", "ccwis", database_url=database_url) as opened:
        shared = opened.shared
        upsert(shared, OPERATOR, "sis", make_child("s0"))
        upsert(shared, OPERATOR, "ccwis", make_child("c1"))
        opened.split("sis")
        opened.key = add_client(
            shared, OPERATOR, "school", ["record.read", "decide"], ["sis2"], agreement="house"
        )
        school = replace(make_operator("school"), sources=frozenset({"sis2"}))
        for number, changes in enumerate(({}, OTHER, {"last_name": "Abel", "birth_date": "2010-10-10"})):
            upsert(shared, OPERATOR, "sis2", make_child(f"t{number}", **changes))
        groups = [[RecordRef("sis2", "t0"), RecordRef("sis2", "t1")]]
        decide(shared, school, DecisionRequest(DecisionKind.SAME, groups, "test"))
        opened.links = crosswalk(shared)
        yield opened


JOINED = {frozenset({("sis", "s0"), ("sis2", "t0"), ("sis2", "t1")}), frozenset({("sis2", "t2")})}
ADDITION_TRANSACTIONS = 10
"""Transactions of a move of these records into a scope that exists."""


@pytest.mark.parametrize("transaction", range(ADDITION_TRANSACTIONS))
@pytest.mark.parametrize("is_committed", [False, True])
def test_sources_for_a_scope_that_exists_survive_an_interruption(scoped_site, transaction, is_committed):
    site = scoped_site
    site.approve("sis2")
    is_done = interrupt_split(site, "education", Interrupter(transaction, is_committed))
    assert not is_done
    opened = site.open_scope("education")
    upsert(opened, OPERATOR, "sis", make_child("s7", last_name="Zuse", birth_date="2009-09-09"))
    if not is_finished(site, "education"):
        try:
            undo_split(site.shared, opened, OPERATOR, "education")
        except ConflictError:
            run_split(site.shared, opened, OPERATOR, "education", page=2)
        else:
            assert crosswalk(site.shared) == site.links
            assert authenticate(site.shared, site.key, None).client == "school"
            site.approve("sis2")
            run_split(site.shared, opened, OPERATOR, "education", page=2)
    transfer_changes(opened, site.shared, OPERATOR, "education")
    assert partition_of(opened) == JOINED | {frozenset({("sis", "s7")})}
    assert site.links.items() <= crosswalk(site.shared).items()
    assert authenticate(opened, site.key, None).client == "school"
    assert verify(opened, OPERATOR) == verify(site.shared, OPERATOR) == []
    assert check_copies(opened, site.shared, OPERATOR, "education").findings == []
