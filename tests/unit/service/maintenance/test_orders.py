"""Orders to seal, unseal and expunge lie outside the database too, and a restored backup obeys them."""

import json
import resource
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpi.bootstrap import make_orders_file, note_restore, open_index
from mpi.config import Settings
from mpi.domain.errors import NotFoundError, StoreError
from mpi.service.maintenance.orders import apply_missing_orders
from mpi.service.maintenance.verify import verify
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.stewardship.expunge_requests import approve_expunges, refuse_expunges
from mpi.service.stewardship.rekey import rekey
from mpi.service.stewardship.unseal_requests import approve_unseals, list_unseal_requests, request_unseals
from mpi.storage.backends.orders_file import OrderLine, OrdersFile
from tests.index import OPERATOR, SECOND_PERSON, crosswalk, expunge, load_rows, many_children, open_test_index
from tests.scopes import open_scoped_indexes

A, B, C, D, E = many_children(5)
SEALED, EXPUNGED = (
    {"restrictions": [{"kind": kind, "reference": "26-AD-7"}]} for kind in ("sealed", "expunged")
)


class Home:
    """An index on SQLite that is backed up and restored by copies of its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(home=folder, model=str(folder / "tiny"), database_url=None, secret_file=None)
        self.orders = folder / "orders.jsonl"

    @contextmanager
    def open(self):
        index = open_index(self.settings)
        try:
            yield index
        finally:
            index.database.dispose()

    def back_up(self) -> Path:
        backup = self.folder.parent / f"backup-{len(list(self.folder.parent.iterdir()))}"
        backup.mkdir()
        for path in self.folder.glob("mpi*.db*"):
            shutil.copy2(path, backup)
        return backup

    def restore(self, backup: Path) -> None:
        for path in self.folder.glob("mpi*.db*"):
            path.unlink()
        for path in backup.iterdir():
            shutil.copy2(path, self.folder)

    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.orders.read_text().splitlines()]


@pytest.fixture
def home(tmp_path):
    with open_test_index(tmp_path / "home", "sis", "ccwis") as index:
        for child in (A, B, C):
            upsert(index, OPERATOR, "sis", child)
    return Home(tmp_path / "home")


def seal(index, child, source="sis", **changes):
    return upsert(index, OPERATOR, source, {**child, **SEALED, **changes})


def unseal(index, child):
    request_unseals(index, OPERATOR, "sis", [child["local_id"]], "26-JV-0412")
    approve_unseals(index, SECOND_PERSON, "sis", [child["local_id"]])


def ids_of(index) -> set[str]:
    return {local_id for _, local_id in crosswalk(index)}


def name(*children) -> set[str]:
    return {child["local_id"] for child in children}


def test_each_order_is_a_line_without_names_or_local_ids(home):
    with home.open() as index:
        seal(index, A)
        unseal(index, A)
        expunge(index, "sis", B)
        load_rows(index, "sis", {**C, **SEALED}, confirm=True)
    header, *orders = home.lines()
    assert (header["format"], header["version"]) == ("mpi-orders", 1)
    assert [(order["no"], order["kind"], order["reference"]) for order in orders] == [
        (1, "seal", "26-AD-7"),
        (2, "unseal", "26-JV-0412"),
        (3, "seal", None),
        (4, "expunge", None),
        (5, "seal", "26-AD-7"),
    ]
    assert orders[0]["record"] == orders[1]["record"] != orders[2]["record"] == orders[3]["record"]
    content = home.orders.read_text().lower()
    for child in (A, B, C):
        for text in (child["local_id"], child["first_name"], child["last_name"]):
            assert f'"{text.lower()}"' not in content
    assert home.orders.stat().st_mode & 0o777 == 0o600


def test_a_reference_that_may_be_a_name_is_in_no_order(index):
    for number, reference in enumerate(("Jane Doe", "26-AD-7\nDoe", "x" * 300 + "1"), 1):
        child = many_children(1, start=900 + number)[0]
        upsert(
            index, OPERATOR, "sis", {**child, "restrictions": [{"kind": "sealed", "reference": reference}]}
        )
    with index.database.read(OPERATOR) as unit:
        assert [order.reference for order in unit.boundary_orders.orders_after(0)] == [None] * 3


def test_a_restored_backup_obeys_every_order_given_since(home):
    with home.open() as index:
        seal(index, C)
    backup = home.back_up()
    with home.open() as index:
        seal(index, A)
        expunge(index, "sis", B)
        unseal(index, C)
        after = crosswalk(index)
    assert ids_of_map(after) == name(C)
    home.restore(backup)
    generation, applied = note_restore(home.settings)
    assert (len(generation), applied) == (16, 4)
    with home.open() as index:
        assert ids_of(index) == name(C)
        with pytest.raises(NotFoundError):
            read(index, OPERATOR, "sis", A["local_id"])
        for child in (A, B):
            assert upsert(index, OPERATOR, "sis", child).outcome == "refused"
        assert verify(index, OPERATOR) == []
        assert apply_missing_orders(index, OPERATOR) == 0


def ids_of_map(links) -> set[str]:
    return {local_id for _, local_id in links}


def test_opening_a_restored_backup_is_enough(home):
    backup = home.back_up()
    with home.open() as index:
        seal(index, A)
    home.restore(backup)
    with home.open() as index:
        assert ids_of(index) == name(B, C)


def test_a_restored_index_continues_the_numbers(home):
    backup = home.back_up()
    with home.open() as index:
        seal(index, A)
    for child in (B, C):
        home.restore(backup)
        with home.open() as index:
            seal(index, child)
    home.restore(backup)
    with home.open() as index:
        assert ids_of(index) == set()
        assert verify(index, OPERATOR) == []
    assert [line["no"] for line in home.lines()[1:]] == [1, 2, 3]


def test_a_record_that_came_and_was_sealed_after_the_backup_is_refused(home):
    backup = home.back_up()
    with home.open() as index:
        upsert(index, OPERATOR, "sis", D)
        seal(index, D)
        upsert(index, OPERATOR, "sis", E)
        expunge(index, "sis", E)
    home.restore(backup)
    with home.open() as index:
        receipt = load_rows(index, "sis", D, E)
        assert (receipt.rejected, receipt.created) == (2, 0)
        with pytest.raises(NotFoundError):
            request_unseals(index, OPERATOR, "sis", [E["local_id"]], "26-1")
        request_unseals(index, OPERATOR, "sis", [D["local_id"]], "26-1")
        assert [request.local_id for request in list_unseal_requests(index, SECOND_PERSON)] == [""]
        approve_unseals(index, SECOND_PERSON, "sis", [D["local_id"]])
        assert upsert(index, OPERATOR, "sis", D).record == "created"
        assert verify(index, OPERATOR) == []


def test_a_source_that_the_backup_does_not_know_is_added(tmp_path):
    with open_test_index(tmp_path / "home") as index:
        home = Home(tmp_path / "home")
    backup = home.back_up()
    from mpi.service.statements.sources import NewSource, add_source

    with home.open() as index:
        add_source(index, OPERATOR, NewSource("late"))
        seal(index, A, source="late")
    home.restore(backup)
    with home.open() as index:
        assert upsert(index, OPERATOR, "late", A).outcome == "refused"


def test_an_order_finds_its_record_under_the_local_id_of_the_backup(home):
    backup = home.back_up()
    with home.open() as index:
        rekey(index, OPERATOR, "sis", {A["local_id"]: "renamed"})
        seal(index, {**A, "local_id": "renamed"})
    home.restore(backup)
    with home.open() as index:
        assert ids_of(index) == name(B, C)
        for local_id in (A["local_id"], "renamed"):
            assert upsert(index, OPERATOR, "sis", {**A, "local_id": local_id}).outcome == "refused"


def test_a_refused_expunge_is_no_seal_after_a_restore(home):
    backup = home.back_up()
    with home.open() as index:
        upsert(index, OPERATOR, "sis", {**A, **EXPUNGED})
        refuse_expunges(index, SECOND_PERSON, "sis", [A["local_id"]])
    home.restore(backup)
    with home.open() as index:
        assert ids_of(index) == name(A, B, C)


def test_a_request_to_expunge_is_a_seal_after_a_restore_and_can_be_made_again(home):
    backup = home.back_up()
    with home.open() as index:
        upsert(index, OPERATOR, "sis", {**A, **EXPUNGED})
    home.restore(backup)
    with home.open() as index:
        assert ids_of(index) == name(B, C)
        upsert(index, OPERATOR, "sis", {**A, **EXPUNGED})
        assert approve_expunges(index, SECOND_PERSON, "sis", [A["local_id"]]).records == 1


def test_a_line_without_an_end_was_never_acknowledged(home):
    with home.open() as index:
        seal(index, A)
    whole = home.orders.read_bytes()
    for cut in (1, 20, 300):
        home.orders.write_bytes(whole + b'{"no": 2, "kind": "seal", ' * cut)
        with home.open() as index:
            assert ids_of(index) == name(B, C)
    with home.open() as index:
        seal(index, B)
    assert [line["no"] for line in home.lines()[1:]] == [1, 2]


def test_a_file_that_lost_its_last_line_is_completed(home):
    with home.open() as index:
        seal(index, A)
        seal(index, B)
    whole = home.orders.read_bytes()
    home.orders.write_bytes(whole[:-10])
    with home.open():
        assert home.orders.read_bytes() == whole


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: [b"{}", *lines[1:]], "no orders file"),
        (lambda lines: [b"PK\x03\x04", *lines[1:]], "no orders file"),
        (lambda lines: [*lines[:-1], b"nonsense"], "damaged"),
        (lambda lines: [*lines[:-1], lines[-1].replace(b'"kind"', b'"sort"')], "damaged"),
    ],
)
def test_a_damaged_file_is_named_and_nothing_is_served(home, damage, message):
    with home.open() as index:
        seal(index, A)
        seal(index, B)
    lines = home.orders.read_bytes().splitlines()
    home.orders.write_bytes(b"\n".join(damage(lines)) + b"\n")
    with pytest.raises(StoreError, match=message) as error, home.open():
        pass
    assert str(home.orders) in str(error.value)


def test_a_gap_in_the_middle_is_named_when_orders_are_applied(home):
    backup = home.back_up()
    with home.open() as index:
        for child in (A, B, C):
            seal(index, child)
    header, first, _, third = home.orders.read_bytes().splitlines()
    home.orders.write_bytes(b"\n".join([header, first, third]) + b"\n")
    home.restore(backup)
    with pytest.raises(StoreError, match="order 2 is missing"), home.open():
        pass


def test_the_file_of_another_index_is_refused(home, tmp_path):
    with home.open() as index:
        seal(index, A)
    secret = (home.folder / "secret.key").read_text().strip()
    with open_test_index(tmp_path / "other", "sis", secret=secret) as other:
        seal(other, B)
    shutil.copy2(tmp_path / "other" / "orders.jsonl", home.orders)
    with pytest.raises(StoreError, match="another index"), home.open():
        pass


def test_two_histories_under_the_same_numbers_are_refused(home):
    backup = home.back_up()
    with home.open() as index:
        seal(index, A)
    first_history = home.back_up()
    home.orders.unlink()
    home.restore(backup)
    with home.open() as index:
        seal(index, B)
    home.restore(first_history)
    with pytest.raises(StoreError, match="two histories"), home.open():
        pass


def test_a_missing_file_is_refused_until_it_is_said_to_be_lost(home):
    with home.open() as index:
        seal(index, A)
    whole = home.orders.read_bytes()
    home.orders.unlink()
    with pytest.raises(StoreError, match="missing"), home.open():
        pass
    assert make_orders_file(home.settings) == 1
    assert home.orders.read_bytes() == whole
    with pytest.raises(StoreError, match="already"):
        make_orders_file(home.settings)
    with home.open() as index:
        assert ids_of(index) == name(B, C)


def test_an_index_without_orders_needs_no_file(home):
    assert not home.orders.exists()
    with home.open() as index:
        assert ids_of(index) == name(A, B, C)
    assert not home.orders.exists()


@contextmanager
def files_limited_to(size: int):
    """Let no file grow beyond a size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_on_a_full_disk_nothing_is_sealed_and_nothing_is_lost(tmp_path):
    file = OrdersFile(tmp_path / "orders.jsonl", "x")
    lines = [OrderLine(n, "2026", "seal", "sis", None, "a" * 32, n, None, n) for n in range(1, 40)]
    with file.lock() as locked:
        locked.append(lines[:1])
    whole = file.path.read_bytes()
    with (
        pytest.raises(StoreError, match="nothing was sealed"),
        files_limited_to(len(whole) + 500),
        file.lock() as locked,
    ):
        locked.append(lines[1:])
    assert file.path.read_bytes() == whole
    with file.lock() as locked:
        locked.append(lines[1:])
    assert file.read_after(0) == lines


