#!/usr/bin/env python3
"""Verify a disclosure ledger without the program that wrote it.

verify_ledger.py LEDGER ROOTS PUBLIC_KEY, where LEDGER is the ledger's SQLite file or the output of
``mpi audit export``. Needs Python and ``cryptography``. The format is described in docs/reference/ledger.md.
"""

import argparse
import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

PUBLIC = ("at", "client", "purpose", "agreement", "action")


def dump(value: object, *, is_sorted: bool = False) -> bytes:
    """Return canonical JSON."""
    return json.dumps(value, separators=(",", ":"), sort_keys=is_sorted, ensure_ascii=is_sorted).encode()


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the lines in order, and the index by record."""
    with path.open("rb") as file:
        if file.read(6) != b"SQLite":
            return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        tables = ("disclosure ORDER BY id", "disclosed_record")
        rows = [dict(row) for table in tables for row in database.execute(f"SELECT * FROM {table}")]  # noqa: S608 - two names of ours
    return [{k: v.hex() if isinstance(v, bytes) else v for k, v in row.items()} for row in rows]


def verify_lines(rows: list[dict[str, Any]], heads: dict[int, str | None]) -> Iterator[str]:
    """Yield what is wrong with the lines; fill in the heads."""
    stack: list[tuple[int, bytes]] = []
    named, stated, redacted = set(), {}, {}
    for size, row in enumerate((row for row in rows if "id" in row), 1):
        personal = [row["record_ids"], row["fields"], row["handle"]]
        commitment = sha256(bytes.fromhex(row["nonce"] or "") + dump(personal)).hexdigest()
        if row["commitment"]:
            redacted[size] = None if personal == ["[]", "[]", None] else commitment
        leaf = ["mpi-ledger-1", *(row[name] for name in PUBLIC), row["commitment"] or commitment]
        head, level = sha256(b"\0" + dump(leaf)).digest(), 0
        if row["id"] != size or head.hex() != row["leaf"]:
            yield f"line {row['id']}, number {size} in order, is not what its number and hash state"
        if row["action"] == "ledger.redact":
            line, *kept = json.loads(row["fields"])
            stated[int(line[len("line:") :])] = kept[0][len("commitment:") :] if kept else None
        records = json.loads(row["record_ids"]) + [0] * (row["handle"] is not None)
        named |= {(record, size) for record in records}
        while stack and stack[-1][0] == level:
            head, level = sha256(b"\1" + stack.pop()[1] + head).digest(), level + 1
        stack.append((level, head))
        if size in heads:
            for _, left in reversed(stack[:-1]):
                head = sha256(b"\1" + left + head).digest()
            heads[size] = head.hex()
    if redacted != stated:
        yield "lines lost records in a way that no other line states"
    if named != {(row["record_id"], row["disclosure_id"]) for row in rows if "id" not in row}:
        yield "the index by record does not name the records of the lines"


def verify_roots(roots: list[dict[str, Any]], key: Any, heads: dict[int, str | None]) -> Iterator[str]:  # noqa: ANN401 - Ed25519
    """Yield what is wrong with the signed roots."""
    previous, explained = "", max((root["number"] for root in roots if root["note"]), default=0)
    for number, root in enumerate(roots, 1):
        content = {name: value for name, value in root.items() if name != "signature"}
        try:
            key.verify(bytes.fromhex(root["signature"]), dump(content, is_sorted=True))
        except (InvalidSignature, ValueError):
            yield f"root {number} is not signed by this key"
        if (root["number"], root["previous"]) != (number, previous):
            yield f"root {number} does not follow the one before it"
        if heads[root["size"]] != root["root"] and number >= explained:
            yield f"root {number} states {root['size']} lines that the ledger does not hold"
        previous = sha256(dump(root, is_sorted=True)).hexdigest()


def main(ledger: str, roots_file: str, key_file: str) -> int:
    """Print what is wrong; return 1 if anything is."""
    roots = [json.loads(line) for line in Path(roots_file).read_text("utf-8").splitlines()]
    heads: dict[int, str | None] = {root["size"]: None for root in roots}
    if 0 in heads:
        heads[0] = sha256(b"").hexdigest()
    found = list(verify_lines(read_rows(Path(ledger)), heads))
    found += verify_roots(roots, load_pem_public_key(Path(key_file).read_bytes()), heads)
    print("\n".join(found) or f"the ledger is whole: {len(roots)} signed roots")
    return bool(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("ledger", "roots", "public_key"):
        parser.add_argument(name)
    sys.exit(main(*vars(parser.parse_args()).values()))
