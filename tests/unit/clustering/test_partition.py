"""Partition of one component into clusters: laws 1 and 3."""

from itertools import combinations, permutations

from hypothesis import given
from hypothesis import strategies as st

from mpi.clustering.component import Component, find_components, order_pair
from mpi.clustering.partition import ReviewReason, is_fully_linked, partition
from mpi.domain.decision import Authority, Decision, DecisionKind
from mpi.domain.weight import Thresholds

THRESHOLDS = Thresholds(link=14, review=8, margin=3)
APART = -12.0


def component(weights, decisions=(), records=None):
    records = sorted(records or {record for edge in weights for record in edge})
    full = {order_pair(a, b): APART for a, b in combinations(records, 2)}
    full.update({order_pair(*edge): bits for edge, bits in weights.items()})
    return Component(tuple(records), full, tuple(decisions))


def clusters(weights, decisions=(), records=None):
    return partition(component(weights, decisions, records), THRESHOLDS).clusters


def same(*records, number=1, authority=Authority.STEWARD):
    return Decision(number, DecisionKind.SAME, authority, (tuple(records),))


def different(*groups, number=2, authority=Authority.STEWARD):
    return Decision(number, DecisionKind.DIFFERENT, authority, groups)


def test_a_pair_at_the_link_threshold_is_linked_and_one_below_is_reviewed():
    assert clusters({(1, 2): 14.0}) == ((1, 2),)
    result = partition(component({(1, 2): 13.999999}), THRESHOLDS)
    assert result.clusters == ((1,), (2,))
    assert [(doubt.pair, doubt.reason) for doubt in result.review_pairs] == [((1, 2), ReviewReason.BAND)]


def test_three_records_of_law_1_give_one_partition_in_all_six_orders():
    answers = set()
    for a, b, c in permutations((1, 2, 3)):
        result = partition(component({(a, b): 16.0, (a, c): 15.0, (b, c): -5.0}), THRESHOLDS)
        names = {a: "A", b: "B", c: "C"}
        answers.add(
            (
                frozenset(frozenset(names[r] for r in cluster) for cluster in result.clusters),
                frozenset((frozenset(names[r] for r in d.pair), d.reason) for d in result.review_pairs),
            )
        )
    [(persons, doubts)] = answers
    assert persons == {frozenset("A"), frozenset("B"), frozenset("C")}
    assert doubts == {(frozenset("AB"), ReviewReason.AMBIGUOUS), (frozenset("AC"), ReviewReason.AMBIGUOUS)}


def test_two_candidates_that_match_each_other_are_not_ambiguous():
    assert clusters({(1, 2): 16.0, (1, 3): 15.0, (2, 3): 18.0}) == ((1, 2, 3),)


def test_several_records_of_one_child_outweigh_one_poor_pair():
    strong_pairs = {order_pair(a, b): 25.0 for a, b in combinations((1, 2, 3), 2)}
    weaker_pairs = {(1, 4): 20.0, (2, 4): 20.0, (3, 4): 20.0}
    weights = {**strong_pairs, **weaker_pairs, (5, 1): 20.0, (5, 2): 20.0, (5, 3): 20.0, (4, 5): -1.0}
    assert clusters(weights) == ((1, 2, 3, 4, 5),)


def test_a_best_record_does_not_support_a_stranger_of_the_other():
    assert clusters({(1, 2): 25.0, (1, 3): 24.0, (2, 3): -5.0}) == ((1,), (2,), (3,))


def partition_strangers(weights, *, uncorroborated=(), opposed=()):
    whole = component(weights)
    uncorroborated_pairs, opposed_pairs = (
        frozenset(order_pair(*edge) for edge in edges) for edges in (uncorroborated, opposed)
    )
    return partition(
        Component(whole.records, whole.weights, (), 0.0, uncorroborated_pairs, opposed_pairs), THRESHOLDS
    )


def test_two_strangers_with_one_name_and_birth_date_make_each_other_doubtful():
    # 1 is child welfare's record; 2 and 3 are similar students with different state IDs.
    result = partition_strangers(
        {(1, 2): 20.0, (1, 3): 20.0, (2, 3): 11.0},
        uncorroborated=[(1, 2), (1, 3)],
        opposed=[(2, 3)],
    )
    assert result.clusters == ((1,), (2,), (3,))
    assert {(doubt.pair, doubt.reason) for doubt in result.review_pairs} == {
        ((1, 2), ReviewReason.AMBIGUOUS),
        ((1, 3), ReviewReason.AMBIGUOUS),
        ((2, 3), ReviewReason.BAND),
    }


