"""Assignment of persons to clusters: law 2."""

from hypothesis import given
from hypothesis import strategies as st

from mpi.clustering.assignment import Holder, HolderStatus, SurvivorKey, assign_persons


def active(person, *records):
    return Holder(person, HolderStatus.ACTIVE, frozenset(records))


def retired(person, *records):
    return Holder(person, HolderStatus.RETIRED, frozenset(records))


def empty(person, *records):
    return Holder(person, HolderStatus.EMPTY, frozenset(records))


def assign(clusters, history, survivor=None):
    plan = assign_persons(clusters, history, survivor or {})
    return {a.cluster: a.person for a in plan.assignments}, plan.retired


def test_unchanged_clusters_keep_their_ids_and_new_ones_are_minted():
    assert assign([(1, 2), (3,)], [active(7, 1, 2)]) == ({(1, 2): 7, (3,): None}, ())


def test_after_a_split_the_id_stays_with_most_of_its_last_records():
    assert assign([(1,), (2, 3)], [active(7, 1, 2, 3)]) == ({(1,): None, (2, 3): 7}, ())


def test_an_even_split_is_decided_by_canonical_key():
    assert assign([(2, 3), (1, 4)], [active(7, 1, 2, 3, 4)]) == ({(1, 4): 7, (2, 3): None}, ())


def test_a_merge_prefers_an_open_enrollment_then_most_holders_then_the_oldest():
    history = [active(7, 1), active(9, 2, 3)]
    enrolled = {7: SurvivorKey(open_enrollment=True, holders=1), 9: SurvivorKey(holders=2)}
    assert assign([(1, 2, 3)], history, enrolled) == ({(1, 2, 3): 7}, (9,))
    assert assign([(1, 2, 3)], history, {9: SurvivorKey(holders=2)}) == ({(1, 2, 3): 9}, (7,))
    even_keys = {7: SurvivorKey(holders=1), 9: SurvivorKey(holders=1)}
    assert assign([(1, 2)], [active(9, 2), active(7, 1)], even_keys) == ({(1, 2): 7}, (9,))


def test_an_undo_prefers_persons_who_held_records_before():
    history = [active(7, 1, 2), active(9, 3)]
    keys = {7: SurvivorKey(open_enrollment=True, holders=2, is_newer=True), 9: SurvivorKey(holders=1)}
    assert assign([(1, 2, 3)], history, keys) == ({(1, 2, 3): 9}, (7,))
    keys_both_newer = {7: keys[7], 9: SurvivorKey(holders=1, is_newer=True)}
    assert assign([(1, 2, 3)], history, keys_both_newer) == ({(1, 2, 3): 7}, (9,))


def test_a_person_that_loses_its_best_cluster_keeps_its_id_on_the_rest():
    history = [active(7, 1, 2), active(9, 3, 4)]
    survivor = {7: SurvivorKey(holders=2), 9: SurvivorKey(holders=2)}
    assert assign([(1, 2, 3), (4,)], history, survivor) == ({(1, 2, 3): 7, (4,): 9}, ())


def test_a_retired_id_is_revived_when_its_records_are_a_separate_person():
    history = [active(7, 1, 2), retired(9, 2)]
    assert assign([(1,), (2,)], history) == ({(1,): 7, (2,): 9}, ())


def test_undoing_a_merge_restores_both_ids_whichever_part_is_larger():
    history = [active(7, 1, 2, 3), retired(9, 2, 3)]
    assert assign([(1,), (2, 3)], history) == ({(1,): 7, (2, 3): 9}, ())
    assert assign([(2, 3)], history) == ({(2, 3): 7}, ())


def test_a_retired_id_stays_retired_while_its_records_are_apart():
    history = [active(7, 1, 2, 3, 4), retired(9, 3, 4)]
    plan = assign_persons([(1, 2), (3,), (4,)], history, {})
    assert {a.cluster: a.person for a in plan.assignments} == {(1, 2): 7, (3,): None, (4,): None}


def test_an_empty_person_gets_the_first_record_that_returns():
    assert assign([(1,)], [empty(7, 1, 2)]) == ({(1,): 7}, ())


def test_an_empty_person_does_not_displace_an_active_person():
    assert assign([(1, 2)], [empty(7, 1), active(9, 2)]) == ({(1, 2): 9}, (7,))


@st.composite
def histories(draw):
    records = draw(st.lists(st.integers(0, 12), min_size=1, max_size=9, unique=True))
    groups: dict[int, list[int]] = {}
    for record in records:
        groups.setdefault(draw(st.integers(0, 4)), []).append(record)
    owners: dict[int, list[int]] = {}
    for record in records:
        owners.setdefault(draw(st.integers(0, 4)), []).append(record)
    history = [active(person, *person_records) for person, person_records in owners.items()]
    retired_persons = draw(st.lists(st.integers(10, 14), max_size=3, unique=True))
    history += [retired(p, *draw(st.lists(st.sampled_from(records), min_size=1))) for p in retired_persons]
    survivor = {
        person: SurvivorKey(draw(st.booleans()), draw(st.integers(0, 3)))
        for person in [*owners, *retired_persons]
    }
    return [tuple(sorted(group)) for group in groups.values()], history, survivor


@given(histories(), st.randoms(use_true_random=False))
def test_the_plan_does_not_depend_on_the_order_of_its_inputs(case, random):
    clusters, history, survivor = case
    expected = assign_persons(clusters, history, survivor)
    random.shuffle(clusters)
    random.shuffle(history)
    assert assign_persons(clusters, history, survivor) == expected


@given(histories())
def test_no_id_is_used_twice_and_a_repeated_plan_changes_nothing(case):
    clusters, history, survivor = case
    plan = assign_persons(clusters, history, survivor)
    assigned = [a.person for a in plan.assignments if a.person is not None]
    assert len(assigned) == len(set(assigned))
    assert not set(assigned) & set(plan.retired)
    next_person = 100
    new_history = []
    for a in plan.assignments:
        next_person += 1
        new_history.append(active(a.person if a.person is not None else next_person, *a.cluster))
    second_plan = assign_persons(clusters, new_history, survivor)
    assert {a.cluster: a.person for a in second_plan.assignments} == {
        tuple(sorted(h.records)): h.person for h in new_history
    }
    assert second_plan.retired == ()


@given(histories())
def test_an_id_is_retired_only_when_no_part_of_it_is_left_without_one(case):
    clusters, history, survivor = case
    plan = assign_persons(clusters, history, survivor)
    new_clusters = {a.cluster for a in plan.assignments if a.person is None}
    records_by_person = {holder.person: holder.records for holder in history}
    for person in plan.retired:
        assert not any(records_by_person[person] & set(cluster) for cluster in new_clusters)
