"""Each repository returns what it stored, at the limits of its types, on either store."""

from dataclasses import replace

import pyarrow as pa
import pytest
from sqlalchemy import select

from mpi.domain.errors import NotFoundError, StoreError
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Action
from mpi.matching.scoring.feature_batches import batch_joined_features
from mpi.service.records.upsert import upsert
from mpi.storage.driver.in_list import is_in
from mpi.storage.repositories.access.clients import Client
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.repositories.persons.persons import PersonStatus
from mpi.storage.repositories.review.tasks import Task
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.tables import RecordRow
from mpi.storage.unit_of_work.database import Lock
from tests.index import (
    OPERATOR,
    all_keys,
    load_rows,
    make_child,
    many_children,
    open_test_index,
    pack_keys,
    reopen_database,
)

TODAY = "2026-01-01"
LEAST, GREATEST = -(2**63), 2**63 - 1
UNUSUAL_LOCAL_IDS = (
    "a",
    "B",
    "Z",
    "_",
    "Å",
    "é",
    "ÿ",
    "ﬀ",
    "\U0001d49c",
    "İ",
    "a b",
    "-1",
    "0",
    "10",
    "9",
    "e\u0301",
)
"""Local IDs that locales sort differently from bytes; the last is not the composed é."""


def add_records(unit, *local_ids):
    """Insert records of the source sis, numbered from 1, with a version each."""
    source = unit.sources.get_by_code("sis")
    unit.records.insert(
        [
            {"id": n, "source_id": source.id, "local_id": local_id, "group_id": source.group_id,
             "subject": None, "state": "active", "canonical_key": LEAST + n, "version_id": None,
             "last_seen": "2026-01-01T00:00:00.000000Z"}
            for n, local_id in enumerate(local_ids, 1)
        ]
    )  # fmt: skip
    unit.record_versions.insert_versions(
        [
            {"id": n, "record_id": n, "as_of": "2026-01-01T00:00:00.000000Z", "received_commit": 1,
             "ended_commit": None, "batch_id": None, "state": "active", "content_hash": f"h{n}",
             "issues": "[]", "payload": bytes(range(256))}
            for n, _ in enumerate(local_ids, 1)
        ]
    )  # fmt: skip
    unit.records.activate(
        [
            {"record_id": n, "version_id": n, "as_of": "2026-01-01T00:00:00.000000Z"}
            for n, _ in enumerate(local_ids, 1)
        ]
    )


def test_local_ids_are_compared_and_sorted_by_byte(unit):
    add_records(unit, *UNUSUAL_LOCAL_IDS)
    source = unit.sources.get_by_code("sis")
    assert set(unit.records.find_by_local_ids(source.id, UNUSUAL_LOCAL_IDS)) == set(UNUSUAL_LOCAL_IDS)
    assert unit.records.find_by_local_ids(source.id, ["A", "É"]) == {}
    assert [label.local_id for _, label in unit.records.iterate_labels()] == sorted(UNUSUAL_LOCAL_IDS)


def test_bytes_and_64_bit_numbers_are_stored_unchanged(unit):
    add_records(unit, "1")
    [(source_id, payload)] = unit.record_versions.payloads([1]).values()
    assert (source_id, payload) == (unit.sources.get_by_code("sis").id, bytes(range(256)))
    assert type(payload) is bytes
    assert unit.records.canonical_keys([1]) == {1: LEAST + 1}
    unit.keys.write(1, {1: pack_keys(1, LEAST, -1, GREATEST), 2: pack_keys(2, GREATEST)}, 1)
    assert sorted(unit.keys.find_records(1, [1], [LEAST, GREATEST])) == [(LEAST, 1), (GREATEST, 1)]
    assert unit.keys.find_records(1, [2], [LEAST, -1]) == []
    assert unit.keys.forward.keys_of(1, [1, 2, 3]) == {1: [LEAST, -1, GREATEST], 2: [GREATEST]}
    assert all_keys(unit, 1) == [(LEAST, 1), (-1, 1), (GREATEST, 1), (GREATEST, 2)]
    assert all_keys(unit, 2) == []


