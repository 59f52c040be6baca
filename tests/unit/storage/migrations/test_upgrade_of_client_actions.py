"""Schema 0004: clients that could approve keep the right, also after a downgrade."""

import json

from alembic import command
from sqlalchemy import text

from mpi.storage import migrate
from mpi.storage.unit_of_work.database import Database

INSERT = "INSERT INTO client (id, name, key_hash, actions, created_commit) VALUES (:i, :n, :n, :a, 1)"
ACTIONS_BEFORE = {
    "steward": ["decide", "decision.read", "task.read"],
    "feed": ["record.read", "record.write"],
    "nothing": [],
}


def test_clients_that_decide_keep_the_right_to_approve(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    config = migrate._alembic_config()

    def actions_by_client(connection) -> dict[str, list[str]]:
        return {
            name: json.loads(actions)
            for name, actions in connection.execute(text("SELECT name, actions FROM client"))
        }

    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        for number, (name, actions) in enumerate(ACTIONS_BEFORE.items(), 1):
            connection.execute(text(INSERT), {"i": number, "n": name, "a": json.dumps(actions)})
        command.upgrade(config, "0004")
        assert actions_by_client(connection) == {
            **ACTIONS_BEFORE,
            "steward": ["approve", "decide", "decision.read", "task.read"],
        }
        command.downgrade(config, "0003")
        assert actions_by_client(connection) == ACTIONS_BEFORE
    database.dispose()
