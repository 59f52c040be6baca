"""Sources of the shared index move into a scope that exists, which stays open meanwhile."""

from dataclasses import replace
from datetime import date

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import ConflictError, NotAuthenticated, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, make_operator
from mpi.policy.parties import ALL
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client, revoke_client
from mpi.service.access.viewers import Caller, build_viewer
from mpi.service.maintenance.verify import verify
from mpi.service.persons.persons import look_up_person
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.scopes.copy_check import check_copies
from mpi.service.scopes.id_map import MappedRecord, give_id_map
from mpi.service.scopes.registry import list_scopes, register_scope
from mpi.service.scopes.split import run_split, undo_split
from mpi.service.scopes.split_plan import approve_split
from mpi.service.scopes.transfer import transfer_changes
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.decisions import DecisionRequest, decide
from tests.agreements import SCHOOL, TO_AGENCY, make_dsa
from tests.index import OPERATOR, SECOND_PERSON, crosswalk, expunge, make_child, partition_of
from tests.laws.test_split import read_tables
from tests.scopes import check_derived_data, open_splittable_index

OTHER = {"first_name": "Ben", "last_name": "Quill", "birth_date": "2011-01-05"}
THIRD = {"first_name": "Zoe", "last_name": "Abel", "birth_date": "2010-10-10"}


@pytest.fixture
def site(tmp_path, database_url):
    """An index with a scope of one of its sources."""
    with open_splittable_index(tmp_path, "sis", "sis2", "ccwis", database_url=database_url) as opened:
        upsert(opened.shared, OPERATOR, "sis", make_child("s1"))
        upsert(opened.shared, OPERATOR, "sis", make_child("s2", **OTHER))
        upsert(opened.shared, OPERATOR, "sis2", make_child("t1"))
        upsert(opened.shared, OPERATOR, "sis2", make_child("t3", **THIRD))
        upsert(opened.shared, OPERATOR, "ccwis", make_child("c1"))
        opened.scope = opened.split("sis")
        yield opened


def require_sound(site) -> None:
    """Check both indexes, and that each record of the scope has its copy."""
    transfer_changes(site.scope, site.shared, OPERATOR, "education")
    assert verify(site.scope, OPERATOR) == verify(site.shared, OPERATOR) == []
    assert check_copies(site.scope, site.shared, OPERATOR, "education").findings == []
    check_derived_data(site.shared)
    check_derived_data(site.scope)


def join(index, viewer, *addresses):
    """Decide that records are one child."""
    refs = [RecordRef(*address) for address in addresses]
    decide(index, viewer, DecisionRequest(DecisionKind.SAME, [refs], "test"))


def test_records_join_the_persons_of_the_scope_and_no_id_changes(site):
    own_links, links = crosswalk(site.scope), crosswalk(site.shared)

    site.split("sis2")

    assert crosswalk(site.shared) == links
    assert own_links.items() <= crosswalk(site.scope).items()
    assert partition_of(site.scope) == {
        frozenset({("sis", "s1"), ("sis2", "t1")}),
        frozenset({("sis", "s2")}),
        frozenset({("sis2", "t3")}),
    }
    [scope] = list_scopes(site.shared, OPERATOR)
    assert (scope.sources, scope.state) == (("sis", "sis2"), "open")
    require_sound(site)
    assert crosswalk(site.shared) == links, "a sync afterwards changes nothing"


