"""A program that follows the change feed with the client has the crosswalk of the index."""

import itertools

import pytest

from mpi.api.app import create_app
from mpi.client import CursorFile, FeedRestoredError, RecordRef, apply_events
from mpi.service.maintenance.feed_generation import begin_generation_after_restore
from tests.clients import KINDS, open_client
from tests.index import OPERATOR, crosswalk, many_children, open_test_index
from tests.unit.api.live import add_key, serving


def change_records(client):
    """Make records of which some are linked, some move, some are withdrawn, merged and taken apart again."""
    children = many_children(6)
    list(client.upsert_many("D01", children, lines_per_call=4))
    for child in children[:4]:
        client.upsert("CCWIS", child)
    yield
    client.upsert("CCWIS", children[5] | {"local_id": "c0"})
    client.withdraw("D01", "c1")
    client.withdraw("D01", "c2")
    client.upsert("D01", children[2])
    eids = [client.find_enterprise_id("D01", name) for name in ("c3", "c4")]
    merged = client.request("POST", "/v1/persons:merge", body={"eids": eids, "reason": "documents"}).body
    yield
    client.request("POST", f"/v1/steps/{merged['step']}:undo", body={"reason": "mistake"})
    list(client.upsert_many("CCWIS", many_children(3, start=6)))
    yield


def expected(index):
    return {RecordRef(*label): eid for label, eid in crosswalk(index).items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_follower_that_is_interrupted_ends_with_the_crosswalk_of_the_export(tmp_path, database_url, kind):
    cursors, copy = CursorFile(tmp_path / "cursor.json"), {}
    with (
        open_test_index(tmp_path / "index", "D01", "CCWIS", database_url=database_url) as index,
        serving(create_app(index)) as url,
    ):
        client = open_client(kind, url, add_key(index, "follower"))
        for _ in change_records(client):
            # Its copy is kept, its cursor is not: it is killed within the second page.
            for page in itertools.islice(client.follow(cursors, limit=2), 2):
                apply_events(copy, page.events)
            for page in client.follow(cursors, limit=2):
                apply_events(copy, page.events)
            assert copy == expected(index)
        assert len(copy) == 12
        begin_generation_after_restore(index.database, OPERATOR)
        with pytest.raises(FeedRestoredError):
            list(client.follow(cursors))
        cursors.forget()
        again = {}
        for page in client.follow(cursors):
            apply_events(again, page.events)
        assert again == expected(index)
        client.close()
