"""Sources of an existing index move into a scope, and nothing else does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from mpi.api.app import create_app
from mpi.composition.models import keep_model, open_matcher
from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.eid import mint_eid
from mpi.domain.errors import ConflictError, InputError, NotAuthenticated, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.domain.source_merge import MergeStatement
from mpi.domain.viewer import make_operator
from mpi.service.access.accounts.account_end import end_account
from mpi.service.access.accounts.account_rights import change_account
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client
from mpi.service.access.own_account.second_factor import propose_enrollment
from mpi.service.access.session_authentication import authenticate_session
from mpi.service.access.sign_in import add_second_factor, change_password, sign_in
from mpi.service.maintenance.verify import verify
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.persons.persons import look_up_person, look_up_records
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.record_reader import read
from mpi.service.records.source_pause import pause, resume
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.scopes.copy_check import check_copies
from mpi.service.scopes.id_map import MappedRecord, give_id_map
from mpi.service.scopes.registry import list_scopes, register_scope, require_new_scope
from mpi.service.scopes.split import run_split, undo_split
from mpi.service.scopes.split_plan import SplitRequest, approve_split, plan_split
from mpi.service.scopes.transfer import transfer_changes
from mpi.service.source_merges.listing import list_statements
from mpi.service.source_merges.registry import state_merges, take_back
from mpi.service.stewardship.decisions import DecisionRequest, decide, list_decisions
from mpi.service.stewardship.freeze_windows import add_freeze_window
from mpi.service.stewardship.overlays import refuse_overlay
from mpi.service.stewardship.owner_consent import set_consent_required
from mpi.service.stewardship.rekey import rekey
from mpi.service.stewardship.undo import undo_decision
from mpi.storage.repositories.sources.scopes import ChangedItem
from tests.accounts import PASSWORD, add_person, cheap_password_hashing
from tests.index import (
    OPERATOR,
    SECOND_PERSON,
    crosswalk,
    expunge,
    load_rows,
    make_child,
    many_children,
    partition_of,
)
from tests.models import tiny_model
from tests.scopes import open_splittable_index
from tests.unit.api.live import add_key, calling

SOURCES = ("sis", "sis2", "ccwis")
OTHER_PASSWORD = "violet harbor lantern 58"
OTHER = {"first_name": "Ben", "last_name": "Quill", "birth_date": "2011-01-05"}


@pytest.fixture
def site(tmp_path, database_url):
    with open_splittable_index(tmp_path, *SOURCES, database_url=database_url) as opened:
        yield opened


def test_records_get_ids_of_the_scope_and_the_shared_index_keeps_its_own(site):
    upsert(site.shared, OPERATOR, "sis", make_child("s1"))
    upsert(site.shared, OPERATOR, "sis2", make_child("s2"))
    upsert(site.shared, OPERATOR, "ccwis", make_child("c1"))
    before = crosswalk(site.shared)

    scope = site.split("sis", "sis2")

    assert crosswalk(site.shared) == before
    assert partition_of(scope) == {frozenset({("sis", "s1"), ("sis2", "s2")})}
    assert not set(crosswalk(scope).values()) & set(before.values())
    assert verify(scope, OPERATOR) == []
    assert verify(site.shared, OPERATOR) == []


def test_a_sync_afterwards_finds_nothing_to_do(site):
    upsert(site.shared, OPERATOR, "sis", make_child("s1"))
    upsert(site.shared, OPERATOR, "sis", make_child("s2", **OTHER, merged_into="s1"))
    scope = site.split("sis")
    before = site.shared.database.committed_units
    assert transfer_changes(scope, site.shared, OPERATOR, "education").records == 0
    assert site.shared.database.committed_units == before


def test_what_a_source_states_of_its_own_local_ids_goes_along(site):
    upsert(site.shared, OPERATOR, "sis", make_child("s1"))
    upsert(site.shared, OPERATOR, "sis", make_child("s2", **OTHER))
    state_merges(site.shared, OPERATOR, "sis", [MergeStatement("merge", "s2", "s1", "2026-01-05")])
    scope = site.split("sis")
    [merge] = list_statements(scope, OPERATOR, "sis")
    assert (merge.status, merge.date, merge.old_local_id) == ("in_force", "2026-01-05", "s2")
    [split] = state_merges(scope, OPERATOR, "sis", [MergeStatement("split", "s2", "s1", "2026-02-05")]).stated
    transfer_changes(scope, site.shared, OPERATOR, "education")
    assert len(partition_of(scope)) == len(partition_of(site.shared)) == 2
    take_back(scope, OPERATOR, "sis", split)
    transfer_changes(scope, site.shared, OPERATOR, "education")
    assert len(partition_of(scope)) == len(partition_of(site.shared)) == 1
    with pytest.raises(ConflictError, match="scope"):
        state_merges(site.shared, OPERATOR, "sis", [MergeStatement("merge", "s2", "s1")])
    assert verify(scope, OPERATOR) == verify(site.shared, OPERATOR) == []


def test_records_that_take_no_part_go_along_and_stay_apart(site):
    upsert(site.shared, OPERATOR, "sis", make_child("w1"))
    withdraw(site.shared, OPERATOR, "sis", "w1")
    upsert(site.shared, OPERATOR, "sis", make_child("s1", first_name="Zephyrine"))
    rekey(site.shared, OPERATOR, "sis", {"s1": "s9"})
    upsert(site.shared, OPERATOR, "sis", make_child("s9", restrictions=[{"kind": "sealed"}]))
    expunge(site.shared, "sis", make_child("x1", **OTHER))
    before = crosswalk(site.shared)

    scope = site.split("sis")

    assert crosswalk(scope) == crosswalk(site.shared) == before == {}
    for local_id in ("s1", "s9"):
        with pytest.raises(NotFoundError):
            read(scope, OPERATOR, "sis", local_id)
        upsert(scope, OPERATOR, "sis", make_child(local_id))
    assert crosswalk(scope) == {}, "a seal holds, also under a former local ID"
    upsert(scope, OPERATOR, "sis", make_child("w1"))
    transfer_changes(scope, site.shared, OPERATOR, "education")
    assert crosswalk(site.shared).keys() == crosswalk(scope).keys() == {("sis", "w1")}
    with scope.database.read(OPERATOR) as unit:
        source_id = unit.sources.get_by_code("sis").id
        [destroyed] = [
            record for record in unit.records.all_of_source(source_id).values() if record.content_hash == ""
        ]
        assert destroyed.state == "sealed"
        assert [version.payload for version in unit.record_versions.versions(destroyed.id)] == [b"{}"]
    upsert(scope, OPERATOR, "sis", make_child("x1", **OTHER))
    assert crosswalk(scope).keys() == {("sis", "w1")}, "a tombstone goes along"
    assert verify(scope, OPERATOR) == verify(site.shared, OPERATOR) == []


def test_a_split_runs_once(site):
    upsert(site.shared, OPERATOR, "sis", make_child("s1"))
    scope = site.split("sis")
    before = crosswalk(scope)
    with pytest.raises(ConflictError, match="done"):
        run_split(site.shared, scope, OPERATOR, "education")
    assert "belongs to the scope education" in " ".join(site.plan("sis").blockers)
    assert "belongs to the scope education" in " ".join(site.plan("sis", scope="health").blockers)
    assert crosswalk(scope) == before


def test_a_second_person_approves_the_plan_that_was_read(site):
    upsert(site.shared, OPERATOR, "sis", make_child("s1"))
    first_plan, plan = site.plan("sis"), site.plan("sis", "sis2")
    with pytest.raises(ConflictError, match="somebody else"):
        approve_split(site.shared, OPERATOR, "education", plan.token)
    for token in (first_plan.token, "made up"):
        with pytest.raises(InputError, match="no plan"):
            approve_split(site.shared, SECOND_PERSON, "education", token)
    add_client(site.shared, OPERATOR, "school", ["record.read"], ["sis"])
    with pytest.raises(ConflictError, match="have changed since"):
        approve_split(site.shared, SECOND_PERSON, "education", plan.token)
    upsert(site.shared, OPERATOR, "sis", make_child("s2"))
    assert site.plan("sis").records == {"active": 2}
    with pytest.raises(ConflictError, match=r"education is planned"):
        run_split(site.shared, site.open_scope(), OPERATOR, "education")


def test_a_dry_run_stores_no_plan(site):
    request = SplitRequest("education", "Schools", ("sis",))
    plan = plan_split(site.shared, OPERATOR, request, has_scope_index=False, store=False)
    assert (plan.name, plan.token) == ("Schools", None)
    with site.shared.database.read(OPERATOR) as unit:
        assert unit.splits.all() == []


def test_what_is_open_blocks_the_plan(site):
    shared = site.shared
    upsert(shared, OPERATOR, "sis", make_child("s1"))
    upsert(
        shared,
        OPERATOR,
        "sis",
        make_child("s1", first_name="Zoe", last_name="Quill", birth_date="2009-11-30"),
    )
    upsert(shared, OPERATOR, "sis2", make_child("x1", restrictions=[{"kind": "expunged"}]))
    add_client(shared, OPERATOR, "both", ["record.read"], ["sis", "ccwis"])
    plan = site.plan("sis", "sis2")
    assert plan.token is None
    blockers = " ".join(plan.blockers)
    for expected in (
        "versions of sis wait",
        "records of sis2 wait to be expunged",
        "client both also holds ccwis",
    ):
        assert expected in blockers
    has_index = plan_split(
        shared, OPERATOR, SplitRequest("education", None, ("ccwis",)), has_scope_index=True, store=True
    )
    assert "an index of the scope education already" in " ".join(has_index.blockers)


def test_what_became_open_since_the_plan_blocks_its_approval(site):
    plan = site.plan("sis")
    upsert(site.shared, OPERATOR, "sis", make_child("x1", restrictions=[{"kind": "expunged"}]))
    with pytest.raises(ConflictError, match="wait to be expunged"):
        approve_split(site.shared, SECOND_PERSON, "education", plan.token)


def test_settings_of_a_source_go_along(site):
    shared = site.shared
    set_consent_required(shared, OPERATOR, "sis", asks=True)
    pause(shared, OPERATOR, "sis")
    begins_on, ends_on = clock.today(), f"{clock.now() + timedelta(days=9):%Y-%m-%d}"
    add_freeze_window(shared, OPERATOR, "sis2", begins_on, ends_on, "count-day")
    scope = site.split("sis", "sis2")
    with scope.database.read(OPERATOR) as unit:
        sis, sis2 = unit.sources.get_by_code("sis"), unit.sources.get_by_code("sis2")
        assert (sis.asks_consent, sis.paused, sis.scope) == (True, True, None)
        assert (sis2.asks_consent, sis2.paused) == (False, False)
        [window] = unit.freezes.all()
        assert (window.source_id, window.ends_on) == (sis2.id, ends_on)
    with shared.database.read(OPERATOR) as unit:
        assert not unit.sources.get_by_code("sis").paused, "the shared index takes what the scope has"
    assert upsert(scope, OPERATOR, "sis", make_child("s1")).outcome == "held"


def test_when_a_source_said_something_goes_along(site):
    load_rows(site.shared, "sis", make_child("s1"), as_of=datetime(2021, 1, 1, tzinfo=UTC))
    load_rows(site.shared, "sis", make_child("s1"), as_of=datetime(2022, 1, 1, tzinfo=UTC))
    with site.shared.database.read(OPERATOR) as unit:
        before = unit.records.all_of_source(unit.sources.get_by_code("sis").id)["s1"]
    scope = site.split("sis")
    with scope.database.read(OPERATOR) as unit:
        after = unit.records.all_of_source(unit.sources.get_by_code("sis").id)["s1"]
        assert after.last_seen == before.last_seen
        assert [batch.source for batch in unit.batches.all()] == ["sis", "sis"]
    upserted = load_rows(
        scope, "sis", make_child("s1", postal_code="43999"), as_of=datetime(2021, 6, 1, tzinfo=UTC)
    )
    assert upserted.counts["history"] == 1, "an older statement does not count"


def test_numbers_tell_nothing_of_other_sources(site):
    for number in range(5):
        upsert(site.shared, OPERATOR, "ccwis", make_child(f"c{number}", birth_date=f"2012-01-0{number + 1}"))
        upsert(site.shared, OPERATOR, "sis", make_child(f"s{number}", birth_date=f"2012-01-0{number + 1}"))
    scope = site.split("sis")
    with scope.database.read(OPERATOR) as unit:
        records = unit.records.all_of_source(unit.sources.get_by_code("sis").id).values()
        assert sorted(record.id for record in records) == [1, 2, 3, 4, 5]
        assert sorted(record.version_id for record in records) == [1, 2, 3, 4, 5]
        received = [unit.record_versions.versions(record.id)[0].received_commit for record in records]
        assert sorted(received) == [2, 3, 4, 5, 6]


def join(index, viewer, *addresses, kind=DecisionKind.SAME):
    """Decide on records, each in a group of its own if they are different."""
    refs = [RecordRef(*address) for address in addresses]
    groups = [[ref] for ref in refs] if kind is DecisionKind.DIFFERENT else [refs]
    return decide(index, viewer, DecisionRequest(kind, groups, "test"))


def make_steward(index, name, *sources):
    """Add a client who may decide on records of some sources."""
    add_client(index, OPERATOR, name, ["decide", "record.read"], sources or None)
    return replace(make_operator(name), sources=frozenset(sources) if sources else None)


def test_decisions_of_those_who_see_no_more_go_along(site):
    for local_id, changes in (
        ("s1", {}),
        ("s2", OTHER),
        ("s3", {"birth_date": "2010-10-10", "last_name": "Abel"}),
    ):
        upsert(site.shared, OPERATOR, "sis", make_child(local_id, **changes))
    limited, unlimited = make_steward(site.shared, "school", "sis"), make_steward(site.shared, "state")
    join(site.shared, limited, ("sis", "s1"), ("sis", "s2"))
    join(site.shared, unlimited, ("sis", "s1"), ("sis", "s3"))
    assert len(partition_of(site.shared)) == 1
    plan = site.plan("sis")
    assert (plan.decisions, plan.decisions_staying) == (1, 1)

    scope = site.split("sis")

    assert partition_of(scope) == {frozenset({("sis", "s1"), ("sis", "s2")}), frozenset({("sis", "s3")})}
    [decision] = list_decisions(scope, OPERATOR)
    assert decision.by == "school"
    undo_decision(scope, OPERATOR, decision.id)
    transfer_changes(scope, site.shared, OPERATOR, "education")
    assert partition_of(site.shared) == {
        frozenset({("sis", "s1"), ("sis", "s3")}),
        frozenset({("sis", "s2")}),
    }


def test_an_undo_by_somebody_who_sees_more_does_not_go_along(site):
    upsert(site.shared, OPERATOR, "sis", make_child("s1"))
    upsert(site.shared, OPERATOR, "sis", make_child("s2", **OTHER))
    upsert(site.shared, OPERATOR, "sis2", make_child("m1", last_name="Abel", birth_date="2010-10-10"))
    upsert(
        site.shared,
        OPERATOR,
        "sis2",
        make_child("m2", last_name="Zuse", birth_date="2009-09-09", merged_into="m1"),
    )
    limited, unlimited = make_steward(site.shared, "school", "sis"), make_steward(site.shared, "state")
    join(site.shared, limited, ("sis", "s1"), ("sis", "s2"))
    for decision in list_decisions(site.shared, OPERATOR):
        undo_decision(site.shared, unlimited, decision.id)
    assert len(partition_of(site.shared)) == 4
    scope = site.split("sis", "sis2")
    assert len(partition_of(scope)) == 2


def test_an_undone_merge_of_a_source_stays_undone(site):
    limited = make_steward(site.shared, "school", "sis")
    upsert(site.shared, limited, "sis", make_child("m1"))
    upsert(site.shared, limited, "sis", make_child("m2", **OTHER, merged_into="m1"))
    [decision] = list_decisions(site.shared, OPERATOR)
    undo_decision(site.shared, limited, decision.id)
    scope = site.split("sis")
    assert len(partition_of(scope)) == 2
    upsert(scope, OPERATOR, "sis", make_child("m2", **OTHER, merged_into="m1", postal_code="43999"))
    assert len(partition_of(scope)) == 2


def test_a_merge_of_a_source_survives_new_content_in_the_shared_index(site):
    upsert(site.shared, OPERATOR, "sis", make_child("m1"))
    upsert(site.shared, OPERATOR, "sis", make_child("m2", **OTHER, merged_into="m1"))
    scope = site.split("sis")
    assert len(partition_of(scope)) == 1
    upsert(scope, OPERATOR, "sis", make_child("m2", **OTHER, merged_into="m1", postal_code="43999"))
    transfer_changes(scope, site.shared, OPERATOR, "education")
    assert partition_of(site.shared) == partition_of(scope)
    upsert(scope, OPERATOR, "sis", make_child("m2", **OTHER, postal_code="43999"))
    transfer_changes(scope, site.shared, OPERATOR, "education")
    assert len(partition_of(site.shared)) == len(partition_of(scope)) == 2


def test_rights_that_were_wider_before_keep_decisions_in_the_shared_index(site):
    upsert(site.shared, OPERATOR, "sis", make_child("s1"))
    upsert(site.shared, OPERATOR, "sis", make_child("s2", **OTHER))
    add_account(site.shared, OPERATOR, NewAccount("ana", "Ana Lopez", Role.STEWARD, None))
    join(site.shared, make_operator("ana"), ("sis", "s1"), ("sis", "s2"))
    change_account(site.shared, OPERATOR, "ana", Role.STEWARD, ["sis"])
    assert (site.plan("sis").decisions, site.plan("sis").accounts) == (0, ("ana",))


def test_a_source_is_closed_in_the_shared_index_from_the_approval_on(site):
    upsert(site.shared, OPERATOR, "sis", make_child("s1"))
    site.approve("sis")
    with pytest.raises(ConflictError, match="scope education"):
        upsert(site.shared, OPERATOR, "sis", make_child("s2"))
    with pytest.raises(ConflictError, match="scope education"):
        load_rows(site.shared, "sis", make_child("s2"))


def test_a_split_is_taken_back_until_the_scope_has_changed_something(site):
    upsert(site.shared, OPERATOR, "sis", make_child("s1"))
    pause(site.shared, OPERATOR, "sis")
    key = add_client(site.shared, OPERATOR, "school", ["record.read"], ["sis"])
    before = crosswalk(site.shared)
    scope = site.split("sis")
    undo_split(site.shared, scope, OPERATOR, "education")
    assert crosswalk(site.shared) == before
    assert list_scopes(site.shared, OPERATOR) == []
    with site.shared.database.read(OPERATOR) as unit:
        source = unit.sources.get_by_code("sis")
        assert (source.scope, source.paused) == (None, True)
    assert authenticate(site.shared, key, None).client == "school"
    with pytest.raises(NotAuthenticated):
        authenticate(scope, key, None)
    with pytest.raises(ConflictError):
        upsert(scope, OPERATOR, "sis", make_child("s2"))
    with pytest.raises(ConflictError, match="undone"):
        undo_split(site.shared, scope, OPERATOR, "education")
    assert verify(site.shared, OPERATOR) == []


def test_a_split_is_kept_once_the_scope_has_changed_something(site):
    scope = site.split("sis")
    upsert(scope, OPERATOR, "sis", make_child("s1"))
    with pytest.raises(ConflictError, match="has changed something"):
        undo_split(site.shared, scope, OPERATOR, "education")
    upsert(scope, OPERATOR, "sis", make_child("s2"))
    transfer_changes(scope, site.shared, OPERATOR, "education")
    assert crosswalk(site.shared).keys() == crosswalk(scope).keys()


def test_a_plan_alone_has_nothing_to_take_back(site):
    site.plan("sis")
    with pytest.raises(ConflictError, match="planned"):
        undo_split(site.shared, None, OPERATOR, "education")


def test_an_approved_split_is_taken_back_before_the_scope_exists(site):
    site.approve("sis")
    undo_split(site.shared, None, OPERATOR, "education")
    upsert(site.shared, OPERATOR, "sis", make_child("s1"))
    scope = site.split("sis")
    assert partition_of(scope) == partition_of(site.shared) == {frozenset({("sis", "s1")})}


@pytest.fixture
def twins_and_others(site):
    """Two records that only a hidden record joins, another child, and one that is another agency's."""
    upsert(site.shared, OPERATOR, "sis", make_child("s1"))
    upsert(site.shared, OPERATOR, "sis", make_child("s2", **OTHER))
    upsert(site.shared, OPERATOR, "ccwis", make_child("c1"))
    upsert(site.shared, OPERATOR, "ccwis", make_child("c9", last_name="Zuse", birth_date="2009-09-09"))
    unlimited = make_steward(site.shared, "state")
    join(site.shared, unlimited, ("sis", "s1"), ("sis", "s2"), ("ccwis", "c1"))
    return crosswalk(site.shared)