def test_a_file_that_cannot_be_written_stops_the_seal_and_nothing_else(home):
    home.orders.mkdir()
    home.orders.rmdir()
    with home.open() as index:
        home.orders.mkdir()
        with pytest.raises(StoreError, match="orders file"):
            seal(index, A)
        assert ids_of(index) == name(A, B, C)
        assert upsert(index, OPERATOR, "sis", D).record == "created"
        home.orders.rmdir()
        assert seal(index, A).outcome == "refused"
        assert ids_of(index) == name(B, C, D)
    assert [line["no"] for line in home.lines()[1:]] == [1]


def test_a_process_whose_database_lacks_orders_seals_nothing(home):
    backup = home.back_up()
    with home.open() as index:
        seal(index, A)
    orders = home.orders.read_bytes()
    home.orders.unlink()
    home.restore(backup)
    with home.open() as index:
        home.orders.write_bytes(orders)  # it appears while the process runs
        with pytest.raises(StoreError, match="mpi db restored"):
            seal(index, B)
    with home.open() as index:
        assert ids_of(index) == name(B, C)


def test_many_threads_and_two_openings_append_every_order_once(home):
    children = many_children(24, start=100)
    with home.open() as first, home.open() as second:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: seal([first, second][n % 2], children[n]), range(20)))
        with first.database.read(OPERATOR) as unit:
            assert [order.no for order in unit.boundary_orders.orders_after(0)] == list(range(1, 21))
    assert [line["no"] for line in home.lines()[1:]] == list(range(1, 21))


