"""Test the list of a source's retired enterprise IDs."""

import pytest

from mpi.domain.errors import AccessDenied, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer
from mpi.service.persons.persons import look_up_person
from mpi.service.records.withdrawal import withdraw
from mpi.service.source_merges.retired_ids import list_retired_ids
from mpi.service.stewardship.merge_split_move import StepOptions, merge, split
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR
from tests.unit.service.resolution.test_source_assertions import ZOE, eid_of, send_record
from tests.unit.service.source_merges.test_source_merges import DISTRICT, ULF, state, statement
from tests.unit.service.stewardship.test_decisions import record_refs, upsert_record


@pytest.fixture
def children(index):
    """Three strangers of ccwis, with the local IDs 1 to 3."""
    upsert_record(index, "ccwis:1")
    send_record(index, "ccwis:2", **ZOE)
    send_record(index, "ccwis:3", **ULF)
    return index


def retired(index, viewer=OPERATOR, source="ccwis", **options):
    page = list_retired_ids(index, viewer, source, **options)
    return [(each.enterprise_id, each.now) for each in page.retired]


def test_merged_id_is_listed_with_its_survivor_until_it_lives_again(children):
    before = eid_of(children, "ccwis:1"), eid_of(children, "ccwis:2")
    step = state(children, statement("2", "1")).step
    survivor = eid_of(children, "ccwis:1")
    [loser] = set(before) - {survivor}
    [listed] = list_retired_ids(children, OPERATOR, "ccwis").retired
    assert (listed.enterprise_id, listed.now) == (loser, (survivor,))
    assert listed.local_ids == (("1",) if loser == before[0] else ("2",))
    undo_step(children, OPERATOR, step)
    assert retired(children) == []


def test_survivors_are_those_of_today(children):
    pair = [eid_of(children, "ccwis:1"), eid_of(children, "ccwis:2")]
    first = merge(children, OPERATOR, pair, StepOptions("x"))
    middle, last = eid_of(children, "ccwis:1"), eid_of(children, "ccwis:3")
    assert [now for _, now in retired(children)] == [(middle,)]
    second = merge(children, OPERATOR, [middle, last], StepOptions("x"), survivor=last)
    assert [now for _, now in retired(children)] == [(last,), (last,)]
    split(
        children,
        OPERATOR,
        last,
        [record_refs("ccwis:1"), record_refs("ccwis:2", "ccwis:3")],
        StepOptions("x", supersedes=(*first.decisions, *second.decisions)),
    )
    require_answers_of_look_ups(children)


def require_answers_of_look_ups(index, viewer=DISTRICT):
    """Compare the list with what a look-up by the source answers."""
    for eid, now in retired(index, viewer):
        view = look_up_person(index, viewer, eid)
        assert (view.status, view.now) == ("retired", now)


def test_list_follows_from_the_source_s_own_records(children):
    """An ID that another source still has is retired for the source that lost it."""
    send_record(children, "sis:9", **ZOE)
    shared_eid = eid_of(children, "ccwis:2")
    assert eid_of(children, "sis:9") == shared_eid
    state(children, statement("2", "3"))
    listed = retired(children)
    assert listed == retired(children, DISTRICT)
    require_answers_of_look_ups(children)
    assert retired(children, source="sis") == []


def test_withdrawn_child_is_not_retired(children):
    withdraw(children, OPERATOR, "ccwis", "2")
    assert retired(children) == []
    send_record(children, "ccwis:2", **ZOE)
    assert retired(children) == []


def test_sealed_record_leaves_no_trace(children):
    state(children, statement("2", "1"))
    send_record(children, "ccwis:1", restrictions=[{"kind": "sealed"}])
    send_record(children, "ccwis:2", **ZOE, restrictions=[{"kind": "sealed"}])
    assert retired(children) == []


def test_pages_list_each_id_once_in_order(children):
    send_record(children, "ccwis:4", first_name="Ida", last_name="Moe", birth_date="2003-03-03")
    state(children, statement("2", "1"), statement("3", "1"))
    state(children, statement("4", "1"))
    whole = list_retired_ids(children, OPERATOR, "ccwis")
    assert (whole.cursor, len(whole.retired)) == (None, 3)
    listed, after = [], None
    while True:
        page = list_retired_ids(children, OPERATOR, "ccwis", after=after, limit=1)
        listed += page.retired
        after = page.cursor
        if after is None:
            break
    assert listed == list(whole.retired)
    assert [each.retired_at for each in listed] == sorted(each.retired_at for each in listed)


def test_since_leaves_out_earlier_ones(children):
    state(children, statement("2", "1"))
    [listed] = list_retired_ids(children, OPERATOR, "ccwis").retired
    assert len(retired(children, since=listed.retired_at)) == 1
    assert retired(children, since="2999-01-01") == []
    assert len(retired(children, since="2020-01-01")) == 1


@pytest.mark.parametrize("options", [{"since": "soon"}, {"after": "x"}, {"after": "1"}, {"after": "-1-T"}])
def test_wrong_parameters_are_refused(children, options):
    with pytest.raises(InputError):
        retired(children, **options)


def test_who_may_not_read_the_crosswalk_gets_no_list(children):
    reader = Viewer("reader", None, frozenset({Action.RECORD_READ}), frozenset({"ccwis"}))
    with pytest.raises(AccessDenied):
        retired(children, reader)
    with pytest.raises(AccessDenied):
        retired(children, DISTRICT, "sis")
    with pytest.raises(NotFoundError):
        retired(children, OPERATOR, "nowhere")


def test_record_that_returns_to_another_child_retires_the_id(children):
    old = eid_of(children, "ccwis:2")
    withdraw(children, OPERATOR, "ccwis", "2")
    state(children, statement("2", "1"))
    send_record(children, "ccwis:2", **ZOE)
    assert eid_of(children, "ccwis:1") == eid_of(children, "ccwis:2")
    require_answers_of_look_ups(children)
    assert old == eid_of(children, "ccwis:2") or old in dict(retired(children))