def test_a_former_id_names_the_persons_of_its_own_records(site, twins_and_others):
    scope = site.split("sis")
    [joined] = {twins_and_others["sis", "s1"], twins_and_others["sis", "s2"]}
    view = look_up_person(scope, OPERATOR, joined)
    assert (view.status, view.records) == ("retired", ())
    assert set(view.now) == set(crosswalk(scope).values())
    assert len(view.now) == 2, "two records that only others join are two persons, and none is guessed"
    assert look_up_records(scope, OPERATOR, joined).records == ()
    limited = replace(OPERATOR, sources=frozenset({"sis"}))
    assert look_up_person(scope, limited, joined).now == view.now
    assert look_up_person(site.shared, OPERATOR, joined).status == "active"


def test_a_former_id_follows_its_records(site, twins_and_others):
    scope = site.split("sis")
    former = twins_and_others["sis", "s1"]
    withdraw(scope, OPERATOR, "sis", "s1")
    assert look_up_person(scope, OPERATOR, former).now == (crosswalk(scope)["sis", "s2"],)
    upsert(scope, OPERATOR, "sis", make_child("s2", **OTHER, restrictions=[{"kind": "sealed"}]))
    assert look_up_person(scope, OPERATOR, former).now == ()
    upsert(scope, OPERATOR, "sis", make_child("s1", restrictions=[{"kind": "sealed"}]))
    with pytest.raises(NotFoundError):
        look_up_person(scope, OPERATOR, former)