def test_a_second_machine_with_a_file_of_its_own_holds_all_orders(home, tmp_path):
    with home.open() as index:
        seal(index, A)
        other = home.settings.model_copy(update={"orders_file": tmp_path / "other.jsonl"})
        shutil.copy2(home.orders, tmp_path / "other.jsonl")
        second = open_index(other)
        seal(index, B)
        seal(second, C)
        second.database.dispose()
    assert (tmp_path / "other.jsonl").read_text().count("\n") == 4
    with home.open():
        assert home.orders.read_text() == (tmp_path / "other.jsonl").read_text()


def test_each_scope_has_its_own_file_and_the_shared_index_follows(tmp_path):
    with open_scoped_indexes(tmp_path, {"education": ("sis",)}) as indexes:
        education = indexes.scopes["education"]
        upsert(education, OPERATOR, "sis", A)
        indexes.sync()
        seal(education, A)
        own = tmp_path / "orders-scope-education.jsonl"
        assert own.read_text().count("\n") == 2
        assert not (tmp_path / "orders.jsonl").exists()
        indexes.sync()
        expunge(education, "sis", A)
        indexes.sync()
        kinds = [
            json.loads(line)["kind"] for line in (tmp_path / "orders.jsonl").read_text().splitlines()[1:]
        ]
        assert kinds == ["seal", "expunge"]
        assert f'"{A["local_id"]}"' not in own.read_text()
        assert verify(indexes.shared, OPERATOR) == []


