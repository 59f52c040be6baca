"""A sync carries on where the shared index has tombstones, and after the shared index was restored."""

import shutil

import pytest

from mpi.bootstrap import note_restore, open_index
from mpi.config import Settings
from mpi.service.maintenance.order_replay import apply_orders
from mpi.service.maintenance.verify import verify
from mpi.service.records.upsert import upsert
from mpi.service.scopes.copy_check import check_copies
from mpi.service.scopes.split import undo_split
from mpi.service.scopes.transfer import transfer_changes
from mpi.service.statements.boundary_orders import make_record_token
from mpi.service.stewardship.expunge_requests import approve_expunges
from mpi.service.stewardship.rekey import rekey
from mpi.service.stewardship.unseal_requests import approve_unseals, request_unseals
from mpi.storage.backends.orders_file import OrderLine
from tests.index import OPERATOR, SECOND_PERSON, crosswalk, expunge, many_children
from tests.scopes import open_scoped_indexes, open_splittable_index

A, B, C = many_children(3)
SEALED = {"restrictions": [{"kind": "sealed", "reference": "26-AD-7"}]}


@pytest.fixture
def indexes(tmp_path, database_url):
    with open_scoped_indexes(tmp_path / "home", {"education": ("sis",)}, database_url=database_url) as opened:
        yield opened


@pytest.fixture
def education(indexes):
    return indexes.scopes["education"]


def seal(index, child):
    upsert(index, OPERATOR, "sis", {**child, **SEALED})


def unseal(index, child):
    request_unseals(index, OPERATOR, "sis", [child["local_id"]], "26-JV-0412")
    approve_unseals(index, SECOND_PERSON, "sis", [child["local_id"]])


def sync(scope_index, shared_index, **options):
    return transfer_changes(scope_index, shared_index, OPERATOR, "education", **options)


def replay(index, child, *kinds, scope=None, number=999):
    """Apply orders about a record as a restored index does; 999 is the number of none in the backup."""
    token = make_record_token(index.keyed_hash, "sis", child["local_id"])
    with index.database.write(OPERATOR, "orders") as unit:
        first = unit.boundary_orders.last_number() + 1
        lines = [
            OrderLine(no, "2026-11-01T00:00:00Z", kind, "sis", scope, token, number, None, 1)
            for no, kind in enumerate(kinds, first)
        ]
        apply_orders(unit, index, lines)


def check(scope_index, shared_index):
    """Check that the shared index has the scope's records, and no breach."""
    assert crosswalk(shared_index).keys() == crosswalk(scope_index).keys()
    assert verify(shared_index, OPERATOR) == []
    assert check_copies(scope_index, shared_index, OPERATOR, "education").findings == []


def test_a_sync_takes_a_record_whose_seal_was_known_by_hash_alone_and_is_lifted(indexes, education):
    upsert(education, OPERATOR, "sis", A)
    replay(education, B, "seal")
    sync(education, indexes.shared)
    unseal(education, B)
    upsert(education, OPERATOR, "sis", B)
    sync(education, indexes.shared)
    upsert(education, OPERATOR, "sis", {**B, **SEALED})
    sync(education, indexes.shared)
    unseal(education, B)
    sync(education, indexes.shared)
    assert set(crosswalk(indexes.shared)) == {("sis", A["local_id"]), ("sis", B["local_id"])}
    check(education, indexes.shared)


def test_a_record_takes_the_local_id_of_one_that_is_destroyed_here_under_a_former_name(indexes, education):
    upsert(education, OPERATOR, "sis", {**A, "local_id": "A"})
    upsert(education, OPERATOR, "sis", {**B, "local_id": "B"})
    indexes.sync()
    rekey(education, OPERATOR, "sis", {"A": "C"})
    rekey(education, OPERATOR, "sis", {"B": "A"})
    expunge(education, "sis", {**A, "local_id": "C"})
    sync(education, indexes.shared, page=1)
    assert set(crosswalk(indexes.shared)) == {("sis", "A")}
    check(education, indexes.shared)


@pytest.mark.parametrize("page", [1, 100])
def test_a_sync_takes_a_local_id_that_a_destroyed_record_had_before_a_rekey(indexes, education, page):
    upsert(education, OPERATOR, "sis", {**A, "local_id": "A"})
    indexes.sync()
    rekey(education, OPERATOR, "sis", {"A": "B"})
    upsert(education, OPERATOR, "sis", {**B, "local_id": "A"})
    expunge(education, "sis", {**A, "local_id": "B"})
    sync(education, indexes.shared, page=page)
    assert set(crosswalk(indexes.shared)) == {("sis", "A")}
    with indexes.shared.database.read(OPERATOR) as unit:
        token = make_record_token(indexes.shared.keyed_hash, "sis", "A")
        assert unit.tombstones.find(unit.sources.get_by_code("sis").id, [token]) == {}
    check(education, indexes.shared)


def test_a_sync_after_a_restore_takes_a_local_id_that_a_record_had_which_is_destroyed_since(
    indexes, education
):
    upsert(education, OPERATOR, "sis", {**A, "local_id": "A"})
    upsert(education, OPERATOR, "sis", {**B, "local_id": "B"})
    indexes.sync()
    replay(indexes.shared, {"local_id": "A"}, "seal", scope="education", number=2)
    replay(indexes.shared, {"local_id": "C"}, "seal", "expunge", scope="education", number=1)
    rekey(education, OPERATOR, "sis", {"A": "C", "B": "A"})
    seal(education, {**B, "local_id": "A"})
    expunge(education, "sis", {**A, "local_id": "C"})
    indexes.sync()
    check(education, indexes.shared)
    unseal(education, {"local_id": "A"})
    indexes.sync()
    assert set(crosswalk(indexes.shared)) == {("sis", "A")}
    check(education, indexes.shared)