def test_a_former_id_of_no_own_record_is_answered_like_one_that_does_not_exist(site, twins_and_others):
    upsert(site.shared, OPERATOR, "sis", make_child("w1", last_name="Gone", birth_date="2008-08-08"))
    gone = crosswalk(site.shared)["sis", "w1"]
    withdraw(site.shared, OPERATOR, "sis", "w1")
    scope = site.split("sis")
    messages = set()
    for unknown in (twins_and_others["ccwis", "c9"], gone, mint_eid(test=True)):
        for look_up in (look_up_person, look_up_records, look_up_golden_record):
            with pytest.raises(NotFoundError) as raised:
                look_up(scope, OPERATOR, unknown)
            messages.add(str(raised.value))
        with pytest.raises(NotFoundError):
            look_up_person(scope, OPERATOR, twins_and_others["sis", "s1"], "2020-01-01T00:00:00Z")
    assert len(messages) == 1


def test_a_client_gets_the_map_of_its_own_records_once(site, twins_and_others):
    upsert(site.shared, OPERATOR, "sis2", make_child("t1"))
    add_client(site.shared, OPERATOR, "school", ["record.read"], ["sis"])
    scope = site.split("sis", "sis2")
    upsert(scope, OPERATOR, "sis", make_child("s3", last_name="New", birth_date="2007-07-07"))
    withdraw(scope, OPERATOR, "sis", "s2")
    former = twins_and_others["sis", "s1"]
    assert give_id_map(scope, OPERATOR, "school") == [
        MappedRecord("sis", "s1", former, crosswalk(scope)["sis", "s1"])
    ]
    with pytest.raises(ConflictError, match="has got its map"):
        give_id_map(scope, OPERATOR, "school")
    with scope.database.ledger.read(OPERATOR) as unit:
        [line] = [line for line in unit.disclosures.all() if line.client == "school"]
    assert (line.action, line.fields[2]) == ("crosswalk.export", "former_enterprise_id")
    with pytest.raises(NotFoundError):
        give_id_map(scope, OPERATOR, "nobody")
    with pytest.raises(ConflictError, match="not made by a split"):
        give_id_map(site.shared, OPERATOR, "init")


