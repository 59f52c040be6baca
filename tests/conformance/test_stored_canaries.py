"""Planted values are in no file and no column but those that the documentation lists as readable."""

import base64
import random
import re
import string
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import text

import mpi
from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.keyed_hash import TokenExchange
from mpi.domain.record_ref import RecordRef
from mpi.service.maintenance.payload_encryption import encrypt_index, rotate_payload_key
from mpi.service.records.upsert import upsert
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.service.stewardship.rekey import rekey
from mpi.storage.repositories.access.research_projects import StoredProject
from mpi.storage.repositories.access.rights_cases import StoredText
from mpi.storage.repositories.notices.webhooks import StoredWebhook
from mpi.storage.repositories.review.owner_questions import StoredOwnerQuestion
from mpi.storage.repositories.review.task_work import QuestionAction
from mpi.storage.repositories.rosters.child_items import StoredItem
from mpi.storage.repositories.sign_in.second_factors import SecondFactor
from mpi.storage.repositories.steps.idempotent_answers import StoredAnswer
from tests.accounts import add_person, cheap_password_hashing
from tests.index import OPERATOR, expunge, load_rows, make_child

PAGE = (Path(mpi.__file__).parent.parent / "docs" / "reference" / "encryption.md").read_text()


@dataclass(frozen=True)
class Canaries:
    """Values of one test, which no other test plants on the same server.

    Args:
        encrypted: values that only encrypted columns hold.
        readable: values that readable columns hold too.
    """

    encrypted: dict[str, str]
    readable: dict[str, str]


@pytest.fixture
def canaries():
    mark = "".join(random.choices(string.ascii_uppercase, k=12))
    encrypted = (
        "school",
        "district",
        "number",
        "relationship",
        "note",
        "action note",
        "owner note",
        "wanted text",
        "answer",
        "second factor",
        "rejected value",
        "salt",
        "webhook secret",
        "former webhook secret",
        "decision maker",
    )
    readable = ("name", "local ID", "former local ID", "subject")
    letters = iter(string.ascii_uppercase)
    token = base64.b64encode(f"{mark:.<32}".encode()).decode()
    return Canaries(
        {name: f"QW{mark}{next(letters)}" for name in encrypted} | {"linkage token": token},
        {name: f"QW{mark}{next(letters)}" for name in readable},
    )


def columns_under(heading):
    """Return the columns that a table of the page lists."""
    section = PAGE.partition(f"### {heading}\n")[2].partition("\n### ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return set(re.findall(r"`([a-z_]+\.[a-z_*]+)`", " ".join(cells)))


def plant(index, canaries):
    """Plant every value, through the ways in by which values of people come."""
    encrypted, readable = canaries.encrypted, canaries.readable
    child = make_child(
        readable["former local ID"],
        first_name=readable["name"],
        subject=readable["subject"],
        identifiers=[{"system": "state", "assigner": "s", "value": encrypted["number"]}],
        enrollments=[{"school_id": encrypted["school"], "district_id": encrypted["district"]}],
        guardians=[{"guardian_first_name": "Bo", "guardian_relationship": encrypted["relationship"]}],
    )
    upsert(index, OPERATOR, "sis", child)
    rekey(
        index,
        OPERATOR,
        "sis",
        {readable["former local ID"]: readable["local ID"]},
    )
    child["local_id"] = readable["local ID"]
    upsert(index, OPERATOR, "sis", {**child, "postal_code": "43002"})
    upsert(index, OPERATOR, "ccwis", make_child("other"))
    exchange = TokenExchange("schools", b"a secret of 16 bytes or more")
    with_exchange = replace(index, keyed_hash=replace(index.keyed_hash, exchanges=(exchange,)))
    tokens = [{"rule": "T3", "token": encrypted["linkage token"]}]
    upsert(with_exchange, OPERATOR, "ccwis", {"local_id": "by tokens", "linkage_tokens": tokens})
    receipt = load_rows(index, "sis", make_child("rejected", as_of=encrypted["rejected value"]))
    assert receipt.counts["rejected"] == 1
    decide(
        index,
        OPERATOR,
        DecisionRequest(
            DecisionKind.DIFFERENT,
            ((RecordRef("sis", readable["local ID"]),), (RecordRef("ccwis", "other"),)),
            "records-disagree",
            note=encrypted["note"],
        ),
    )
    now = clock.format_timestamp(clock.now())
    with cheap_password_hashing():
        name = add_person(index, "with-a-phone")
    with index.database.write(OPERATOR, "test") as unit:
        account = unit.accounts.find_by_name(name)
        unit.second_factors.add(SecondFactor(account.id, encrypted["second factor"], 0, (), now))
        number = unit.counters.take("task_action")
        unit.task_work.add_action(
            QuestionAction(
                number, "q", now, "steward", "note", {"records": [1]}, None, encrypted["action note"]
            )
        )
        unit.owner_questions.add(
            StoredOwnerQuestion(1, "q", 1, 1, "same", "steward", now, now[:10], note=encrypted["owner note"])
        )
        unit.rights_cases.add_text(StoredText("case", "wanted", 1, encrypted["wanted text"], unit.commit_no))
        unit.research_projects.add(
            StoredProject("study", "Study", encrypted["salt"], "D. Director", unit.commit_no)
        )
        record = unit.records.find_by_local_ids(unit.sources.get_by_code("sis").id, {readable["local ID"]})[
            readable["local ID"]
        ]
        value = {"education_decision_maker": encrypted["decision maker"]}
        item = StoredItem(record.id, "education_decision_maker", now[:10], value)
        unit.child_items.replace(unit.commit_no, [], [item])
        secrets = (encrypted["webhook secret"], encrypted["former webhook secret"])
        unit.webhooks.add(
            StoredWebhook(
                "hook",
                "client",
                "https://a.example",
                None,
                "paused",
                now,
                1,
                secrets[0],
                "g",
                0,
                1,
                secrets[1],
            )
        )
        unit.idempotent_answers.save(
            "client", "key", now, StoredAnswer("digest", (1,), f'{{"a":"{encrypted["answer"]}"}}'.encode())
        )
    return child


def columns_with(index, values):
    """Return the columns in which a value is found."""
    found = set()
    with index.database.engine.connect() as connection:
        for table in tables_of(connection):
            rows = connection.execute(text(f'SELECT * FROM "{table}"')).mappings()
            for row in rows:
                for column, cell in row.items():
                    content = cell if isinstance(cell, bytes | memoryview) else str(cell).encode()
                    if any(value.encode() in bytes(content) for value in values):
                        found.add(f"{table}.{column}")
    return found


def tables_of(connection):
    if connection.dialect.name == "postgresql":
        query = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    else:
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return [row[0] for row in connection.execute(text(query))]


def files_with(index, server_folder, values):
    """Return the values that a file of the index or of its database server holds."""
    index.database.truncate_log()
    folders = [index.home] if server_folder is None else [index.home, server_folder / "data"]
    if server_folder is not None:
        with index.database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("CHECKPOINT"))
    found = set()
    for folder in folders:
        for path in folder.rglob("*"):
            try:
                content = path.read_bytes() if path.is_file() else b""
            except FileNotFoundError:  # the server removes files of its own
                continue
            found |= {value for value in values if value.encode() in content}
    return found


