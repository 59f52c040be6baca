"""Test blind review: reproducible samples, judged without hints, and claims for errors."""

from dataclasses import replace
from itertools import pairwise

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.quality_rules import QualityRules
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import ACTIONS_BY_ROLE, APPROVER_ASSIGNEE, Role
from mpi.domain.viewer import Action, Viewer
from mpi.domain.weight import Band
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.review.answers.pair_answers import PairVerdict, answer_question
from mpi.service.review.queue import Filters, load_queue_page
from mpi.service.review.task_list import list_review_tasks
from mpi.service.sampling import blind_sample
from mpi.service.sampling.blind_review import answer_blind_pair, get_next_blind_pair, sample_second_review
from mpi.service.sampling.blind_sample import Stratum, draw_blind_sample
from mpi.service.stewardship.decisions import DecisionRequest, decide
from tests.index import OPERATOR, crosswalk, load_rows, make_child, many_children, with_settings, with_tuning

STEWARD = frozenset({Action.TASK_WORK, Action.TASK_READ, Action.LINK_REPORT, Action.RECORD_READ})


def steward(name, *sources):
    return Viewer(name, "data_quality", STEWARD, frozenset(sources) if sources else None)


def load_linked_and_doubtful_pairs(index, families=6):
    """Load linked children of both sources, and as many pairs to review."""
    children = many_children(families)
    load_rows(index, "sis", *children, *(
        make_child(f"r{n}", first_name=f"Marietta{'abcdef'[n]}", last_name=f"Vandermeer{'abcdef'[n]}",
                birth_date=f"201{n}-05-06", postal_code=None)
        for n in range(families)
    ))  # fmt: skip
    load_rows(index, "ccwis", *children, *(
        make_child(f"r{n}", first_name=f"Mariettr{'abcdef'[n]}", last_name=f"Vandermeel{'abcdef'[n]}",
                birth_date=f"201{n}-05-06", postal_code=None)
        for n in range(families)
    ))  # fmt: skip


def sampled_pairs(index):
    with index.database.read(OPERATOR) as unit:
        return unit.blind_pairs.samples("0000-00", "9999-99")


def judge(index, viewer, verdict):
    shown = get_next_blind_pair(index, viewer)
    return answer_blind_pair(index, viewer, shown.id, verdict)


def change_record(index, record):
    """Change a record: its child gets a phone number."""
    label = record.label
    sent = {**record.values, "local_id": label.local_id, "phone": "+16145550123"}
    upsert(index, OPERATOR, label.source, sent)


def pair_of(index, stratum):
    return next(pair for pair in sampled_pairs(index) if pair.stratum == stratum)


def test_sample_contains_links_and_unlinked_pairs_with_stratum_sizes(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index)
    sample = draw_blind_sample(sqlite_index, OPERATOR)
    by_name = {stratum.stratum: stratum for stratum in sample.strata}
    assert by_name[Stratum.LINKED_STRONG].pairs == 6
    assert by_name[Stratum.REVIEW].pairs == 6
    assert all(stratum.seen == stratum.pairs == stratum.drawn for stratum in sample.strata)
    assert {pair.linked for pair in sampled_pairs(sqlite_index) if pair.stratum == Stratum.REVIEW} == {False}
    assert {pair.linked for pair in sampled_pairs(sqlite_index) if pair.stratum == Stratum.LINKED_STRONG} == {
        True
    }


def test_sample_is_drawn_once_and_only_for_the_current_month(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index)
    first = draw_blind_sample(sqlite_index, OPERATOR)
    assert first.new
    repeated = draw_blind_sample(sqlite_index, OPERATOR, first.month)
    assert (repeated.new, repeated.strata) == (False, first.strata)
    assert len(sampled_pairs(sqlite_index)) == sum(stratum.drawn for stratum in first.strata)
    with pytest.raises(InputError, match="this month"):
        draw_blind_sample(sqlite_index, OPERATOR, "2020-01")
    with pytest.raises(InputError, match="size"):
        draw_blind_sample(sqlite_index, OPERATOR, size=2)


def test_sample_is_determined_by_the_secret_and_the_month(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index)
    seed = sqlite_index.keyed_hash.to_int64("blind-sample", "2026-11")
    with sqlite_index.database.read(OPERATOR) as unit:
        candidates = blind_sample._collect_pairs(unit, sqlite_index, seed)
        first, second = (blind_sample._draw_pairs(unit, sqlite_index, candidates, seed, 8) for _ in range(2))
        other_seed_pairs = blind_sample._draw_pairs(unit, sqlite_index, candidates, seed + 1, 8)
    assert first == second
    assert [(pair.lo, pair.hi) for pair in first] != [(pair.lo, pair.hi) for pair in other_seed_pairs]