def test_a_moved_account_signs_in_to_the_scope(site):
    with cheap_password_hashing():
        add_person(site.shared, "ana", Role.STEWARD, ["sis"])
        token = sign_in(site.shared, "ana", PASSWORD)
        scope = site.split("sis")
        with pytest.raises(NotAuthenticated):
            authenticate_session(site.shared, token)
        with pytest.raises(NotAuthenticated, match="index of the scope education"):
            sign_in(site.shared, "ana", PASSWORD)
        with pytest.raises(NotAuthenticated, match="the name, the password or the one-time code is wrong"):
            sign_in(site.shared, "ana", "something else")
        with pytest.raises(ConflictError, match="change it there"):
            end_account(site.shared, OPERATOR, "ana")
        assert authenticate_session(scope, sign_in(scope, "ana", PASSWORD)).viewer.sources == {"sis"}
        pause(scope, OPERATOR, "sis")
        with pytest.raises(ConflictError, match="has changed something"):
            undo_split(site.shared, scope, OPERATOR, "education")


def test_a_moved_account_keeps_its_one_time_codes_and_its_past_passwords(site, manual_clock):
    with cheap_password_hashing():
        add_person(site.shared, "ana", Role.STEWARD, ["sis"])
        token = sign_in(site.shared, "ana", PASSWORD)
        token = change_password(site.shared, token, PASSWORD, OTHER_PASSWORD)
        app = pyotp.parse_uri(propose_enrollment(site.shared, token, "ana").uri)
        used, left = add_second_factor(
            site.shared, token, OTHER_PASSWORD, app.at(int(manual_clock.now.timestamp()))
        )[:2]
        scope = site.split("sis")
        with pytest.raises(NotAuthenticated):
            sign_in(scope, "ana", OTHER_PASSWORD)
        token = sign_in(scope, "ana", OTHER_PASSWORD, code=used)
        with pytest.raises(InputError, match="had this password before"):
            change_password(scope, token, OTHER_PASSWORD, PASSWORD)
        with pytest.raises(NotAuthenticated):
            sign_in(scope, "ana", OTHER_PASSWORD, code=used)
        manual_clock.advance(seconds=60)
        code = app.at(int(manual_clock.now.timestamp()))
        assert sign_in(scope, "ana", OTHER_PASSWORD, code=code)
        assert sign_in(scope, "ana", OTHER_PASSWORD, code=left)