def test_a_scope_that_had_no_split_takes_sources_too(tmp_path, database_url):
    with open_splittable_index(tmp_path, "sis", "ccwis", database_url=database_url) as site:
        site.scope = site.open_scope()
        register_scope(site.shared, OPERATOR, "education", "Schools")
        add_source(site.scope, OPERATOR, NewSource("own"))
        upsert(site.scope, OPERATOR, "own", make_child("o1"))
        upsert(site.shared, OPERATOR, "sis", make_child("s1"))
        former = crosswalk(site.shared)["sis", "s1"]
        key = add_client(site.shared, OPERATOR, "school", ["person.read"], ["sis"], agreement="house")
        plan = site.plan("sis")
        assert (plan.is_addition, plan.name, plan.records) == (True, "Schools", {"active": 1})
        site.split("sis")
        assert partition_of(site.scope) == {frozenset({("own", "o1"), ("sis", "s1")})}
        require_sound(site)
        school = authenticate(site.scope, key, None)
        assert look_up_person(site.scope, school, former).now == (crosswalk(site.scope)["sis", "s1"],)
        with pytest.raises(NotFoundError):
            look_up_person(site.scope, OPERATOR, former)


def test_changes_of_the_scope_that_wait_for_a_sync_are_kept(site):
    upsert(site.scope, OPERATOR, "sis", make_child("s9", **THIRD))
    withdraw(site.scope, OPERATOR, "sis", "s1")
    site.split("sis2")
    upsert(site.scope, OPERATOR, "sis2", make_child("t2", **OTHER))
    require_sound(site)
    assert partition_of(site.shared) == {
        frozenset({("sis", "s2"), ("sis2", "t2")}),
        frozenset({("sis", "s9"), ("sis2", "t3")}),
        frozenset({("sis2", "t1"), ("ccwis", "c1")}),
    }
    assert len(partition_of(site.scope)) == 3


def test_a_scope_takes_records_while_others_are_moved_into_it(site):
    for number in range(6):
        upsert(site.shared, OPERATOR, "sis2", make_child(f"n{number}", birth_date=f"2012-02-0{number + 1}"))
    site.approve("sis2")
    calls = []

    def work(*_):
        calls.append(1)
        upsert(site.scope, OPERATOR, "sis", make_child(f"w{len(calls)}", birth_date="2012-02-05"))
        if len(calls) == 2:
            join(site.scope, OPERATOR, ("sis", "s2"), ("sis2", "t3"))
        with pytest.raises(ConflictError, match="changes wait"):
            transfer_changes(site.scope, site.shared, OPERATOR, "education")
        with pytest.raises(ConflictError):
            upsert(site.scope, OPERATOR, "sis2", make_child("early"))

    run_split(site.shared, site.scope, OPERATOR, "education", work, page=2)
    assert len(calls) == 4
    assert frozenset({("sis", "s2"), ("sis2", "t3")}) in partition_of(site.scope)
    require_sound(site)
    assert frozenset({("sis", "s2"), ("sis2", "t3")}) in partition_of(site.shared)


def test_history_goes_along_in_its_order_and_dates_from_the_move(site):
    for first_name in ("Amaara", "Amarah", "Amaraa"):
        upsert(site.shared, OPERATOR, "sis2", make_child("t1", first_name=first_name))
    expunge(site.shared, "sis2", make_child("x1", **OTHER))
    with site.scope.database.read(OPERATOR) as unit:
        last_before = unit.last_commit()
        time_before = unit.commit_info({last_before})[last_before][0]
    site.split("sis2")
    with site.scope.database.read(OPERATOR) as unit:
        record = unit.records.all_of_source(unit.sources.get_by_code("sis2").id)["t1"]
        versions = sorted(
            unit.record_versions.versions(record.id), key=lambda version: version.received_commit
        )
        assert [version.id == record.version_id for version in versions] == [False, False, False, True]
        commits = unit.commit_info({version.received_commit for version in versions})
        assert all(number > last_before and at >= time_before for number, (at, _, _) in commits.items())
    upsert(site.scope, OPERATOR, "sis2", make_child("x1", **OTHER))
    assert ("sis2", "x1") not in crosswalk(site.scope), "a tombstone goes along"
    require_sound(site)


