"""An expunged record leaves the ledger, and every proof still verifies."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from mpi.domain.ledger.merkle import compute_root
from mpi.service.access.ledger import LedgerFilter, read_ledger
from mpi.service.audit.proofs import prove_line
from mpi.service.audit.signing import RootsFile, sign_root
from mpi.service.audit.signing_key import load_signing_key
from mpi.service.audit.verification import RootEvidence, verify_ledger
from mpi.service.core.disclosure import disclose
from mpi.service.persons.persons import look_up_crosswalk
from mpi.service.statements.ledger_redaction import redact_destroyed_records
from tests.index import OPERATOR, expunge, load_rows, make_child, many_children, open_test_index


@pytest.fixture
def index(tmp_path, database_url):
    with open_test_index(tmp_path, "sis", database_url=database_url) as opened:
        load_rows(opened, "sis", *many_children(3))
        yield opened


@pytest.fixture
def roots(tmp_path):
    return RootsFile(tmp_path / "roots.jsonl", load_signing_key(tmp_path / "key.pem", is_new=True))


def find_number(index, local_id):
    with index.database.read(OPERATOR) as unit:
        return next(
            record.id for record in unit.records.get([1, 2, 3]).values() if record.local_id == local_id
        )


def read_rows(index):
    with index.database.ledger.engine.connect() as connection:
        return connection.execute(text("SELECT * FROM disclosure ORDER BY id")).all()


def names_of(index, number):
    with index.database.ledger.engine.connect() as connection:
        query = text("SELECT disclosure_id FROM disclosed_record WHERE record_id = :number")
        return connection.execute(query, {"number": number}).all()


def test_an_expunged_record_leaves_the_ledger_and_every_proof_verifies(index, roots):
    gone, kept = find_number(index, "c1"), find_number(index, "c2")
    look_up_crosswalk(index, OPERATOR, "sis", "c1")
    disclose(index, OPERATOR, "person.read", [gone, kept], ["reason:canary of both"])
    disclose(index, OPERATOR, "person.read", [gone], ["reason:canary of one"])
    before = sign_root(index, OPERATOR, roots)

    expunge(index, "sis", make_child("c1"))

    assert names_of(index, gone) == []
    rows = read_rows(index)
    assert [row.record_ids for row in rows[:3]] == ["[]", f"[{kept}]", "[]"]
    assert "canary of one" not in "".join(row.fields for row in rows)
    assert rows[0].nonce in {b"", memoryview(b"")}
    after = sign_root(index, OPERATOR, roots)
    report = verify_ledger(index, OPERATOR, RootEvidence(roots.path, roots.key.public))
    assert report.findings == ()
    assert report.redacted_lines >= 3
    for number in (1, 2, 3):
        for root in (before, after):
            proof = prove_line(index, OPERATOR, number, root.size)
            path = [bytes.fromhex(head) for head in proof.path]
            assert compute_root(proof.line.leaf, number - 1, root.size, path).hex() == root.root
    shown = read_ledger(index, OPERATOR, LedgerFilter()).lines
    assert {line.action for line in shown} & {"ledger.redact"} == set()
    assert all(line.enterprise_ids or line.is_about_all for line in shown if line.action == "person.read")


def test_a_record_destroyed_twice_in_one_line_keeps_the_rest_provable(index, roots):
    numbers = [find_number(index, name) for name in ("c0", "c1", "c2")]
    disclose(index, OPERATOR, "person.read", numbers, ["first_name"])
    sign_root(index, OPERATOR, roots)
    for name in ("c0", "c1"):
        expunge(index, "sis", make_child(name))
    assert read_rows(index)[0].record_ids == f"[{numbers[2]}]"
    assert verify_ledger(index, OPERATOR, RootEvidence(roots.path, roots.key.public)).findings == ()
    assert redact_destroyed_records(index, OPERATOR) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE disclosure SET client = 'x'",
        "UPDATE disclosure SET record_ids = '[]'",
        "DELETE FROM disclosure",
        "DELETE FROM disclosed_record",
        "UPDATE disclosed_record SET record_id = 9",
        "DELETE FROM ledger_root",
        "UPDATE ledger_root SET size = 0",
    ],
)
def test_on_sqlite_triggers_refuse_to_change_the_ledger(tmp_path, statement):
    with open_test_index(tmp_path, "sis") as index:
        load_rows(index, "sis", *many_children(1))
        look_up_crosswalk(index, OPERATOR, "sis", "c0")
        roots = RootsFile(tmp_path / "roots.jsonl", load_signing_key(tmp_path / "key.pem", is_new=True))
        sign_root(index, OPERATOR, roots)
        with (
            pytest.raises(DBAPIError, match="only appended"),
            index.database.ledger.engine.begin() as connection,
        ):
            connection.execute(text(statement))
