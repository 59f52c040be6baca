"""A sync that is killed and repeated opens one incident in the shared index, on each store."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer
from mpi.service.audit.incidents import list_incidents
from mpi.service.core.index import open_store
from mpi.service.persons.persons import look_up_crosswalk, look_up_person
from mpi.service.records.upsert import upsert
from mpi.service.scopes.transfer import transfer_changes
from mpi.service.stewardship.merge_split_move import StepOptions, split
from mpi.service.stewardship.undo import undo_step
from mpi.storage.unit_of_work.database import Database
from tests.index import OPERATOR, make_child, partition_of
from tests.scopes import open_scoped_indexes

STEWARD = replace(OPERATOR, client="steward")
OFFICER = replace(OPERATOR, client="officer")
REGISTRY = Viewer("registry", "data_quality", frozenset({Action.PERSON_READ, Action.CROSSWALK_READ}), None)


@contextmanager
def interrupted(index):
    """Open an index once more, whose process is killed as it commits an incident."""

    class InterruptedDatabase(Database):
        @contextmanager
        def write(self, *arguments, **options):
            with super().write(*arguments, **options) as unit:
                yield unit
                if unit.incidents.all():
                    raise KeyboardInterrupt

    database = InterruptedDatabase(index.database.url, key_ring=index.database.key_ring)
    try:
        yield replace(index, store=open_store(database, index.tuning))
    finally:
        database.dispose()


def test_a_killed_and_a_repeated_sync_open_one_incident(tmp_path, database_url):
    with open_scoped_indexes(tmp_path, {"education": ("sis",)}, database_url=database_url) as indexes:
        education, shared = indexes.scopes["education"], indexes.shared
        for local_id in ("1", "2"):
            upsert(education, OPERATOR, "sis", make_child(local_id))
        indexes.sync()
        look_up_person(shared, REGISTRY, look_up_crosswalk(shared, REGISTRY, "sis", "1").enterprise_id)
        parts = [[RecordRef("sis", "1")], [RecordRef("sis", "2")]]
        eid = look_up_crosswalk(education, STEWARD, "sis", "1").enterprise_id
        step = split(education, STEWARD, eid, parts, StepOptions("test")).step

        with interrupted(shared) as killed, pytest.raises(KeyboardInterrupt):
            transfer_changes(education, killed, OPERATOR, "education")
        assert (len(partition_of(shared)), list_incidents(shared, OFFICER)) == (1, [])
        for _ in range(2):
            indexes.sync()
        [incident] = list_incidents(shared, OFFICER)
        assert (incident.state, incident.scope) == ("open", "education")
        assert "registry" in {recipient.client for recipient in incident.recipients}

        undo_step(education, STEWARD, step)
        for _ in range(2):
            indexes.sync()
        [incident] = list_incidents(shared, OFFICER, with_closed=True)
        assert incident.state == "reversed"