def test_a_former_id_is_that_of_the_approval(site):
    upsert(site.shared, OPERATOR, "sis", make_child("s1"))
    upsert(site.shared, OPERATOR, "sis", make_child("s2", **OTHER))
    before = crosswalk(site.shared)
    site.approve("sis")
    join(site.shared, make_steward(site.shared, "state"), ("sis", "s1"), ("sis", "s2"))
    assert len(set(crosswalk(site.shared).values())) == 1
    scope = site.open_scope()
    run_split(site.shared, scope, OPERATOR, "education")
    own_links = crosswalk(scope)
    assert len(set(own_links.values())) == 2
    for address, eid in before.items():
        assert look_up_person(scope, OPERATOR, eid).now == (own_links[address],)


def test_two_runs_of_one_split_do_its_work_once(site):
    load_rows(site.shared, "sis", *many_children(6))
    site.approve("sis")
    scope, begun = site.open_scope(), []

    def run_beside(*_):
        if not begun:
            begun.append(run_split(site.shared, scope, OPERATOR, "education", page=2))

    run_split(site.shared, scope, OPERATOR, "education", run_beside, page=2)
    assert begun
    assert crosswalk(scope).keys() == crosswalk(site.shared).keys()
    assert check_copies(scope, site.shared, OPERATOR, "education").findings == []
    assert transfer_changes(scope, site.shared, OPERATOR, "education").records == 0


