"""Every kind of tampering with the ledger is found, by the program and by the independent verifier."""

import runpy
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, text

from mpi.domain.ledger.line_hash import PersonalPart, PublicPart, commit_to, hash_line
from mpi.domain.ledger.merkle import compute_root, hash_tree, is_consistent
from mpi.domain.ledger.signed_root import parse_root
from mpi.service.audit.export import iterate_rows
from mpi.service.audit.proofs import prove_growth, prove_line
from mpi.service.audit.signing import RootsFile, sign_root
from mpi.service.audit.signing_key import SigningKey, load_signing_key
from mpi.service.audit.verification import RootEvidence, verify_ledger
from mpi.storage.backends.ledger_file import TRIGGERS
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.tables import (
    CounterRow,
    DisclosedRecordRow,
    DisclosureRow,
    LedgerNodeRow,
    LedgerRootRow,
    table_of,
)
from mpi.storage.unit_of_work.database import Lock
from tests.index import OPERATOR, open_test_index

INDEPENDENT = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "verify_ledger.py"))["main"]
FIRST, ALL = 300, 600
TABLES = [
    table_of(row) for row in (DisclosureRow, DisclosedRecordRow, LedgerNodeRow, LedgerRootRow, CounterRow)
]


class SignedLedger:
    """A ledger with two signed roots, which an attacker with all rights on the database changes."""

    def __init__(self, index, folder):
        self.index, self.folder = index, folder
        self.roots = RootsFile(folder / "roots.jsonl", load_signing_key(folder / "key.pem", is_new=True))
        (folder / "key.pub").write_text(self.roots.key.public.to_pem())
        self.engine = index.database.ledger.engine
        self._write_lines(1, FIRST)
        sign_root(index, OPERATOR, self.roots)
        self.backup = self.read_tables()
        self._write_lines(FIRST + 1, ALL)
        sign_root(index, OPERATOR, self.roots)
        self.whole, self.whole_file = self.read_tables(), self.roots.path.read_text()
        if not index.database.is_postgresql:
            self.run(*(f"DROP TRIGGER {name}" for name in TRIGGERS))

    def _write_lines(self, first, last):
        lines = [
            Disclosure(
                f"2026-01-01T00:00:00.{n:06}Z", f"client-{n % 7}", "transport", "person.read", (n,), ("x",)
            )
            for n in range(first, last + 1)
        ]
        with self.index.database.ledger.write(OPERATOR, "disclose", Lock.NONE) as unit:
            unit.disclosures.add_all(unit.counters.take("disclosure", len(lines)), lines)

    def run(self, *statements):
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def read_tables(self):
        with self.engine.connect() as connection:
            return [[dict(row._mapping) for row in connection.execute(table.select())] for table in TABLES]

    def write_tables(self, content):
        with self.engine.begin() as connection:
            for table, rows in zip(TABLES, content, strict=True):
                connection.execute(table.delete())
                if rows:
                    connection.execute(insert(table), rows)

    @contextmanager
    def restored_afterwards(self):
        yield
        self.write_tables(self.whole)
        self.roots.path.write_text(self.whole_file)

    def find(self):
        """Return the kinds of findings."""
        report = verify_ledger(
            self.index, OPERATOR, RootEvidence(self.roots.path, load_public(self.folder / "key.pub"))
        )
        return {finding.kind for finding in report.findings}

    def find_independently(self):
        """Return the exit code of the independent verifier, of each way to read the ledger."""
        export = self.folder / "export.ndjson"
        export.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in iterate_rows(self.index, OPERATOR)))
        ways = [export]
        if not self.index.database.is_postgresql:
            ways.append(self.index.database.ledger_path)
        return {INDEPENDENT(str(way), str(self.roots.path), str(self.folder / "key.pub")) for way in ways}


def load_public(path):
    from mpi.service.audit.signing_key import load_public_key

    return load_public_key(path)


def edit(ledger):
    ledger.run("UPDATE disclosure SET client = 'somebody-else' WHERE id = 17")


def edit_time(ledger):
    ledger.run("UPDATE disclosure SET at = '2025-01-01T00:00:00.000000Z' WHERE id = 17")


def delete_with_renumbering(ledger):
    ledger.run(
        "DELETE FROM disclosure WHERE id = 17",
        "DELETE FROM disclosed_record WHERE disclosure_id = 17",
        "UPDATE disclosure SET id = -id WHERE id > 17",
        "UPDATE disclosure SET id = -id - 1 WHERE id < 0",
        "UPDATE disclosed_record SET disclosure_id = disclosure_id - 1 WHERE disclosure_id > 17",
        "UPDATE counter SET next = next - 1 WHERE name = 'disclosure'",
    )


def truncate(ledger):
    ledger.run(
        "DELETE FROM disclosure WHERE id > 550",
        "DELETE FROM disclosed_record WHERE disclosure_id > 550",
        "UPDATE counter SET next = 551 WHERE name = 'disclosure'",
        "DELETE FROM ledger_root WHERE number = 2",
    )


def empty(ledger):
    ledger.write_tables([[] for _ in TABLES])


def reorder(ledger):
    ledger.run(
        "UPDATE disclosure SET id = -1 WHERE id = 5",
        "UPDATE disclosure SET id = 5 WHERE id = 6",
        "UPDATE disclosure SET id = 6 WHERE id = -1",
        "DELETE FROM disclosed_record WHERE disclosure_id IN (5, 6)",
        "INSERT INTO disclosed_record (record_id, disclosure_id) VALUES (5, 6), (6, 5)",
    )