def test_pair_number_does_not_reveal_the_stratum(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index)
    draw_blind_sample(sqlite_index, OPERATOR)
    strata = [pair.stratum for pair in sampled_pairs(sqlite_index)]
    changes = sum(left != right for left, right in pairwise(strata))
    assert changes > len(set(strata)) - 1


def test_large_index_is_sampled_in_part_and_its_strata_are_estimated(sqlite_index):
    load_rows(sqlite_index, "sis", *many_children(300))
    load_rows(sqlite_index, "ccwis", *many_children(300))
    sqlite_index = with_tuning(sqlite_index, review={"sampled_records": 200})
    sample = draw_blind_sample(sqlite_index, OPERATOR)
    [strong] = [stratum for stratum in sample.strata if stratum.stratum is Stratum.LINKED_STRONG]
    assert 60 < strong.seen < 140
    assert strong.pairs == 3 * strong.seen


def test_decided_pairs_are_not_sampled(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index)
    labels = [RecordRef("sis", "r0"), RecordRef("ccwis", "r0")]
    decide(
        sqlite_index, OPERATOR, DecisionRequest(DecisionKind.DIFFERENT, [[labels[0]], [labels[1]]], "twin")
    )
    joined = [RecordRef("sis", "c0"), RecordRef("ccwis", "c0")]
    decide(sqlite_index, OPERATOR, DecisionRequest(DecisionKind.SAME, [joined], "same-child"))
    by_name = {stratum.stratum: stratum.pairs for stratum in draw_blind_sample(sqlite_index, OPERATOR).strata}
    assert by_name[Stratum.LINKED_STRONG] == 5
    assert by_name[Stratum.REVIEW] == 5


def test_pair_hides_weight_and_result_until_it_is_answered(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index, 1)
    draw_blind_sample(sqlite_index, OPERATOR)
    ana = steward("ana")
    shown = get_next_blind_pair(sqlite_index, ana)
    assert {record.label.source for record in shown.records} == {"sis", "ccwis"}
    assert set(shown.__slots__) == {"id", "records", "left"}
    assert set(shown.records[0].__slots__) == {"label", "as_of", "values"}
    assert "enterprise_id" not in shown.records[0].values
    answer = answer_blind_pair(sqlite_index, ana, shown.id, "same")
    pair = next(pair for pair in sampled_pairs(sqlite_index) if pair.id == shown.id)
    assert (answer.match_weight, answer.linked) == (pair.bits, pair.linked)
    assert answer.band is (Band.LINK if pair.linked else Band.REVIEW)


def test_order_of_the_two_records_varies(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index)
    draw_blind_sample(sqlite_index, OPERATOR)
    sources, ana = set(), steward("ana")
    while (shown := get_next_blind_pair(sqlite_index, ana)) is not None:
        sources.add(shown.records[0].label.source)
        answer_blind_pair(sqlite_index, ana, shown.id, "unsure")
    assert sources == {"sis", "ccwis"}


def test_flags_and_a_confidential_address_are_hidden(sqlite_index):
    child = make_child(
        "1", first_name="Zuleika", last_name="Abernathy", address_line1="12 Elm St", phone="5551234567"
    )
    hidden = {
        "flags": [{"population": "homeless", "value": "Y", "definition": "ESSA"}],
        "restrictions": [{"kind": "address_confidential"}],
    }
    load_rows(sqlite_index, "sis", {**child, **hidden})
    load_rows(sqlite_index, "ccwis", child)
    draw_blind_sample(sqlite_index, OPERATOR)
    by_source = {
        record.label.source: record.values
        for record in get_next_blind_pair(sqlite_index, steward("ana")).records
    }
    assert not {"flags", "restrictions"} & by_source["sis"].keys()
    # The other agency's record would reveal the confidential address.
    for values in by_source.values():
        assert not {"address_line1", "addresses", "phone", "postal_code"} & values.keys()
        assert values["first_name"] == "Zuleika"


def test_judge_is_told_no_weight_that_rests_on_a_withheld_address(sqlite_index):
    child = make_child("1", first_name="Zuleika", last_name="Abernathy")
    load_rows(sqlite_index, "sis", {**child, "restrictions": [{"kind": "address_confidential"}]})
    load_rows(sqlite_index, "ccwis", child, {**child, "local_id": "2"})
    draw_blind_sample(sqlite_index, OPERATOR)
    assert max(pair.bits for pair in sampled_pairs(sqlite_index)) == pytest.approx(21.2, abs=0.1)
    ana, weights = steward("ana"), []
    while get_next_blind_pair(sqlite_index, ana) is not None:
        weights.append(judge(sqlite_index, ana, "unsure").match_weight)
    assert weights == pytest.approx([16.1] * 3, abs=0.1)