@pytest.mark.parametrize(
    "drop",
    [
        lambda unit: unit.keys.delete(1, [2, 3]),
        lambda unit: unit.keys.delete_range(1, 2, 9),
        lambda unit: unit.derived_data.delete_range(1, 2, 3),
        lambda unit: unit.derived_data.delete_features_and_keys(1, [3, 2]),
        lambda unit: unit.derived_data.delete(1, [2, 3]),
    ],
)
def test_deleted_keys_are_not_found(unit, drop):
    unit.derived_data.add_features(1, ((n, b"x") for n in (1, 2, 3)))
    for config in (1, 2):
        unit.keys.write(config, {n: pack_keys(n % 2, -7, n, 2**40) for n in (1, 2, 3)}, 1)
    drop(unit)
    assert all_keys(unit, 1) == [(-7, 1), (1, 1), (2**40, 1)]
    assert unit.keys.forward.packed_keys(1, [1, 2, 3]).keys() == {1}
    assert len(all_keys(unit, 2)) == 9
    unit.derived_data.delete_all(2)
    assert all_keys(unit, 2) == []


def test_keys_are_found_by_the_commit_that_wrote_them(unit):
    unit.keys.write(1, {1: pack_keys(1, 5), 2: pack_keys(1, 5)}, 7)
    unit.keys.write(1, {3: pack_keys(1, 5), 4: pack_keys(1)}, 8)
    unit.keys.write(2, {5: pack_keys(1, 5)}, 9)
    assert [sorted(unit.keys.forward.records_written_since(1, since)) for since in (6, 7, 8)] == [
        [1, 2, 3],
        [3],
        [],
    ]
    unit.keys.delete(1, [1])
    assert sorted(unit.keys.forward.records_written_since(1, 0)) == [2, 3]
    assert unit.keys.forward.records_with_keys(1, range(6)) == {2, 3}


def test_keys_are_read_in_pages_by_record_and_by_key(index):
    with (
        reopen_database(index, forward_page_records=2, base_page_rows=3) as paging_index,
        paging_index.database.write(OPERATOR, "test") as unit,
    ):
        unit.keys.write(
            1, {n: pack_keys(n % 2, LEAST, n, GREATEST) for n in range(1, 5)} | {9: pack_keys(1)}, 1
        )
        rows = sorted((n % 2, key, n) for n in range(1, 5) for key in (LEAST, n, GREATEST))
        by_record, by_key = (
            list(read_pages(1))
            for read_pages in (unit.keys.forward.iterate_rows, unit.keys.iterate_searched_rows)
        )
        assert sorted(tuple(row) for page in by_record for row in page.T.tolist()) == rows
        assert [tuple(row) for page in by_key for row in page.T.tolist()] == rows
        assert (len(by_record), len(by_key)) == (2, 4)


def test_lists_longer_than_a_statement_allows_are_queried_in_parts(unit):
    record_ids = range(1, 70_001)
    unit.derived_data.add_features(1, ((n, b"x") for n in (1, 9_999, 10_000, 10_001, 70_000)))
    unit.derived_data.add_edges(1, {(1, 2): 4.0, (69_999, 70_000): -1.25})
    assert sorted(unit.derived_data.features(1, record_ids)) == [1, 9_999, 10_000, 10_001, 70_000]
    parts = list(unit.derived_data.iterate_features_in_parts(1, record_ids))
    assert [part.records for part in parts if part.records] == [[1, 9_999, 10_000], [10_001], [70_000]]
    assert unit.derived_data.edges_of(1, record_ids, -2.0) == {(1, 2): 4.0, (69_999, 70_000): -1.25}
    assert unit.tasks.about_records(record_ids) == []
    assert unit.records.get(record_ids) == {}
    unit.derived_data.add_features(2, ((n, b"x") for n in range(1, 20_001)))
    assert [record for record, _ in unit.derived_data.iterate_features(2)] == list(range(1, 20_001))
    assert unit.derived_data.records_with_features(1) == {1, 9_999, 10_000, 10_001, 70_000}
    unit.derived_data.delete(1, record_ids)
    assert list(unit.derived_data.iterate_features(1)) == []
    assert unit.derived_data.all_edges(1) == {}