@pytest.fixture
def server_folder(request, database_url):
    """The folder of the database server; None on SQLite."""
    return None if database_url is None else request.getfixturevalue("postgres").folder


def test_planted_values_are_only_where_the_page_says_so(index, server_folder, canaries):
    plant(index, canaries)
    assert files_with(index, server_folder, canaries.encrypted.values()) == set()
    readable = columns_with(index, canaries.readable.values())
    assert {"feature.payload", "record.local_id", "record.subject", "record_alias.local_id"} <= readable
    assert readable <= columns_under("Readable columns")


def test_every_listed_column_exists(index):
    with index.database.engine.connect() as connection:
        existing = {
            f"{table}.{column}"
            for table in tables_of(connection)
            for column in list(connection.execute(text(f'SELECT * FROM "{table}" LIMIT 0')).keys())
        }
    tables = {column.partition(".")[0] for column in existing}
    listed = columns_under("Encrypted columns") | columns_under("Tokens") | columns_under("Readable columns")
    assert {column for column in listed if not column.endswith(".*")} <= existing
    assert {column.partition(".")[0] for column in listed} <= tables


def test_values_of_an_index_that_was_readable_are_gone_once_it_is_encrypted(index, canaries):
    with index.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM payload_key"))
    plant(index, canaries)
    holders = columns_with(index, canaries.encrypted.values())
    assert holders == columns_under("Encrypted columns") - {"record.data_key"}, "each is a way in"
    encrypt_index(index, OPERATOR)
    assert columns_with(index, canaries.encrypted.values()) == set()
    if not index.database.is_postgresql:
        assert files_with(index, None, canaries.encrypted.values()) == set()


def test_nothing_of_an_expunged_record_is_left(index, server_folder, canaries):
    child = plant(index, canaries)
    expunge(index, "sis", child)
    rotate_payload_key(index, OPERATOR)
    assert files_with(index, server_folder, canaries.encrypted.values()) == set()
    assert columns_with(index, [*canaries.encrypted.values(), *canaries.readable.values()]) == set()
    if server_folder is None:
        assert files_with(index, None, canaries.readable.values()) == set()


def test_heap_keeps_nothing_readable_of_an_expunged_record_after_a_full_vacuum(
    index, server_folder, canaries
):
    if server_folder is None:
        pytest.skip("SQLite overwrites what it frees")
    expunge(index, "sis", plant(index, canaries))
    with index.database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        for statement in ("VACUUM FULL", "CHECKPOINT"):
            connection.execute(text(statement))
    values = [*canaries.encrypted.values(), *canaries.readable.values()]
    heap = {
        value
        for path in (server_folder / "data" / "base").rglob("*")
        for value in values
        if path.is_file() and value.encode() in path.read_bytes()
    }
    assert heap == set()