def test_answer_alone_changes_no_person(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index)
    before = crosswalk(sqlite_index)
    draw_blind_sample(sqlite_index, OPERATOR)
    ana = steward("ana")
    while get_next_blind_pair(sqlite_index, ana) is not None:
        judge(sqlite_index, ana, "same")
    assert crosswalk(sqlite_index) == before


def test_link_judged_wrong_becomes_a_claim_and_a_correct_link_does_not(sqlite_index):
    load_rows(sqlite_index, "sis", *many_children(2))
    load_rows(sqlite_index, "ccwis", *many_children(2))
    before = crosswalk(sqlite_index)
    draw_blind_sample(sqlite_index, OPERATOR)
    assert judge(sqlite_index, steward("ana"), "same").claim is None
    answer = judge(sqlite_index, steward("ana"), "different")
    assert answer.linked
    [task] = list_review_tasks(sqlite_index, OPERATOR)
    assert (task.kind, task.decisions) == ("claim", (answer.claim,))
    assert crosswalk(sqlite_index) == before


def test_unlinked_pair_judged_same_becomes_a_claim_if_nobody_reviews_it(sqlite_index):
    twins = make_child("1", last_name="Quist"), make_child("2", first_name="Bjorn", last_name="Quist")
    load_rows(sqlite_index, "sis", *twins)
    draw_blind_sample(sqlite_index, OPERATOR)
    assert {pair.stratum for pair in sampled_pairs(sqlite_index)} <= {
        Stratum.BELOW,
        Stratum.REVIEW,
        Stratum.NEAR,
    }
    kinds_before = {task.kind for task in list_review_tasks(sqlite_index, OPERATOR)}
    pair = sampled_pairs(sqlite_index)[0]
    answer = judge(sqlite_index, steward("ana"), "same")
    assert (answer.claim is not None) == (pair.stratum == Stratum.BELOW)
    assert kinds_before == ({"pair"} if answer.claim is None else set())


def test_pair_is_judged_once_by_the_steward_it_was_offered_to(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index, 1)
    draw_blind_sample(sqlite_index, OPERATOR)
    shown = get_next_blind_pair(sqlite_index, steward("ana"))
    answer_blind_pair(sqlite_index, steward("ana"), shown.id, "same")
    with pytest.raises(ConflictError, match="judged already"):
        answer_blind_pair(sqlite_index, steward("ben"), shown.id, "same")
    with pytest.raises(NotFoundError):
        answer_blind_pair(sqlite_index, steward("ben"), 999, "same")
    with pytest.raises(InputError, match="verdict"):
        answer_blind_pair(sqlite_index, steward("ben"), shown.id, "perhaps")
    with pytest.raises(AccessDenied):
        get_next_blind_pair(sqlite_index, Viewer("nobody"))


def test_pair_with_a_changed_or_withdrawn_record_is_not_offered(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index, 1)
    draw_blind_sample(sqlite_index, OPERATOR)
    ana = steward("ana")
    shown = get_next_blind_pair(sqlite_index, ana)
    before = shown.left + 1
    change_record(sqlite_index, shown.records[0])
    with pytest.raises(ConflictError, match="has changed"):
        answer_blind_pair(sqlite_index, ana, shown.id, "same")
    after = get_next_blind_pair(sqlite_index, ana)
    assert after.left + 1 < before
    withdraw(sqlite_index, OPERATOR, after.records[0].label.source, after.records[0].label.local_id)
    next_pair = get_next_blind_pair(sqlite_index, ana)
    assert next_pair is None or next_pair.id != after.id


def test_steward_of_one_source_gets_no_pair_with_other_records(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index)
    draw_blind_sample(sqlite_index, OPERATOR)
    only_sis = steward("ana", "sis")
    assert get_next_blind_pair(sqlite_index, only_sis) is None
    with pytest.raises(NotFoundError):
        answer_blind_pair(sqlite_index, only_sis, sampled_pairs(sqlite_index)[0].id, "same")
    with pytest.raises(AccessDenied):
        draw_blind_sample(sqlite_index, replace(OPERATOR, sources=frozenset({"sis", "ccwis"})))


