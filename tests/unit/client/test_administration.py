"""Files, sources and clients of the API, by both kinds of the Python client."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mpi.client import ConflictError, InvalidRequestError, NotAuthenticatedError, NotFoundError

HEADER = "local_id,first_name,last_name,birth_date\n"


@pytest.fixture
def file(tmp_path, kind):
    path = tmp_path / "children of Amara.csv"
    path.write_text(
        f"{HEADER.strip()},as_of\n{kind}-f1,Fila{kind},Fileson{kind},2010-04-05,\n{kind}-f2,No,Day,2010-01-01,once\n"
    )
    return path


def test_a_file_is_tried_and_loaded_and_its_rows_are_accounted_for(client, file, kind):
    tried = client.load_file("D01", file, dry_run=True)
    assert (tried.kind, tried.state, tried.result) == ("dry-run", "done", None)
    assert tried.report["counts"]["created"] == 1
    done = client.load_file("D01", file, as_of=datetime(2026, 5, 6, tzinfo=UTC))
    receipt = client.read_load(done.result)
    assert receipt.entry.counts["created"] == receipt.reject_count == 1
    [named] = client.list_rejects(done.result)
    assert (named.line, named.field, named.local_id) == (3, "as_of", f"{kind}-f2")
    assert f"{kind}-f2" not in repr(named)
    assert receipt.rejects == (replace(named, local_id=None),), "a receipt names no record"
    assert client.list_loads("D01")[0] == receipt.entry
    assert client.list_loads("D01", before=done.result) == () or done.result > 1
    assert client.read_job(done.id) == done
    assert client.read_record("D01", f"{kind}-f1").enterprise_id


def test_a_larger_file_is_waited_for(client, tmp_path, kind):
    path = tmp_path / "large.csv"
    rows = (f"{kind}-l{n},Given{n},Family{n},2009-03-04\n" for n in range(6_000))
    path.write_text(HEADER + "".join(rows))
    assert path.stat().st_size > 200_000
    job = client.load_file("CCWIS", path, dry_run=True, poll_s=0.05)
    assert (job.state, job.report["counts"]["received"]) == ("done", 6_000)


def test_a_mapping_and_conditions_are_sent(client, tmp_path, kind):
    mapping = tmp_path / "ours.toml"
    mapping.write_text('local_id = "id"\n[fields]\nlast_name = "family"\n')
    path = tmp_path / "x.txt"
    path.write_text(f"id,family\n{kind}-m1,Keepmap\n{kind}-m2,Dropmap\n")
    job = client.load_file("D01", path, mapping=mapping, file_format="csv", where=["family=Keepmap"])
    assert client.read_load(job.result).entry.counts["received"] == 1
    with pytest.raises(InvalidRequestError, match="mapping"):
        client.load_file("D01", path, mapping="/etc/passwd")


def test_what_cannot_be_loaded_is_told(client, file, tmp_path):
    with pytest.raises(NotFoundError):
        client.load_file("NOPE", file)
    with pytest.raises(InvalidRequestError, match="snapshot"):
        client.load_file("D01", file, snapshot="half")
    with pytest.raises(OSError, match="missing"):
        client.load_file("D01", tmp_path / "missing.csv")
    with pytest.raises(ValueError, match="time zone"):
        client.load_file("D01", file, as_of=datetime(2026, 5, 6))  # noqa: DTZ001 - what is refused
    with pytest.raises(NotFoundError):
        client.read_load(999_999)
    with pytest.raises(NotFoundError):
        client.read_job(999_999)


def test_a_source_is_added_and_listed(client, kind):
    added = client.add_source(f"S-{kind}", kind="sis", agency="D09", one_id_per_child=True)
    assert (added.agency, added.one_id_per_child, added.paused) == ("D09", True, False)
    assert added in client.list_sources()
    with pytest.raises(ConflictError):
        client.add_source(f"S-{kind}")


def test_a_source_is_renamed_retired_and_taken_back(client, kind):
    code = f"E-{kind}"
    client.add_source(code, kind="sis")
    renamed = client.rename_source(code, "Lake County Schools")
    assert (renamed.name, renamed.code, renamed.retired) == ("Lake County Schools", code, False)
    preview = client.retire_source(code, preview=True)
    assert (preview.retired, preview.preview, "loads" in preview.refused) == (False, True, True)
    assert not client.retire_source(code).preview
    [listed] = [each for each in client.list_sources() if each.code == code]
    assert listed == replace(renamed, retired=True)
    assert not client.retire_source(code, retired=False).retired
    with pytest.raises(NotFoundError):
        client.rename_source("NONE", "Lake County Schools")


def test_a_client_is_added_rotated_and_ended(client, open_one, client_url, kind):
    name = f"nightly-{kind}"
    added = client.add_client(name, ["load"], ["D01"])
    assert (added.client.scopes, added.client.sources) == (("load",), ("D01",))
    assert added.api_key not in repr(added)
    assert added.client in client.list_clients()
    rotated = client.rotate_client_key(name, overlap_days=1)
    for key in (added.api_key, rotated.api_key):
        assert open_one(client_url, key).list_loads("CCWIS") == ()
    assert client.end_client(name).revoked
    with pytest.raises(NotAuthenticatedError):
        open_one(client_url, rotated.api_key).list_loads()
