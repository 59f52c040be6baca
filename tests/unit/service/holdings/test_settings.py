"""Minimum holdings are set only where they drop no child in care and tell nobody who is in care."""

import pytest

from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.roles import Role
from mpi.domain.source import Holdings, SourceKind
from mpi.domain.viewer import Action, Viewer
from mpi.service.access.accounts.account_end import end_account
from mpi.service.access.accounts.account_rights import change_account
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.clients import add_client, revoke_client
from mpi.service.holdings.settings import add_source, find_limited_sources, set_holdings
from mpi.service.records.upsert import upsert
from mpi.service.scopes.split_plan import SplitRequest, plan_split
from mpi.service.statements.sources import NewSource, list_sources
from tests.index import OPERATOR, load_rows, make_child, many_children, open_test_index
from tests.scopes import open_scoped_indexes


def test_the_setting_is_stored_and_listed(index):
    assert {source.code: source.holdings for source in list_sources(index, OPERATOR)} == {
        "welfare": Holdings.ALL,
        "school": Holdings.LINKED,
    }
    set_holdings(index, OPERATOR, "school", Holdings.ALL)
    assert all(source.holdings is Holdings.ALL for source in list_sources(index, OPERATOR))


def test_only_sources_of_pupils_can_be_limited(index):
    with pytest.raises(InputError, match="sis, state_id"):
        set_holdings(index, OPERATOR, "welfare", Holdings.LINKED)
    with pytest.raises(NotFoundError):
        set_holdings(index, OPERATOR, "nowhere", Holdings.LINKED)


def test_without_a_source_of_child_welfare_nothing_is_added_or_limited(tmp_path):
    with open_test_index(tmp_path / "home") as index:
        with pytest.raises(ConflictError, match="child welfare first"):
            add_source(index, OPERATOR, NewSource("school", kind=SourceKind.SIS), Holdings.LINKED)
        assert list_sources(index, OPERATOR) == []


def test_who_may_see_only_a_limited_source_is_refused(index):
    with pytest.raises(ConflictError, match="children in care"):
        add_client(index, OPERATOR, "district", ["record.read"], ["school", "welfare"])
    with pytest.raises(ConflictError, match="children in care"):
        add_account(index, OPERATOR, NewAccount("ann", "Ann Lee", Role.STEWARD, ["school"]))
    add_account(index, OPERATOR, NewAccount("ann", "Ann Lee", Role.STEWARD, None))
    with pytest.raises(ConflictError, match="children in care"):
        change_account(index, OPERATOR, "ann", Role.STEWARD, ["school"])
    add_client(index, OPERATOR, "state", ["record.read"], None)
    add_client(index, OPERATOR, "county", ["record.read"], ["welfare"])


def test_a_source_is_not_limited_while_somebody_may_see_it_alone(whole_index):
    index = whole_index
    add_client(index, OPERATOR, "district", ["record.read"], ["school"])
    add_account(index, OPERATOR, NewAccount("ann", "Ann Lee", Role.STEWARD, ["school"]))
    with pytest.raises(ConflictError, match="ann, district may see"):
        set_holdings(index, OPERATOR, "school", Holdings.LINKED)
    revoke_client(index, OPERATOR, "district")
    end_account(index, OPERATOR, "ann")
    set_holdings(index, OPERATOR, "school", Holdings.LINKED)


def test_sources_are_limited_by_their_administrators_only(whole_index):
    for rights in (
        Viewer("reader", None, frozenset({Action.LOAD}), None),
        Viewer("other", None, frozenset({Action.SOURCE_ADMIN}), frozenset({"welfare"})),
    ):
        with pytest.raises(AccessDenied):
            set_holdings(whole_index, rights, "school", Holdings.LINKED)


def test_sources_of_a_scope_cannot_be_limited_yet(tmp_path):
    with open_scoped_indexes(tmp_path / "home", {"care": ("welfare",)}) as indexes:
        scope = indexes.scopes["care"]
        add_source(scope, OPERATOR, NewSource("ccwis", kind=SourceKind.CCWIS), Holdings.ALL)
        with pytest.raises(ConflictError, match="scope"):
            add_source(scope, OPERATOR, NewSource("school", kind=SourceKind.SIS), Holdings.LINKED)
        load_rows(scope, "welfare", make_child("w1"))
        indexes.sync()
        with pytest.raises(ConflictError, match="scope"):
            set_holdings(indexes.shared, OPERATOR, "welfare", Holdings.LINKED)


def test_a_source_that_once_held_linked_records_is_named_to_nobody_who_may_see_it_alone(index):
    child, *others = many_children(5)
    load_rows(index, "welfare", {**child, "local_id": "w1"})
    load_rows(index, "school", child, *others)
    set_holdings(index, OPERATOR, "school", Holdings.ALL)
    load_rows(index, "school", child, *others)
    with pytest.raises(ConflictError, match="or once were"):
        add_client(index, OPERATOR, "principal", ["person.read"], ["school"])
    with pytest.raises(ConflictError, match="or once were"):
        add_account(index, OPERATOR, NewAccount("ann", "Ann Lee", Role.STEWARD, ["school"]))
    request = SplitRequest("education", None, ("school",))
    plan = plan_split(index, OPERATOR, request, has_scope_index=False, store=False)
    assert any("once were" in blocker for blocker in plan.blockers)
    add_source(index, OPERATOR, NewSource("school-2", kind=SourceKind.SIS), Holdings.ALL)
    add_client(index, OPERATOR, "principal", ["person.read"], ["school-2"])


@pytest.mark.parametrize("holdings", [Holdings.LINKED, Holdings.TOKENS])
def test_a_source_whose_rows_only_came_online_is_remembered_too(index, holdings):
    set_holdings(index, OPERATOR, "school", holdings)
    upsert(index, OPERATOR, "school", make_child("s1"))
    for _ in range(2):
        set_holdings(index, OPERATOR, "school", Holdings.ALL)
    with index.database.read(OPERATOR) as unit:
        assert find_limited_sources(unit) == {"school"}
        [run] = unit.holdings_runs.all()
    assert (run.status, run.ended_commit) == ("ended", run.requested_commit)


def test_a_source_that_always_held_all_its_records_is_not_limited(whole_index):
    set_holdings(whole_index, OPERATOR, "school", Holdings.ALL)
    with whole_index.database.read(OPERATOR) as unit:
        assert find_limited_sources(unit) == set()
