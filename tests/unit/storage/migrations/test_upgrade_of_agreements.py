"""Schema 0020: every client and account of an older index acts under one agreement."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from alembic import command
from sqlalchemy import inspect, text

from mpi.domain.viewer import make_operator
from mpi.policy.agreement import AgreementState
from mpi.service.agreements.documents import from_content
from mpi.service.agreements.house import HOUSE_TITLE, build_house_agreement
from mpi.service.agreements.terms import find_terms
from mpi.storage import migrate
from mpi.storage.repositories.access.refusals import Refusal
from mpi.storage.unit_of_work.database import Database, Lock

INDEX = "INSERT INTO index_info VALUES (1, 'g', '2026-01-01T00:00:00.000000Z', :is_test, 'check', 'shared')"
COMMIT = (
    "INSERT INTO commit_log (no, at, actor, client, kind) "
    "VALUES (7, '2026-01-01T00:00:00.000000Z', 'operator', 'operator', 'init')"
)
CLIENT = (
    "INSERT INTO client (id, name, key_hash, actions, created_commit, revoked_commit) "
    "VALUES (:id, :name, :name, '[\"record.read\"]', 7, :revoked)"
)
ACCOUNT = (
    "INSERT INTO account (id, name, full_name, role, password_hash, password_set_at, must_change, failed, "
    "created_commit) VALUES (1, 'ana', 'Ana Ruiz', 'steward', 'h', '2026-01-01', :no, 0, 7)"
)


@pytest.fixture
def older_index(tmp_path, database_url):
    """A database of schema 0019 with two clients and an account."""
    database = Database(database_url or f"sqlite:///{tmp_path / 'old.db'}")
    migrate.upgrade(database)
    config = migrate._alembic_config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0019")
        connection.execute(text(INDEX), {"is_test": False})
        connection.execute(text(COMMIT))
        connection.execute(text("INSERT INTO counter (name, next) VALUES ('commit', 8)"))
        connection.execute(text(CLIENT), {"id": 1, "name": "district", "revoked": None})
        connection.execute(text(CLIENT), {"id": 2, "name": "gone", "revoked": 7})
        connection.execute(text(ACCOUNT), {"no": False})
    if database.ledger is not database:
        with database.ledger.engine.begin() as connection:
            connection.execute(text("DROP TABLE refusal"))
    yield database
    with database.engine.begin() as connection:
        for table in ("client", "account", "index_info", "commit_log", "counter", "agreement_version",
                      "agreement_step"):  # fmt: skip
            connection.execute(text(f"DELETE FROM {table}"))
    database.dispose()


def test_every_client_and_account_is_bound_to_the_first_agreement(older_index):
    assert migrate.upgrade(older_index) is migrate.SchemaState.BEHIND
    assert migrate.schema_drift(older_index) == []
    with older_index.read(make_operator()) as unit:
        clients = {client.name: client.agreement for client, _, _ in unit.clients.all_with_commits()}
        assert clients == {"district": "house", "gone": "house"}
        assert [account.agreement for account in unit.accounts.all()] == ["house"]
        history = unit.agreements.find("house")
        assert unit.commit_info({8})[8][1:] == ("index", "agreement-add")
    assert [version.created_commit for version in history.versions] == [8]
    with older_index.write(make_operator(), "next") as unit:
        assert unit.commit_no == 9


def test_the_first_agreement_has_the_terms_of_a_new_index(older_index):
    migrate.upgrade(older_index)
    with older_index.read(make_operator()) as unit:
        (version,) = unit.agreements.find("house").versions
    upgraded = from_content("house", 1, version.content)
    assert upgraded.title == "Arrangements from before the register of agreements"
    assert replace(upgraded, title=HOUSE_TITLE, version=1) == build_house_agreement()


def test_an_upgrade_of_an_empty_database_adds_no_agreement(tmp_path, database_url):
    database = Database(database_url or f"sqlite:///{tmp_path / 'new.db'}")
    migrate.upgrade(database)
    with database.read(make_operator()) as unit:
        assert unit.agreements.all() == []
    database.dispose()


def test_a_downgrade_leaves_nothing_behind_and_can_be_upgraded_again(older_index):
    migrate.upgrade(older_index)
    config = migrate._alembic_config()
    with older_index.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0019")
        tables = set(inspect(connection).get_table_names())
        columns = {column["name"] for column in inspect(connection).get_columns("client")}
    assert not tables & {"agreement_version", "agreement_step", "purpose"}
    assert "agreement" not in columns
    migrate.upgrade(older_index)
    with older_index.read(make_operator()) as unit:
        assert [history.code for history in unit.agreements.all()] == ["house"]


def test_refusals_can_be_recorded_after_the_upgrade(older_index):
    migrate.upgrade(older_index)
    refusal = Refusal("2026-11-29T07:25", "district", "person.read", None, "house", "no-purpose")
    with older_index.ledger.write(make_operator(), "refuse", Lock.NONE) as unit:
        unit.refusals.add(refusal)
    with older_index.ledger.read(make_operator()) as unit:
        assert unit.refusals.since("2026-11-29") == [refusal]


def test_the_first_agreement_is_active_on_the_day_of_the_upgrade(older_index):
    migrate.upgrade(older_index)
    today = datetime.now(UTC).date()
    with older_index.read(make_operator()) as unit:
        terms = find_terms(unit, "house", today)
    assert terms.state(today) is AgreementState.ACTIVE