def test_a_split_that_is_taken_back_meanwhile_stops(site):
    load_rows(site.shared, "sis", *many_children(6))
    before = crosswalk(site.shared)
    site.approve("sis")
    scope = site.open_scope()

    def take_back(*_):
        undo_split(site.shared, scope, OPERATOR, "education")

    with pytest.raises(ConflictError, match="undone by somebody else"):
        run_split(site.shared, scope, OPERATOR, "education", take_back, page=2)
    assert crosswalk(scope) == {}
    assert crosswalk(site.shared) == before
    with site.shared.database.read(OPERATOR) as unit:
        assert unit.scopes.all() == []
        assert unit.scopes.all_copies("education", ChangedItem.RECORD) == {}
    upsert(site.shared, OPERATOR, "sis", make_child("s1"))


def test_a_model_that_the_index_was_moved_to_is_the_scopes_too(site, tmp_path):
    stricter = open_matcher(str(tiny_model(tmp_path / "stricter", version="2", link=17.0)))
    upsert(site.shared, OPERATOR, "sis", make_child("s1"))
    keep_model(site.settings, str(tmp_path / "stricter"))
    recluster(site.shared, OPERATOR, stricter, apply=True)
    site.shared = replace(site.shared, matcher=stricter)
    scope = site.split("sis")
    assert scope.matcher.model.ref == stricter.model.ref