def test_the_orders_file_works_on_both_stores(index):
    upsert(index, OPERATOR, "sis", A)
    seal(index, A)
    unseal(index, A)
    assert index.settings.orders_path.read_text().count("\n") == 3
    assert crosswalk(index).keys() == {("sis", A["local_id"])}


def test_verify_finds_a_record_that_takes_part_against_an_order(index):
    upsert(index, OPERATOR, "sis", A)
    seal(index, A)
    with index.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE record SET state = 'withdrawn' WHERE state = 'sealed'")
    [finding] = verify(index, OPERATOR)
    assert (finding.law, "against order 1" in finding.detail) == (7, True)


def test_verify_finds_a_record_that_is_sealed_although_an_order_lifted_its_seal(index):
    upsert(index, OPERATOR, "sis", A)
    seal(index, A)
    unseal(index, A)
    with index.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE record SET state = 'sealed'")
    assert "although order 2 lifted its seal" in "".join(
        finding.detail for finding in verify(index, OPERATOR)
    )


CHILDREN = many_children(4, start=50)
steps = st.lists(
    st.tuples(
        st.sampled_from(["send", "seal", "unseal", "expunge", "back up", "restore", "restore"]),
        st.integers(0, 3),
    ),
    min_size=4,
    max_size=12,
)


def is_order_obeyed(index, child, state: str) -> bool:
    """Check that a record is refused while it is sealed or gone, and taken otherwise."""
    is_sealed = state != "open"
    hidden = child["local_id"] not in ids_of(index)
    outcome = upsert(index, OPERATOR, "sis", child).outcome
    return (hidden or not is_sealed) and is_sealed == (outcome == "refused")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=steps)
def test_no_restore_forgets_an_order(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("orders")
    with open_test_index(folder / "home", "sis"):
        pass
    home = Home(folder / "home")
    backups = [home.back_up()]
    states = dict.fromkeys(range(4), "open")
    for step, number in drawn:
        child, state = CHILDREN[number], states[number]
        if step == "back up":
            backups.append(home.back_up())
            continue
        if step == "restore":
            home.restore(backups[number % len(backups)])
        with home.open() as index:
            if step == "seal" and state == "open":
                seal(index, child)
                states[number] = "sealed"
            elif step == "unseal" and state == "sealed":
                unseal(index, child)
                states[number] = "open"
            elif step == "expunge" and state == "open":
                expunge(index, "sis", child)
                states[number] = "gone"
            elif step == "send":
                upsert(index, OPERATOR, "sis", child)
            if step != "send":
                assert all(is_order_obeyed(index, CHILDREN[n], states[n]) for n in states), drawn
    with home.open() as index:
        assert verify(index, OPERATOR) == []
    shutil.rmtree(folder)