def test_shown_pair_is_logged_as_a_disclosure(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index, 1)
    draw_blind_sample(sqlite_index, OPERATOR)
    shown = get_next_blind_pair(sqlite_index, steward("ana"))
    with sqlite_index.database.read(OPERATOR) as unit:
        pair = unit.blind_pairs.get(shown.id)
        received = unit.disclosures.all()[-1]
    assert (received.client, set(received.record_ids)) == ("ana", {pair.lo, pair.hi})
    assert "birth_date" in received.fields


def add_second_review(index, actor, verdict, share=1.0):
    """Add a second review of the first child's pair of records."""
    sampling_index = with_settings(index, quality_rules=QualityRules(second_share=share))
    with index.database.write(steward(actor), "test") as unit:
        source = {name: unit.sources.get_by_code(name).id for name in ("sis", "ccwis")}
        lo = unit.records.find_by_local_ids(source["sis"], ["c0"])["c0"].id
        hi = unit.records.find_by_local_ids(source["ccwis"], ["c0"])["c0"].id
        return sample_second_review(unit, sampling_index, actor, [(lo, hi, verdict)])


def test_second_review_goes_to_another_steward(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index, 1)
    assert add_second_review(sqlite_index, "ana", "same") == 1
    assert get_next_blind_pair(sqlite_index, steward("ana")) is None
    shown = get_next_blind_pair(sqlite_index, steward("ben"))
    with pytest.raises(NotFoundError):
        answer_blind_pair(sqlite_index, steward("ana"), shown.id, "same")
    answer = answer_blind_pair(sqlite_index, steward("ben"), shown.id, "same")
    assert (answer.first_verdict, answer.claim) == ("same", None)


def test_contradicting_stewards_raise_a_claim_and_unsure_ones_do_not(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index, 1)
    for first, second, raised in (
        ("same", "different", True),
        ("unsure", "same", False),
        ("same", "unsure", False),
    ):
        add_second_review(sqlite_index, "ana", first)
        assert (judge(sqlite_index, steward("ben"), second).claim is not None) is raised
    [key] = [task.key for task in list_review_tasks(sqlite_index, OPERATOR) if task.kind == "claim"]
    with sqlite_index.database.read(OPERATOR) as unit:
        assert unit.task_work.get([key])[key].assigned_to == APPROVER_ASSIGNEE
        [action] = unit.task_work.actions_on(key)
        assert (action.action, action.actor) == ("escalate", "ben")
        claim = int(key.removeprefix("claim:"))
        assert action.detail["records"] == sorted(unit.decisions.by_ids([claim])[claim].seen)
        assert action.detail["decisions"] == {key: [claim]}


def test_share_of_second_reviews_follows_the_setting(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index, 1)
    assert add_second_review(sqlite_index, "ana", "same", share=0.0) == 0
    sampled = sum(add_second_review(sqlite_index, f"s{n}", "same", share=0.3) for n in range(120))
    assert 18 <= sampled <= 56
    assert add_second_review(sqlite_index, "ana", "ask") == 0


def test_share_of_queue_answers_gets_a_second_review(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index, 2)
    sampling_index = with_settings(sqlite_index, quality_rules=QualityRules(second_share=1.0))
    ana = Viewer("ana", "data_quality", ACTIONS_BY_ROLE[Role.STEWARD], None)
    for question in load_queue_page(sampling_index, ana, Filters()).questions:
        answer_question(
            sampling_index, ana, question.key, [PairVerdict(*question.records, "different")], "sibling"
        )
    assert load_queue_page(sampling_index, ana, Filters()).total == 0
    ben = replace(ana, client="ben")
    assert get_next_blind_pair(sampling_index, ana) is None
    shown = get_next_blind_pair(sampling_index, ben)
    assert shown.left == 1
    answer = answer_blind_pair(sampling_index, ben, shown.id, "same")
    assert (answer.first_verdict, answer.linked, answer.band) == ("different", False, Band.REVIEW)
    [raised] = load_queue_page(sampling_index, ben, Filters(state=None)).questions
    assert (raised.kind, raised.assigned_to) == ("claim", APPROVER_ASSIGNEE)


def test_pair_with_a_sealed_record_is_never_shown_again(sqlite_index):
    load_rows(sqlite_index, "sis", *many_children(1))
    load_rows(sqlite_index, "ccwis", *many_children(1))
    draw_blind_sample(sqlite_index, OPERATOR)
    shown = get_next_blind_pair(sqlite_index, steward("ana"))
    seal = {**many_children(1)[0], "restrictions": [{"kind": "sealed"}]}
    upsert(sqlite_index, OPERATOR, "ccwis", seal)
    assert get_next_blind_pair(sqlite_index, steward("ana")) is None
    with pytest.raises(NotFoundError):
        answer_blind_pair(sqlite_index, steward("ana"), shown.id, "same")