def insert_line(ledger):
    ledger.run(
        "UPDATE disclosure SET id = -id WHERE id > 20",
        "UPDATE disclosure SET id = 1 - id WHERE id < 0",
        "UPDATE disclosed_record SET disclosure_id = disclosure_id + 1 WHERE disclosure_id > 20",
        "UPDATE counter SET next = next + 1 WHERE name = 'disclosure'",
    )
    with ledger.index.database.ledger.write(OPERATOR, "disclose", Lock.NONE) as unit:
        unit.disclosures.add(21, Disclosure("2026-01-01", "x", None, "person.read", (21,), ()))


def edit_line_hash_and_heads(ledger):
    """Change a line, its hash, and every stored head above it."""
    lines, _, nodes, _, _ = content = ledger.read_tables()
    line = next(line for line in lines if line["id"] == 17)
    line["client"] = "somebody-else"
    personal = PersonalPart(line["record_ids"], line["fields"], line["handle"])
    public = PublicPart(*(line[name] for name in ("at", "client", "purpose", "agreement", "action")))
    line["leaf"] = hash_line(public, commit_to(bytes(line["nonce"]), personal))
    leaves = [bytes(each["leaf"]) for each in sorted(lines, key=lambda each: each["id"])]
    for node in nodes:
        begin, end = (place << node["level"] for place in (node["position"], node["position"] + 1))
        node["head"] = hash_tree(leaves[begin:end])
    ledger.write_tables(content)


def replace_root_in_file(ledger):
    first, second = ledger.whole_file.splitlines()
    forged = replace(parse_root(first), root=hash_tree([]).hex())
    ledger.roots.path.write_text(f"{forged.to_line()}\n{second}\n")


def swap_for_backup(ledger):
    ledger.write_tables(ledger.backup)


def edit_personal_part(ledger):
    ledger.run(
        "UPDATE disclosure SET record_ids = '[18]' WHERE id = 17",
        "UPDATE disclosed_record SET record_id = 18 WHERE disclosure_id = 17",
    )


def hide_from_questions(ledger):
    ledger.run("DELETE FROM disclosed_record WHERE disclosure_id = 17")


def erase_unstated(ledger):
    """Do to a line what an expunge does to it, without the line that states it."""
    lines, named, *rest = ledger.read_tables()
    line = next(line for line in lines if line["id"] == 17)
    personal = PersonalPart(line["record_ids"], line["fields"], line["handle"])
    line |= {
        "commitment": commit_to(bytes(line["nonce"]), personal),
        "nonce": b"",
        "record_ids": "[]",
        "fields": "[]",
    }
    ledger.write_tables([lines, [row for row in named if row["disclosure_id"] != 17], *rest])


def sign_another_history(ledger):
    """Write other lines, and sign them with a key of one's own."""
    edit_line_hash_and_heads(ledger)
    ledger.run("DELETE FROM ledger_root")
    ledger.roots.path.unlink()
    sign_root(ledger.index, OPERATOR, RootsFile(ledger.roots.path, SigningKey(Ed25519PrivateKey.generate())))


TAMPERINGS = {
    edit: "line",
    edit_time: "line",
    delete_with_renumbering: "root-mismatch",
    truncate: "truncated",
    empty: "truncated",
    reorder: "root-mismatch",
    insert_line: "root-mismatch",
    edit_line_hash_and_heads: "root-mismatch",
    replace_root_in_file: "root-forged",
    swap_for_backup: "truncated",
    edit_personal_part: "line",
    hide_from_questions: "index-by-record",
    erase_unstated: "redaction",
    sign_another_history: "root-forged",
}


@pytest.fixture
def ledger(tmp_path, database_url, set_clock):
    from datetime import UTC, datetime

    set_clock(lambda: datetime(2026, 1, 1, 1, tzinfo=UTC))
    with open_test_index(tmp_path, "sis", database_url=database_url) as index:
        yield SignedLedger(index, tmp_path)


def test_every_kind_of_tampering_is_found_by_both_verifiers(ledger, capsys):
    assert ledger.find() == set()
    assert ledger.find_independently() == {0}
    for tamper, kind in TAMPERINGS.items():
        with ledger.restored_afterwards():
            tamper(ledger)
            assert kind in ledger.find(), tamper.__name__
            assert ledger.find_independently() == {1}, tamper.__name__
    assert ledger.find() == set()
    check_proofs(ledger)


def check_proofs(ledger):
    """The proofs of a line and of growth lead to the signed roots."""
    roots = [parse_root(line) for line in ledger.whole_file.splitlines()]
    for number in (1, 17, 256, 257, FIRST):
        for root in roots:
            proof = prove_line(ledger.index, OPERATOR, number, root.size)
            path = [bytes.fromhex(head) for head in proof.path]
            assert compute_root(proof.line.leaf, number - 1, root.size, path).hex() == root.root
    growth = prove_growth(ledger.index, OPERATOR, FIRST, ALL)
    heads = [(root.size, bytes.fromhex(root.root)) for root in roots]
    assert is_consistent(*heads, [bytes.fromhex(head) for head in growth.path])