def test_an_opposed_pair_does_not_affect_corroborated_links():
    weights = {(1, 2): 20.0, (1, 3): 20.0, (2, 3): 11.0}
    assert partition_strangers(weights, opposed=[(2, 3)]).clusters == ((1, 2, 3),)


def test_several_records_do_not_support_a_stranger_with_their_name_and_birth_date():
    own_pairs = {order_pair(a, b): 25.0 for a, b in combinations((1, 2, 3), 2)}
    uncorroborated = [(1, 4), (2, 4)]
    result = partition_strangers(
        {**own_pairs, **dict.fromkeys(uncorroborated, 20.0), (3, 4): 11.0},
        uncorroborated=uncorroborated,
        opposed=[(3, 4)],
    )
    assert result.clusters == ((1, 2, 3), (4,))


def test_a_margin_of_0_leaves_everything_to_cohesion():
    research = Thresholds(link=14, review=14, margin=0, cohesion=4)
    weights = {(1, 2): 16.0, (1, 3): 15.0}
    assert partition(component({**weights, (2, 3): -5.0}), research).clusters == ((1, 2, 3),)
    assert partition(component({**weights, (2, 3): -8.0}), research).clusters == ((1, 2), (3,))


def test_a_second_best_beyond_the_margin_does_not_affect_the_best_link():
    result = partition(component({(1, 2): 25.0, (1, 3): 15.0}), THRESHOLDS)
    assert result.clusters == ((1, 2), (3,))
    assert [doubt.reason for doubt in result.review_pairs] == [ReviewReason.SECOND_BEST]


def test_similar_twins_in_two_sources_are_paired_correctly():
    jayden_c, jaylen_c, jayden_s, jaylen_s = 1, 2, 3, 4
    across = {(jayden_c, jaylen_s): 10.0, (jaylen_c, jayden_s): 10.0}
    twins = {(jayden_c, jaylen_c): 9.0, (jayden_s, jaylen_s): 9.0}
    correct = {(jayden_c, jayden_s): 24.0, (jaylen_c, jaylen_s): 24.0}
    assert clusters(correct | across | twins) == ((1, 3), (2, 4))


def test_a_weak_bridge_does_not_merge_two_families():
    left = {(1, 2): 20.0, (1, 3): 20.0, (2, 3): 20.0}
    right = {(4, 5): 20.0, (4, 6): 20.0, (5, 6): 20.0}
    result = partition(component(left | right | {(3, 4): 14.5}), THRESHOLDS)
    assert result.clusters == ((1, 2, 3), (4, 5, 6))
    assert (3, 4) in [doubt.pair for doubt in result.review_pairs]


def test_same_joins_what_the_model_separates_and_different_separates_what_it_joins():
    assert clusters({(1, 2): APART}, [same(1, 2)]) == ((1, 2),)
    assert clusters({(1, 2): 40.0}, [different((1,), (2,))]) == ((1,), (2,))


def test_a_different_between_groups_holds_for_a_record_that_would_bridge_them():
    strong_pairs = {(1, 2): 20.0, (1, 3): 20.0, (2, 3): 20.0}
    result_clusters = clusters(strong_pairs, [different((1,), (2,))])
    assert all(not {1, 2} <= set(cluster) for cluster in result_clusters)


def test_unsure_is_no_constraint():
    unsure = Decision(1, DecisionKind.UNSURE, Authority.STEWARD, ((1, 2),))
    assert clusters({(1, 2): 20.0}, [unsure]) == ((1, 2),)


def test_higher_authority_wins_and_different_wins_within_one_authority():
    weights = {(1, 2): 0.0}
    steward_same = same(1, 2, authority=Authority.STEWARD)
    source_apart = different((1,), (2,), authority=Authority.SOURCE)
    assert clusters(weights, [steward_same, source_apart]) == ((1, 2),)
    steward_apart = different((1,), (2,), authority=Authority.STEWARD)
    result = partition(component(weights, [steward_same, steward_apart]), THRESHOLDS)
    assert result.clusters == ((1,), (2,))
    assert result.suspended == (steward_same,)


