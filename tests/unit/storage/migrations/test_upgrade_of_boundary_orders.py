"""Schema 0022: the orders file gives an index its orders again after a downgrade."""

from alembic import command

from mpi.bootstrap import open_index
from mpi.composition.databases import upgrade_database
from mpi.config import Settings
from mpi.service.maintenance.verify import verify
from mpi.service.records.upsert import upsert
from mpi.service.stewardship.unseal_requests import approve_unseals, request_unseals
from mpi.storage import migrate
from mpi.storage.unit_of_work.database import Database
from tests.index import OPERATOR, SECOND_PERSON, crosswalk, make_child, many_children, open_test_index

SEALED = {"restrictions": [{"kind": "sealed", "reference": "26-AD-7"}]}


def test_an_index_with_orders_opens_after_a_downgrade_and_an_upgrade(tmp_path, database_url):
    home = tmp_path / "home"
    first, second = many_children(2)
    with open_test_index(home, "sis", database_url=database_url, of_earlier_release=True) as index:
        for child in (first, second):
            upsert(index, OPERATOR, "sis", child)
            upsert(index, OPERATOR, "sis", {**child, **SEALED})
        request_unseals(index, OPERATOR, "sis", [first["local_id"]], "26-JV-1")
        approve_unseals(index, SECOND_PERSON, "sis", [first["local_id"]])
    database = Database(database_url or f"sqlite:///{home / 'mpi.db'}")
    with database.engine.begin() as connection:
        config = migrate._alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0021")
    database.dispose()

    settings = Settings(home=home, model=None, database_url=database_url, secret_file=None)
    upgrade_database(settings)
    upgraded = open_index(settings)

    assert crosswalk(upgraded).keys() == {("sis", first["local_id"])}
    upsert(upgraded, OPERATOR, "sis", make_child("s3", **SEALED))
    request_unseals(upgraded, OPERATOR, "sis", [second["local_id"]], "26-JV-2")
    with upgraded.database.read(OPERATOR) as unit:
        assert [order.no for order in unit.boundary_orders.orders_after(0)] == [1, 2, 3, 4]
    assert verify(upgraded, OPERATOR) == []
    upgraded.database.dispose()