def test_what_is_decided_about_moved_records_alone_goes_along(site):
    add_client(site.shared, OPERATOR, "school2", ["decide", "record.read"], ["sis2"], agreement="house")
    limited = replace(make_operator("school2"), sources=frozenset({"sis2"}))
    join(site.shared, limited, ("sis2", "t1"), ("sis2", "t3"))
    join(site.shared, OPERATOR, ("sis", "s2"), ("sis2", "t3"), ("ccwis", "c1"))
    plan = site.plan("sis2")
    assert (plan.decisions, plan.decisions_staying) == (1, 1)
    site.split("sis2")
    assert partition_of(site.scope) == {
        frozenset({("sis", "s1"), ("sis2", "t1"), ("sis2", "t3")}),
        frozenset({("sis", "s2")}),
    }
    require_sound(site)
    assert frozenset({("sis", "s2")}) not in partition_of(site.shared)


def test_a_key_opens_the_scope_once_the_move_is_done(site):
    key = add_client(site.shared, OPERATOR, "school2", ["record.read"], ["sis2"], agreement="house")
    lost = add_client(site.shared, OPERATOR, "school3", ["record.read"], ["sis2"], agreement="house")
    site.approve("sis2")

    def check(*_):
        for index in (site.shared, site.scope):
            with pytest.raises(NotAuthenticated):
                authenticate(index, key, None)
        revoke_client(site.shared, OPERATOR, "school3")

    run_split(site.shared, site.scope, OPERATOR, "education", check, page=9)
    assert authenticate(site.scope, key, None).sources == {"sis2"}
    for index in (site.shared, site.scope):
        with pytest.raises(NotAuthenticated):
            authenticate(index, lost, None)


def test_names_that_the_scope_uses_block_the_plan(site):
    add_client(site.shared, OPERATOR, "school2", ["record.read"], ["sis2"], agreement="house")
    add_source(site.scope, OPERATOR, NewSource("sis2"))
    add_client(site.scope, OPERATOR, "school2", ["record.read"], ["sis"])
    plan = site.plan("sis2")
    assert plan.token is None
    assert "the scope has a source sis2 already" in plan.blockers
    assert "the scope has a client or an account school2 already" in plan.blockers


def test_a_name_that_was_taken_since_the_approval_is_refused_and_the_move_taken_back(site):
    site.approve("sis2")
    add_source(site.scope, OPERATOR, NewSource("sis2"))
    with pytest.raises(ConflictError, match="has taken a name since"):
        run_split(site.shared, site.scope, OPERATOR, "education")
    undo_split(site.shared, site.scope, OPERATOR, "education")
    upsert(site.shared, OPERATOR, "sis2", make_child("t9"))


def test_a_source_of_a_scope_is_not_moved_into_another(site):
    other = site.plan("sis", scope="health")
    assert other.token is None
    assert "a source has one scope" in " ".join(other.blockers)
    assert "a source has one scope" in " ".join(site.plan("sis").blockers)


def test_a_move_is_taken_back_until_the_scope_has_begun_to_copy(site):
    before, own_before = crosswalk(site.shared), crosswalk(site.scope)
    site.approve("sis2")
    undo_split(site.shared, site.scope, OPERATOR, "education")
    assert (crosswalk(site.shared), crosswalk(site.scope)) == (before, own_before)
    upsert(site.shared, OPERATOR, "sis2", make_child("t8", **OTHER))
    site.approve("sis2")

    def take_back(*_):
        with pytest.raises(ConflictError, match="has begun to take"):
            undo_split(site.shared, site.scope, OPERATOR, "education")

    run_split(site.shared, site.scope, OPERATOR, "education", take_back, page=9)
    with pytest.raises(ConflictError, match="cannot be taken back"):
        undo_split(site.shared, site.scope, OPERATOR, "education")
    assert ("sis2", "t8") in crosswalk(site.scope)
    require_sound(site)


def test_a_plan_for_more_sources_does_not_keep_the_first_split_from_being_taken_back(site):
    plan = site.plan("sis2")
    undo_split(site.shared, site.scope, OPERATOR, "education")
    with pytest.raises(ConflictError, match="no scope education any more"):
        approve_split(site.shared, SECOND_PERSON, "education", plan.token)