def test_the_weakest_same_in_a_chain_that_meets_a_different_is_suspended():
    strong, weak = same(1, 2, number=1), same(2, 3, number=2)
    apart = different((1,), (3,), number=3)
    weights = {(1, 2): 9.0, (2, 3): 2.0, (1, 3): 0.0}
    for order in permutations([strong, weak, apart]):
        result = partition(component(weights, order), THRESHOLDS)
        assert result.clusters == ((1, 2), (3,))
        assert result.suspended == (weak,)


def test_a_withdrawn_record_keeps_its_place_in_a_chain_of_decisions():
    withdrawn = 2
    chain = [same(1, withdrawn, number=1), same(withdrawn, 3, number=2)]
    assert clusters({(1, 3): APART}, chain) == ((1, 3),)


bits = st.one_of(
    st.floats(-30, 40, allow_nan=False).map(lambda value: round(value, 6)),
    st.sampled_from([14.0, 13.0, 11.0, 16.0, 15.0, -5.0, 0.0]),
)


@st.composite
def weighted_pairs(draw, max_records=7):
    records = draw(st.lists(st.integers(-50, 50), min_size=1, max_size=max_records, unique=True))
    return {order_pair(a, b): draw(bits) for a, b in combinations(records, 2)}, records


@st.composite
def pairs_with_decisions(draw):
    weights, records = draw(weighted_pairs())
    decisions = []
    for number in range(draw(st.integers(0, 3)) if len(records) > 1 else 0):
        members = draw(st.lists(st.sampled_from(records), min_size=2, max_size=4, unique=True))
        authority = draw(st.sampled_from([Authority.SOURCE, Authority.STEWARD]))
        if draw(st.booleans()):
            decisions.append(same(*sorted(members), number=number, authority=authority))
        else:
            cut = draw(st.integers(1, len(members) - 1))
            groups = tuple(sorted(members[:cut])), tuple(sorted(members[cut:]))
            decisions.append(different(*groups, number=number, authority=authority))
    return weights, records, decisions


@given(pairs_with_decisions(), st.randoms(use_true_random=False))
def test_the_partition_does_not_depend_on_the_order_of_its_inputs(case, random):
    weights, records, decisions = case
    expected = partition(component(weights, decisions, records), THRESHOLDS)
    edges, shuffled = list(weights.items()), list(decisions)
    random.shuffle(edges)
    random.shuffle(shuffled)
    assert partition(Component(tuple(sorted(records)), dict(edges), tuple(shuffled)), THRESHOLDS) == expected


@given(pairs_with_decisions())
def test_clusters_cover_every_record_once_and_respect_every_different(case):
    weights, records, decisions = case
    result = partition(component(weights, decisions, records), THRESHOLDS)
    assert sorted(r for cluster in result.clusters for r in cluster) == sorted(records)
    for decision in decisions:
        if decision in result.suspended:
            continue
        groups = [set(group) for group in decision.groups]
        for cluster in result.clusters:
            members = set(cluster)
            if decision.kind is DecisionKind.SAME:
                assert groups[0] <= members or not groups[0] & members
            else:
                assert sum(bool(group & members) for group in groups) <= 1


@given(pairs_with_decisions(), pairs_with_decisions())
def test_the_partition_of_the_whole_is_the_union_of_its_pieces(first, second):
    shift = 1000
    weights, records, decisions = first
    other_weights, other_records, _ = second
    weights = weights | {order_pair(a + shift, b + shift): value for (a, b), value in other_weights.items()}
    records = [*records, *(record + shift for record in other_records)]
    across = {order_pair(a, b): APART for a, b in combinations(records, 2)} | weights
    whole = partition(Component(tuple(sorted(records)), across, tuple(decisions)), THRESHOLDS)
    parts = []
    for piece in find_components(records, across, decisions, THRESHOLDS):
        inside = {edge: value for edge, value in across.items() if set(edge) <= set(piece.records)}
        parts += partition(Component(piece.records, inside, piece.decisions), THRESHOLDS).clusters
    assert sorted(parts) == sorted(whole.clusters)


