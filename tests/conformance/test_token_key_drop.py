"""An earlier token key ends in step: no record of a scope comes to the shared index without its SSN."""

from datetime import UTC, datetime, timedelta

import pytest

from mpi.bootstrap import open_scope
from mpi.domain import clock
from mpi.domain.errors import ConflictError
from mpi.domain.source import SHARED_SCOPE
from mpi.service.maintenance.other_token_keys import SYNC_GRACE, OtherTokenKeys
from mpi.service.maintenance.token_key_drop import drop_token_keys
from mpi.service.maintenance.token_rotation import describe_token_keys, refresh_token_keys
from mpi.service.maintenance.verify import verify
from mpi.service.records.upsert import upsert
from mpi.service.scopes.transfer import transfer_changes
from tests.conformance.test_token_rotation import CHILD, SSN, drop_in, features, rotate, rotate_in
from tests.index import OPERATOR, crosswalk, load_rows, make_child
from tests.scopes import open_splittable_index

ADDED = make_child("2", first_name="Quentin", last_name="Zyxw", birth_date="2012-05-06", ssn="219-09-9997")


@pytest.fixture
def site(tmp_path, database_url):
    """A shared index and the scope ``education``, which holds one child with an SSN."""
    with open_splittable_index(tmp_path, "sis", "ccwis", database_url=database_url) as opened:
        load_rows(opened.shared, "sis", CHILD)
        yield opened


def sync(scope, shared):
    transfer_changes(scope, shared, OPERATOR, "education")


def after(wait):
    return clock.set_clock(lambda: datetime.now(UTC) + wait)


def test_the_shared_index_keeps_the_earlier_key_until_it_has_what_each_scope_holds_under_the_newest(site):
    shared, scope = site.shared, site.split("sis")
    shared = rotate(shared)
    with pytest.raises(
        ConflictError, match=r"stay, since the scope education .* keys 1, and not yet with key 2"
    ):
        drop_in(site, shared)
    scope = rotate(scope)
    with pytest.raises(ConflictError, match=r"since the scope education has records .* send again: sis 1$"):
        drop_in(site, shared)
    with pytest.raises(
        ConflictError, match=r"shared index makes its tokens with the keys 1, 2: .* there first"
    ):
        drop_in(site, scope, "education")
    load_rows(scope, "sis", CHILD)
    # The source has sent it again, but the shared index has not seen it.
    assert describe_token_keys(shared, OPERATOR).records_to_send == {"sis": 1}
    with pytest.raises(
        ConflictError, match=r"1 changes of the scope education wait .* mpi scope sync education$"
    ):
        drop_in(site, shared)
    sync(scope, shared)
    upsert(scope, OPERATOR, "sis", ADDED)
    with (
        after(SYNC_GRACE + timedelta(seconds=1)),
        pytest.raises(ConflictError, match="changes of the scope education wait for a sync"),
    ):
        drop_in(site, shared)
    assert (
        shared.keyed_hash.token_keys == refresh_token_keys(shared, OPERATOR).keyed_hash.token_keys == (1, 2)
    )
    # A scope in use always has changes of this moment. They hold tokens of the newest key.
    result, shared = drop_in(site, shared)
    assert (result.in_force, result.dropped, result.kept) == ((2,), (), (1,))
    open_scope(site.settings, "education").database.dispose()
    sync(scope, shared)
    assert {own.ssn for own in features(shared).values()} == {
        shared.keyed_hash.to_token("ssn", digits.replace("-", "")) for digits in (SSN, ADDED["ssn"])
    }
    result, scope = drop_in(site, scope, "education")
    assert (result.in_force, result.dropped, result.kept) == ((2,), (1,), ())
    open_scope(site.settings, "education").database.dispose()
    assert crosswalk(scope).keys() == crosswalk(shared).keys()
    assert verify(shared, OPERATOR) == verify(scope, OPERATOR) == []


def test_an_index_that_is_not_found_or_went_first_by_mistake_is_told_from_one_that_is_not_ready(site):
    shared, scope = site.shared, site.split("sis")
    shared, scope = rotate(shared), rotate(scope)
    load_rows(scope, "sis", CHILD)
    for index, missing in (
        (shared, "the index of the scope education"),
        (scope, "the shared index of this scope"),
    ):
        with pytest.raises(
            ConflictError, match=f"the earlier token keys stay, since {missing} was not found"
        ):
            drop_token_keys(index, OPERATOR)
    # As after a restore of the shared index from an older backup: the scope has gone first.
    ready = {SHARED_SCOPE: OtherTokenKeys((2,), frozenset((1, 2)))}
    drop_token_keys(scope, OPERATOR, others=ready)
    scope = refresh_token_keys(scope, OPERATOR)
    upsert(scope, OPERATOR, "sis", ADDED)
    with pytest.raises(ConflictError, match="the shared index compares by key 1"):
        sync(scope, shared)
    assert describe_token_keys(shared, OPERATOR).records_to_send == {"sis": 1}
    with after(2 * SYNC_GRACE):
        _, shared = drop_in(site, shared)
    sync(scope, shared)
    assert len(features(shared)) == 2
    assert all(own.ssn for own in features(shared).values())


def test_second_rotation_waits_until_the_first_has_ended_everywhere(site):
    # Otherwise the shared index would compare by key 2, and the scope keep tokens of keys 1 and 3.
    shared, scope = site.shared, site.split("sis")
    shared, scope = rotate(shared), rotate(scope)
    load_rows(scope, "sis", CHILD)
    sync(scope, shared)
    _, shared = drop_in(site, shared)
    for index, code in ((shared, SHARED_SCOPE), (scope, "education")):
        with pytest.raises(ConflictError, match=r"run mpi keys drop token with MPI_SCOPE=education first$"):
            rotate_in(site, index, code)
    assert (shared.keyed_hash.token_keys, scope.keyed_hash.token_keys) == ((2,), (1, 2))
    _, scope = drop_in(site, scope, "education")
    shared = rotate_in(site, shared)
    upsert(scope, OPERATOR, "sis", ADDED)
    sync(scope, shared)
    scope = rotate_in(site, scope, "education")
    for child in (CHILD, ADDED):
        upsert(scope, OPERATOR, "sis", child)
    sync(scope, shared)
    _, shared = drop_in(site, shared)
    result, scope = drop_in(site, scope, "education")
    assert (result.in_force, result.dropped) == ((3,), (2,))
    assert {own.ssn for own in features(shared).values()} == {
        shared.keyed_hash.to_token("ssn", digits.replace("-", "")) for digits in (SSN, ADDED["ssn"])
    }
    assert verify(shared, OPERATOR) == verify(scope, OPERATOR) == []
