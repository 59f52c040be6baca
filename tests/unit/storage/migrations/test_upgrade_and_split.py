"""An index of an earlier schema keeps its IDs through the upgrade and a split."""

from contextlib import ExitStack

import pytest
from alembic import command

from mpi.bootstrap import open_index
from mpi.composition.databases import upgrade_database
from mpi.config import Settings
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client
from mpi.service.maintenance.verify import verify
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.scopes.copy_check import check_copies
from mpi.service.scopes.split import undo_split
from mpi.service.scopes.transfer import transfer_changes
from mpi.storage import migrate
from mpi.storage.unit_of_work.database import Database
from tests.index import OPERATOR, crosswalk, load_rows, make_child, many_children, open_test_index
from tests.scopes import SplittableSite


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def build_old_index(home, database_url):
    """Build an index, and take its schema back to an earlier one; return its links and a client's key."""

    def build(revision):
        with open_test_index(
            home, "sis", "ccwis", database_url=database_url, of_earlier_release=True
        ) as index:
            load_rows(index, "sis", *many_children(20))
            upsert(index, OPERATOR, "ccwis", make_child("c1"))
            upsert(index, OPERATOR, "sis", make_child("s1"))
            upsert(index, OPERATOR, "sis", make_child("s2", birth_date="2011-01-05"))
            withdraw(index, OPERATOR, "sis", "s2")
            upsert(index, OPERATOR, "sis", make_child("s3", restrictions=[{"kind": "sealed"}]))
            key = add_client(index, OPERATOR, "school", ["record.read"], ["sis"])
            links = crosswalk(index)
        database = Database(database_url or f"sqlite:///{home / 'mpi.db'}")
        with database.engine.begin() as connection:
            config = migrate._alembic_config()
            config.attributes["connection"] = connection
            command.downgrade(config, revision)
        database.dispose()
        return links, key

    return build


@pytest.mark.parametrize("revision", ["0018", "0019"])
def test_no_id_changes_by_an_upgrade_or_a_split(home, database_url, build_old_index, revision):
    links, key = build_old_index(revision)
    settings = Settings(home=home, model=None, database_url=database_url, secret_file=None)
    upgrade_database(settings)
    with ExitStack() as stack:
        shared = open_index(settings)
        stack.callback(shared.database.dispose)
        assert crosswalk(shared) == links
        assert authenticate(shared, key, None).sources == {"sis"}
        site = SplittableSite(shared, settings, stack)
        scope = site.split("sis")
        assert crosswalk(shared) == links
        assert crosswalk(scope).keys() == {address for address in links if address[0] == "sis"}
        assert transfer_changes(scope, shared, OPERATOR, "education").records == 0
        assert check_copies(scope, shared, OPERATOR, "education").findings == []
        assert verify(scope, OPERATOR) == verify(shared, OPERATOR) == []
        undo_split(shared, scope, OPERATOR, "education")
        assert crosswalk(shared) == links
        assert authenticate(shared, key, None).sources == {"sis"}