@given(weighted_pairs(), st.data())
def test_an_edge_below_the_influence_floor_changes_nothing(case, data):
    weights, records = case
    low_edges = [edge for edge, value in weights.items() if value < 0]
    if not low_edges:
        return
    edge = data.draw(st.sampled_from(low_edges))
    before = [p.records for p in find_components(records, weights, (), THRESHOLDS)]
    after = [p.records for p in find_components(records, {**weights, edge: APART}, (), THRESHOLDS)]
    assert before == after


def test_an_oversized_component_is_cut_at_its_weakest_edges_and_marked():
    chain = {(n, n + 1): 30.0 if n % 10 else 12.0 for n in range(60)}
    pieces = find_components(range(61), chain, (), THRESHOLDS)
    assert max(len(piece.records) for piece in pieces) <= 50
    assert any(piece.raised_bits for piece in pieces)
    assert sorted(record for piece in pieces for record in piece.records) == list(range(61))


def test_records_joined_by_decisions_stay_together_however_many():
    decision = same(*range(60))
    [piece] = find_components(range(60), {}, [decision], THRESHOLDS)
    assert len(piece.records) == 60


BITS = st.floats(-30, 40).map(lambda bits: round(bits, 6))


@given(BITS, st.floats(0, 6), st.sampled_from([0.0, 2.0, 6.0]))
def test_a_single_pair_follows_the_general_rules(bits, cohesion, raised_bits):
    thresholds = Thresholds(link=14, review=8, margin=3, cohesion=cohesion)
    pair = Component((1, 2), {(1, 2): bits}, raised_bits=raised_bits)
    # UNSURE binds nothing, but a decision makes the partition use the general rules.
    unsure = Decision(1, DecisionKind.UNSURE, Authority.STEWARD, ((1, 2),))
    general = Component((1, 2), {(1, 2): bits}, (unsure,), raised_bits=raised_bits)
    assert partition(pair, thresholds) == partition(general, thresholds)


@given(
    st.dictionaries(st.tuples(st.integers(0, 90), st.integers(0, 90)), st.floats(5, 20), max_size=200),
    st.lists(st.lists(st.integers(0, 99), min_size=2, max_size=4, unique=True), max_size=6),
    st.sets(st.integers(0, 90)),
)
def test_pieces_follow_edges_and_decisions_and_large_ones_are_raised(weights, groups, withdrawn):
    edges = {order_pair(*edge): bits for edge, bits in weights.items() if edge[0] != edge[1]}
    decisions = [same(*records, number=number) for number, records in enumerate(groups, 1)]
    active = set(range(100)) - withdrawn
    pieces = find_components(active, edges, decisions, THRESHOLDS)
    assert sorted(record for piece in pieces for record in piece.records) == sorted(active)
    piece_of = {record: number for number, piece in enumerate(pieces) for record in piece.records}
    for (left, right), bits in edges.items():
        if {left, right} <= active and piece_of[left] != piece_of[right]:
            raised_bits = max(pieces[piece_of[end]].raised_bits for end in (left, right))
            assert bits < THRESHOLDS.influence_floor + raised_bits
    for decision in decisions:
        active_records = [record for record in decision.groups[0] if record in active]
        assert len({piece_of[record] for record in active_records}) <= 1
        assert all(decision in pieces[piece_of[record]].decisions for record in active_records)


@given(
    st.lists(st.sampled_from([-1.0, 0.0, 13.999999, 14.0, 16.0, 21.0, 30.0]), min_size=6, max_size=6),
    st.sampled_from([0.0, 14.0, 20.0, 25.0]),
    st.sampled_from([0.0, 2.0]),
)
def test_fully_linked_records_are_one_person_by_the_general_rules_too(bits, cohesion, raised_bits):
    thresholds = Thresholds(link=14, review=8, margin=3, cohesion=cohesion)
    weights = dict(zip(combinations((1, 2, 3, 4), 2), bits, strict=True))
    unsure = Decision(1, DecisionKind.UNSURE, Authority.STEWARD, ((1,), (2,)))
    fast = partition(Component((1, 2, 3, 4), weights, (), raised_bits), thresholds)
    # A decision that constrains nothing makes the partition use the general rules.
    general = partition(Component((1, 2, 3, 4), weights, (unsure,), raised_bits), thresholds)
    assert (fast.clusters, fast.review_pairs) == (general.clusters, general.review_pairs)
    if is_fully_linked(Component((1, 2, 3, 4), weights, (), raised_bits), thresholds):
        assert fast.clusters == ((1, 2, 3, 4),)