def test_joined_payloads_equal_the_stored_payloads(unit):
    payloads = {1: b'["Ana"]', 2: '["Zo\u00eb"]'.encode(), 7: b"[]", 9: b'["' + b"x" * 70_000 + b'"]'}
    unit.derived_data.add_features(1, payloads.items())
    unit.derived_data.add_features(2, [(1, b"[1]")])
    [part] = unit.derived_data.iterate_features_in_parts(1, [1, 2, 3, 7, 9])
    [batch] = batch_joined_features([part])
    assert dict(zip(*(column.to_pylist() for column in batch.columns), strict=True)) == {
        record: payload.decode() for record, payload in payloads.items()
    }
    assert [
        batch.num_rows for batch in batch_joined_features(unit.derived_data.iterate_features_in_parts(1, [3]))
    ] == [0]
    with pytest.raises(pa.ArrowInvalid):
        list(batch_joined_features([([1], [2], b"\xff\xfe")]))


def test_a_cached_statement_uses_the_values_of_each_call(unit):
    table = RecordRow.__table__
    add_records(unit, *UNUSUAL_LOCAL_IDS)

    def ids_of(*local_ids):
        return set(
            unit.connection.execute(select(table.c.id).where(is_in(table.c.local_id, local_ids))).scalars()
        )

    assert [ids_of("a"), ids_of("B"), ids_of("a", "Z"), ids_of()] == [{1}, {2}, {1, 3}, set()]


@pytest.mark.parametrize("row_count", [0, 1, 2, 63, 64, 65, 200])
def test_many_rows_are_stored_once_each_and_in_whole(index, row_count):
    edges = {(number, number + 1): number / 4 for number in range(1, row_count + 1)}
    with index.database.write(OPERATOR, "test") as unit:
        unit.derived_data.add_edges(1, edges)
        unit.keys.purged_blocks.add(1, range(row_count), unit.commit_no)
        unit.keys.purged_blocks.add(1, range(row_count + 1), unit.commit_no)
    with index.database.read(OPERATOR) as unit:
        assert unit.derived_data.all_edges(1) == edges
        assert unit.keys.purged_blocks.all(1).tolist() == list(range(row_count + 1))


def test_edges_keep_six_decimals_and_are_found_from_either_end_above_the_floor(unit):
    edges = {(1, 2): 12.345678, (2, 3): -0.000001, (3, 4): 5.0}
    unit.derived_data.add_edges(7, edges)
    assert unit.derived_data.edges_of(7, [2], -1.0) == {(1, 2): 12.345678, (2, 3): -0.000001}
    assert unit.derived_data.edges_of(7, [2, 3, 4], 5.0) == {(1, 2): 12.345678, (3, 4): 5.0}
    assert unit.derived_data.edges_of(8, [2], -1.0) == {}
    assert unit.derived_data.all_edges(7) == edges
    unit.derived_data.delete_all(7, edges_only=True)
    assert unit.derived_data.all_edges(7) == {}


def test_moving_a_record_ends_one_membership_begins_another_and_writes_one_event(unit):
    add_records(unit, "1", "2")
    unit.persons.mint([{"id": 1, "eid": "A", "minted_commit": 1}, {"id": 2, "eid": "B", "minted_commit": 1}])
    unit.persons.move_records(10, [(1, None, 1), (2, None, 1)], "load")
    unit.persons.move_records(11, [(2, 1, 2)], "upsert")
    unit.persons.set_status([1], PersonStatus.RETIRED, 11)
    assert unit.persons.current_persons([1, 2, 3]) == {1: 1, 2: 2}
    assert unit.persons.members([1, 2]) == {1: [1], 2: [2]}
    assert (unit.persons.members_at(1, 10), unit.persons.person_at(2, 10)) == ([1, 2], 1)
    assert unit.persons.persons_ever_holding([2]) == {1, 2}
    events = unit.identity_events.events_after(9, 1)
    assert [(e.commit_no, e.record_id, e.before, e.after) for e in events] == [
        (10, 1, None, 1),
        (10, 2, None, 1),
    ]
    assert [e.commit_no for e in unit.identity_events.events_of([2])] == [11]
    assert unit.persons.counts() == {"active": 1, "retired": 1}
    assert unit.persons.find_by_eid("A").retired_commit == 11
    assert unit.persons.find_by_eid("a") is None


