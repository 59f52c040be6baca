"""Encryption of stored content, its rotation, and what verify finds, on both stores."""

from contextlib import contextmanager

import pytest
from sqlalchemy import text

from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.domain.errors import InputError, StoreError
from mpi.service.maintenance.payload_encryption import describe_keys, encrypt_index, rotate_payload_key
from mpi.service.maintenance.verify import Finding, verify
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.storage.encryption import envelope
from tests.index import OPERATOR, crosswalk, expunge, load_rows, make_child, open_test_index, reopen_database

CHILDREN = [make_child(f"c{number}", first_name=name) for number, name in enumerate(("Ana", "Bo", "Cy"))]


def execute(index, statement, **values):
    with index.database.engine.begin() as connection:
        result = connection.execute(text(statement), values)
        return result.all() if result.returns_rows else None


def payloads(index):
    return [bytes(row[0]) for row in execute(index, "SELECT payload FROM record_version ORDER BY id")]


def contents(index):
    """Return the content of every record, as the index reads it."""
    with index.database.read(OPERATOR) as unit:
        return unit.record_versions.payloads(list(unit.records.active_canonical_keys()))


def key_numbers(index):
    rows = execute(index, "SELECT data_key FROM record WHERE data_key IS NOT NULL")
    return {envelope.key_number_of(bytes(row[0])) for row in rows}


@contextmanager
def open_readable_index(folder, database_url):
    """Open an index as an earlier release created it: without payload keys and with one secret."""
    with open_test_index(folder, "sis", "ccwis", database_url=database_url, of_earlier_release=True) as index:
        yield index


@pytest.fixture
def readable_index(tmp_path, database_url):
    with open_readable_index(tmp_path / "home", database_url) as index:
        yield index


def test_new_index_encrypts_every_payload_and_reads_it(index):
    load_rows(index, "sis", *CHILDREN)
    upsert(index, OPERATOR, "ccwis", CHILDREN[0])
    upsert(index, OPERATOR, "ccwis", {**CHILDREN[0], "first_name": "Anna"})
    assert len(payloads(index)) == 5
    assert all(envelope.is_encrypted(payload) for payload in payloads(index))
    assert read(index, OPERATOR, "ccwis", "c0")["record"]["first_name"] == "Anna"
    assert key_numbers(index) == {1}
    assert verify(index, OPERATOR) == []


def test_each_record_has_a_data_key_of_its_own_for_all_its_versions(index):
    upsert(index, OPERATOR, "sis", CHILDREN[0])
    upsert(index, OPERATOR, "sis", {**CHILDREN[0], "first_name": "Anna"})
    upsert(index, OPERATOR, "sis", CHILDREN[1])
    rows = execute(index, "SELECT data_key FROM record")
    assert len({bytes(row[0]) for row in rows}) == 2


def test_index_of_one_secret_goes_on_unencrypted_with_the_same_ids(readable_index):
    load_rows(readable_index, "sis", *CHILDREN)
    assert not any(envelope.is_encrypted(payload) for payload in payloads(readable_index))
    assert describe_keys(readable_index, OPERATOR).keys == ()
    assert not describe_keys(readable_index, OPERATOR).has_token_key
    assert verify(readable_index, OPERATOR) == []


def test_encrypting_an_index_changes_no_id_and_no_content(readable_index):
    load_rows(readable_index, "sis", *CHILDREN)
    before, content = crosswalk(readable_index), contents(readable_index)
    with reopen_database(readable_index) as other_process:
        assert contents(other_process) == content
        result = encrypt_index(readable_index, OPERATOR)
        assert (result.key, result.written) == (1, 3)
        # A process that was open before reads what is encrypted now, and encrypts what it writes.
        assert contents(other_process) == content
        upsert(other_process, OPERATOR, "ccwis", CHILDREN[2])
        upsert(other_process, OPERATOR, "sis", {**CHILDREN[1], "first_name": "Bob"})
    assert all(envelope.is_encrypted(payload) for payload in payloads(readable_index))
    assert before.items() <= crosswalk(readable_index).items()
    assert encrypt_index(readable_index, OPERATOR).written == 0
    assert verify(readable_index, OPERATOR) == []


def test_rotation_encrypts_data_keys_anew_and_leaves_payloads(index):
    load_rows(index, "sis", *CHILDREN)
    before, content, stored = crosswalk(index), contents(index), payloads(index)
    with reopen_database(index) as other_process:
        assert contents(other_process) == content
        result = rotate_payload_key(index, OPERATOR)
        assert (result.key, result.written, result.retired) == (2, 3, (1,))
        assert contents(other_process) == content
        upsert(other_process, OPERATOR, "ccwis", CHILDREN[2])
    assert key_numbers(index) == {2}
    assert payloads(index)[:3] == stored
    assert before.items() <= crosswalk(index).items()
    assert verify(index, OPERATOR) == []


def test_retired_key_is_needed_no_more(index):
    load_rows(index, "sis", *CHILDREN)
    content = contents(index)
    rotate_payload_key(index, OPERATOR)
    path = index.database.key_ring.source.path
    path.write_text(path.read_text().splitlines()[1])
    settings = Settings(
        home=index.home, model=None, secret_file=None,
        database_url=index.database.url if index.database.is_postgresql else None,
    )  # fmt: skip
    opened = open_index(settings)
    try:
        assert contents(opened) == content
    finally:
        opened.database.dispose()


def test_rotation_of_a_readable_index_is_refused(readable_index):
    with pytest.raises(InputError, match="run mpi keys encrypt first"):
        rotate_payload_key(readable_index, OPERATOR)


def test_other_key_of_that_number_is_refused_when_the_index_is_opened(index):
    path = index.database.key_ring.source.path
    path.write_text(f"1:{'cd' * 32}\n")
    settings = Settings(
        home=index.home, model=None, secret_file=None,
        database_url=index.database.url if index.database.is_postgresql else None,
    )  # fmt: skip
    with pytest.raises(StoreError, match="is not the one with which content"):
        open_index(settings)
    path.unlink()
    with pytest.raises(StoreError, match="cannot read the payload keys"):
        open_index(settings)


@pytest.mark.parametrize(
    "alteration",
    [
        "UPDATE record_version SET payload = (SELECT payload FROM record_version WHERE id = 2) WHERE id = 1",
        "UPDATE record SET data_key = (SELECT data_key FROM record WHERE id = 2) WHERE id = 1",
        "UPDATE record SET data_key = NULL WHERE id = 1",
        "UPDATE record_version SET payload = :readable WHERE id = 1",
        "UPDATE record_version SET payload = :empty WHERE id = 1",
    ],
)
def test_altered_or_moved_content_is_found_and_never_read(index, alteration):
    load_rows(index, "sis", *CHILDREN)
    values = {"readable": b'{"local_id":"c0"}', "empty": b"{}"}
    execute(index, alteration, **{name: value for name, value in values.items() if f":{name}" in alteration})
    assert verify(index, OPERATOR) == [Finding(6, "the content of version 1 of record 1 was altered")]
    if ":" not in alteration:
        with pytest.raises(StoreError, match="stored content was altered"):
            read(index, OPERATOR, "sis", "c0")


def test_expunge_destroys_the_data_key_of_the_record_alone(index):
    load_rows(index, "sis", *CHILDREN)
    expunge(index, "sis", CHILDREN[0])
    rows = execute(index, "SELECT id FROM record WHERE data_key IS NULL")
    assert [row[0] for row in rows] == [1]
    assert payloads(index)[0] == b"{}"
    assert verify(index, OPERATOR) == []