def test_a_code_that_was_taken_since_the_plan_is_refused(site):
    plan = site.plan("sis")
    register_scope(site.shared, OPERATOR, "education", None)
    with pytest.raises(ConflictError, match="an index of the scope education already"):
        approve_split(site.shared, SECOND_PERSON, "education", plan.token)


def test_no_scope_is_added_while_a_split_makes_it(site):
    site.approve("sis")
    with pytest.raises(ConflictError, match="goes on with it"):
        require_new_scope(site.shared, OPERATOR, "education")


def test_what_the_maker_of_a_decision_saw_goes_along(site):
    upsert(site.shared, OPERATOR, "ccwis", make_child("c1"))
    upsert(site.shared, OPERATOR, "sis", make_child("s1"))
    upsert(site.shared, OPERATOR, "sis", make_child("s2", first_name="Amaara"))
    limited = make_steward(site.shared, "school", "sis")
    join(site.shared, limited, ("sis", "s1"), ("sis", "s2"), kind=DecisionKind.UNSURE)
    [before] = list_decisions(site.shared, OPERATOR)
    scope = site.split("sis")
    [after] = list_decisions(scope, OPERATOR)
    assert (after.kind, after.by, after.at) == (before.kind, "school", before.at)
    with scope.database.read(OPERATOR) as unit:
        [decision] = unit.decisions.iterate_all()
        assert [pair["records"] for pair in decision.evidence["pairs"]] == [[1, 2]]