def test_tasks_are_sorted_by_weight_and_key_and_keep_their_opening_commit(unit):
    add_records(unit, *"1234567")
    tasks = [Task("b", "pair", 1, 2, 5.5, "band"), Task("B", "pair", 3, 4, 5.5, "band"),
             Task("a", "pair", 5, 6, 6.25, "margin")]  # fmt: skip
    unit.tasks.replace(unit.tasks.about_records([1, 2, 3, 4, 5, 6]), tasks, 3)
    assert [task.key for task in unit.tasks.all()] == ["a", "B", "b"]
    unit.tasks.replace(
        unit.tasks.about_records([1]), [replace(tasks[0], bits=4.0), Task("c", "pair", 1, 7, 4.0, "x")], 9
    )
    found_tasks = [task for record in (4, 1) for task in unit.tasks.request_about_record(record, TODAY)()]
    assert [(task.key, task.bits) for task in found_tasks] == [("B", 5.5), ("b", 4.0), ("c", 4.0)]
    assert [task.opened_commit for task in found_tasks] == [3, 3, 9]
    assert unit.tasks.replace(unit.tasks.about_records([1, 2, 3, 4]), [], 10) == ({"B", "b", "c"}, set())
    assert unit.tasks.count() == 1


def test_clients_sources_and_flags_are_returned_as_stored(unit):
    unit.clients.add(90, Client("d", frozenset(Action), frozenset({"sis"})), "hash", 1)
    assert unit.clients.find_by_key("hash").sources == frozenset({"sis"})
    assert unit.clients.find_by_key("HASH") is None
    assert [unit.clients.revoke("d", 2), unit.clients.revoke("d", 3)] == [True, False]
    assert unit.clients.find_by_key("hash") is None
    assert [source.code for source in unit.sources.all()] == ["ccwis", "sis"]
    with pytest.raises(NotFoundError, match="ccwis, sis"):
        unit.sources.get_by_code("SIS")
    add_records(unit, "1")
    unit.record_versions.insert_flags(
        [{"version_id": 1, "seq": 0, "population": "foster_care", "value": "Y", "definition": "x"}]
    )
    assert [(flag.record_id, flag.value) for flag in unit.record_versions.flags([1])] == [(1, "Y")]


def test_disclosures_are_read_through_the_index(index):
    disclosure = Disclosure("2026-01-01T00:00:00.000000Z", "d", None, "search", (1, 2), ("enterprise_id",))
    with index.database.ledger.write(OPERATOR, "disclose", Lock.NONE) as unit:
        unit.disclosures.add_all(1, [disclosure])
    with index.database.read(OPERATOR) as unit:
        assert unit.disclosures.all() == [disclosure]


def test_an_erased_record_keeps_no_version_content(unit):
    add_records(unit, "1")
    unit.records.set_state([1], RecordState.SEALED)
    unit.record_erasure.erase(1)
    assert [(v.payload, v.issues) for v in unit.record_versions.versions(1)] == [(b"{}", "[]")]
    assert unit.records.labels([1]) == {}


def test_dangling_references_and_duplicate_names_are_refused(index):
    with pytest.raises(StoreError), index.database.write(OPERATOR, "test") as unit:
        unit.persons.move_records(10, [(99, None, 1)], "load")
        unit.connection.commit()
    with index.database.write(OPERATOR, "test") as unit:
        add_records(unit, "1")
    with pytest.raises(StoreError), index.database.write(OPERATOR, "test") as unit:
        add_records(unit, "1")


def test_both_stores_make_the_same_persons_and_events(tmp_path, postgres_url):
    """Compare partition, moves and their order; only the random IDs differ."""
    states = []
    secret = "5e" * 32
    for number, url in enumerate((None, postgres_url)):
        home = tmp_path / f"home{number}"
        with open_test_index(home, "sis", "ccwis", secret=secret, database_url=url) as index:
            load_rows(index, "sis", *many_children(30))
            for n, child in enumerate(many_children(10, start=25)):
                upsert(index, OPERATOR, "ccwis", {**child, "local_id": UNUSUAL_LOCAL_IDS[n]})
            upsert(index, OPERATOR, "sis", make_child("c3"))
            load_rows(index, "sis", *many_children(29), snapshot=Snapshot.FULL, confirm=True)
            with index.database.read(OPERATOR) as unit:
                events = [
                    (e.commit_no, e.seq, e.record_id, e.before, e.after, e.cause)
                    for e in unit.identity_events.events_after(0, 10_000)
                ]
                keys = unit.records.active_canonical_keys()
                tasks = [(task.key, task.bits) for task in unit.tasks.all()]
                edges = unit.derived_data.all_edges(index.config_id(unit))
            states.append((events, keys, tasks, edges))
    assert len(states[0][0]) > 40
    assert states[0] == states[1]