@pytest.mark.parametrize("state", ["open", "sealed", "sealed again"])
@pytest.mark.parametrize("orders", [("seal",), ("seal", "unseal")])
def test_a_record_that_a_restored_index_knows_by_hash_alone_follows(indexes, education, orders, state):
    upsert(education, OPERATOR, "sis", A)
    indexes.sync()
    replay(indexes.shared, B, *orders, scope="education")
    upsert(education, OPERATOR, "sis", B)
    if state != "open":
        seal(education, B)
    sync(education, indexes.shared)
    if state == "sealed again":
        unseal(education, B)
        sync(education, indexes.shared)
        seal(education, B)
        sync(education, indexes.shared)
    check(education, indexes.shared)
    with indexes.shared.database.read(OPERATOR) as unit:
        source = unit.sources.get_by_code("sis")
        assert set(unit.records.all_of_source(source.id)) == {A["local_id"], B["local_id"]}
        assert not unit.tombstones.has_any(source.id)


def back_up(home, backup):
    backup.mkdir()
    for path in home.glob("mpi.db*"):
        shutil.copy2(path, backup)


def restore(home, backup):
    """Restore the shared index; return its settings and the number of orders applied."""
    for path in home.glob("mpi.db*"):
        path.unlink()
    for path in backup.iterdir():
        shutil.copy2(path, home)
    settings = Settings(home=home, model=str(home / "tiny"), database_url=None, secret_file=None)
    return settings, note_restore(settings)[1]


def test_a_record_that_was_sealed_and_released_since_the_backup_is_in_the_restored_index(tmp_path):
    home, backup = tmp_path / "home", tmp_path / "backup"
    with open_scoped_indexes(home, {"education": ("sis",)}) as indexes:
        education = indexes.scopes["education"]
        upsert(education, OPERATOR, "sis", A)
        indexes.sync()
        indexes.shared.database.dispose()
        back_up(home, backup)
        upsert(education, OPERATOR, "sis", B)
        indexes.sync()
        seal(education, B)
        indexes.sync()
        unseal(education, B)
        indexes.sync()
        indexes.shared.database.dispose()
        settings, applied = restore(home, backup)
        assert applied == 2
        shared = open_index(settings)
        assert sync(education, shared).records == 1
        check(education, shared)
        shared.database.dispose()


@pytest.mark.parametrize("orders", [("seal",), ("seal", "expunge")])
def test_a_row_of_a_restored_index_without_content_is_no_breach(indexes, education, orders):
    upsert(education, OPERATOR, "sis", A)
    indexes.sync()
    replay(indexes.shared, B, *orders, scope="education")
    check(education, indexes.shared)
    upsert(education, OPERATOR, "sis", B)
    expunge(education, "sis", B)
    sync(education, indexes.shared)
    check(education, indexes.shared)


def test_a_record_that_a_restored_scope_knows_by_hash_alone_is_destroyed_in_the_shared_index(
    indexes, education
):
    upsert(education, OPERATOR, "sis", A)
    replay(education, B, "seal", "expunge")
    replay(education, C, "seal")
    indexes.sync()
    check(education, indexes.shared)
    unseal(education, C)
    upsert(education, OPERATOR, "sis", C)
    indexes.sync()
    assert set(crosswalk(indexes.shared)) == {("sis", A["local_id"]), ("sis", C["local_id"])}
    check(education, indexes.shared)


def test_a_seal_that_was_lifted_after_the_undo_of_a_split_is_lifted_after_a_restore(tmp_path):
    home, backup = tmp_path / "home", tmp_path / "backup"
    with open_splittable_index(home, "sis", "ccwis") as site:
        upsert(site.shared, OPERATOR, "sis", A)
        seal(site.shared, A)
        scope = site.split("sis")
        site.shared.database.dispose()
        back_up(home, backup)
        undo_split(site.shared, scope, OPERATOR, "education")
        unseal(site.shared, A)
        links = crosswalk(site.shared)
        site.shared.database.dispose()
        settings, applied = restore(home, backup)
        assert applied == 1
        shared = open_index(settings)
        undo_split(shared, scope, OPERATOR, "education")
        assert crosswalk(shared) == links != {}
        assert verify(shared, OPERATOR) == []
        shared.database.dispose()


def test_the_shared_index_has_the_reference_of_each_order(indexes, education):
    upsert(education, OPERATOR, "sis", A)
    indexes.sync()
    seal(education, A)
    indexes.sync()
    unseal(education, A)
    indexes.sync()
    expunged = {"restrictions": [{"kind": "expunged", "reference": "26-EX-3"}]}
    upsert(education, OPERATOR, "sis", {**A, **expunged})
    indexes.sync()
    approve_expunges(education, SECOND_PERSON, "sis", [A["local_id"]])
    indexes.sync()
    with indexes.shared.database.read(OPERATOR) as unit:
        orders = [(order.kind, order.reference) for order in unit.boundary_orders.orders_after(0)]
    assert orders == [
        ("seal", "26-AD-7"),
        ("unseal", "26-JV-0412"),
        ("seal", "26-EX-3"),
        ("expunge", "26-EX-3"),
    ]