def test_no_decision_of_the_shared_index_reaches_a_scope(site):
    before = read_tables(site.scope)
    join(site.shared, OPERATOR, ("sis", "s1"), ("sis", "s2"))
    assert len(partition_of(site.shared)) == 2
    transfer_changes(site.scope, site.shared, OPERATOR, "education")
    assert read_tables(site.scope) == before
    assert len(partition_of(site.scope)) == 2
    assert len(partition_of(site.shared)) == 2, "a sync leaves it in force in the shared index"


@pytest.fixture
def bridged(tmp_path, database_url):
    """Two records of two sources that only another agency's record joins, the second of which is moved later.

    Whoever sees the first one alone must not learn from its former ID that the second one had the same.
    """
    with open_splittable_index(tmp_path, "sis", "sis2", "ccwis", database_url=database_url) as site:
        upsert(site.shared, OPERATOR, "sis", make_child("s1"))
        upsert(site.shared, OPERATOR, "sis2", make_child("t1", **OTHER))
        upsert(site.shared, OPERATOR, "ccwis", make_child("c1"))
        join(site.shared, OPERATOR, ("sis", "s1"), ("sis2", "t1"), ("ccwis", "c1"))
        [site.former] = set(crosswalk(site.shared).values())
        for name in ("sis", "sis2"):
            add_client(site.shared, OPERATOR, f"client-{name}", ["person.read"], [name])
        site.scope = site.split("sis")
        site.split("sis2")
        yield site


def test_a_former_id_tells_nobody_that_records_of_two_moves_shared_it(bridged):
    own_links = crosswalk(bridged.scope)
    assert len(set(own_links.values())) == 2
    for sources, expected in (
        (None, ("sis", "s1")),
        ({"sis"}, ("sis", "s1")),
        ({"sis", "sis2"}, ("sis", "s1")),
        ({"sis2"}, ("sis2", "t1")),
    ):
        reader = replace(OPERATOR, sources=None if sources is None else frozenset(sources))
        assert look_up_person(bridged.scope, reader, bridged.former).now == (own_links[expected],)


def test_no_purpose_of_a_reader_gives_the_former_ids_of_another_move(bridged):
    """For one purpose the reader sees sources of both moves, and for another those of the later one alone."""
    own_links = crosswalk(bridged.scope)
    first, second, agency = (
        replace(SCHOOL, code=source, sources=frozenset({source})) for source in ("sis", "sis2", "ccwis")
    )
    terms = make_dsa(
        parties=(first, second, agency),
        grants=tuple(
            replace(
                TO_AGENCY, discloser=discloser, recipient="sis2", population=ALL, purposes=frozenset({to})
            )
            for discloser, to in (("sis", "transport"), ("ccwis", "school_stability"))
        ),
        is_approved=True,
    )
    caller = Caller("reader", frozenset({Action.PERSON_READ}), frozenset({"sis", "sis2"}), "dsa-1", 1)
    caller = replace(caller, party="sis2")
    wide, narrow = (
        build_viewer(caller, purpose, terms, date(2026, 6, 1))
        for purpose in ("transport", "school_stability")
    )
    assert (wide.sources, narrow.sources) == ({"sis", "sis2"}, {"sis2"})
    assert look_up_person(bridged.scope, wide, bridged.former).now == (own_links["sis", "s1"],)
    with pytest.raises(NotFoundError):
        look_up_person(bridged.scope, narrow, bridged.former)


def test_each_client_gets_the_map_of_the_move_with_which_it_came(bridged):
    own_links = crosswalk(bridged.scope)
    add_client(bridged.scope, OPERATOR, "all", ["person.read"], None)
    for client, address in (
        ("client-sis", ("sis", "s1")),
        ("client-sis2", ("sis2", "t1")),
        ("all", ("sis", "s1")),
    ):
        assert give_id_map(bridged.scope, OPERATOR, client) == [
            MappedRecord(*address, bridged.former, own_links[address])
        ]