def test_a_former_id_is_answered_over_http(site, twins_and_others):
    scope = site.split("sis")
    former = twins_and_others["sis", "s1"]
    key = add_key(scope, "reader")
    with calling(create_app(scope), key) as client:
        answer = client.get(f"/v1/persons/{former}")
        assert (answer.status_code, answer.json()["status"]) == (200, "retired")
        assert sorted(answer.json()["now"]) == sorted(set(crosswalk(scope).values()))
        unchanged = client.get(f"/v1/persons/{former}", headers={"If-None-Match": answer.headers["etag"]})
        assert unchanged.headers["etag"] == answer.headers["etag"]
        unknown, made_up = (
            client.get(f"/v1/persons/{eid}") for eid in (twins_and_others["ccwis", "c9"], mint_eid(test=True))
        )
        assert unknown.status_code == made_up.status_code == 404
        assert unknown.json()["detail"] == made_up.json()["detail"]
    with calling(create_app(scope, open_pages=True), None) as people:
        page = people.get(f"/people/{former}", headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert all(eid in page.text for eid in crosswalk(scope).values())


def test_a_moved_key_is_refused_over_http_with_a_sentence(site):
    key = add_client(site.shared, OPERATOR, "school", ["record.read", "crosswalk.read"], ["sis"])
    upsert(site.shared, OPERATOR, "sis", make_child("s1"))
    site.split("sis")
    with calling(create_app(site.shared), key) as client:
        answer = client.get("/v1/sources/sis/records/s1")
        assert answer.status_code == 401
        assert "opens the index of the scope education" in answer.json()["detail"]


def test_a_source_can_be_moved_once_nothing_of_it_waits(site):
    shared = site.shared
    upsert(shared, OPERATOR, "sis", make_child("s1"))
    pause(shared, OPERATOR, "sis")
    for postal_code in ("43002", "43003"):
        upsert(shared, OPERATOR, "sis", make_child("s1", postal_code=postal_code))
    upsert(shared, OPERATOR, "sis", make_child("s2", **OTHER))
    assert "versions of sis wait" in " ".join(site.plan("sis").blockers)
    resume(shared, OPERATOR, "sis")
    upsert(
        shared, OPERATOR, "sis", make_child("s1", first_name="Zoe", last_name="Abel", birth_date="2009-11-30")
    )
    assert "versions of sis wait" in " ".join(site.plan("sis").blockers)
    refuse_overlay(shared, OPERATOR, RecordRef("sis", "s1"))
    assert site.plan("sis").blockers == ()
    scope = site.split("sis")
    assert crosswalk(scope).keys() == {("sis", "s1"), ("sis", "s2")}
    assert read(scope, OPERATOR, "sis", "s1")["record"]["postal_code"] == "43003"
