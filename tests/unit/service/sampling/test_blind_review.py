"""The blind sample: drawn alike whoever looks, judged without a hint, and errors found go to the queue."""

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
from mpi.service.records.upsert import upsert, withdraw
from mpi.service.review.answers import PairVerdict, answer_question
from mpi.service.review.queue import Filters, load_queue_page
from mpi.service.review.task_list import list_review_tasks
from mpi.service.sampling import blind_sample
from mpi.service.sampling.blind_review import answer_blind_pair, get_next_blind_pair, sample_second_review
from mpi.service.sampling.blind_sample import Stratum, draw_blind_sample
from mpi.service.stewardship.decisions import DecisionRequest, decide
from tests.index import OPERATOR, a_child, an_index, crosswalk, load_rows, many_children, with_settings

STEWARD = frozenset({Action.TASK_WORK, Action.TASK_READ, Action.LINK_REPORT, Action.RECORD_READ})


@pytest.fixture
def index(tmp_path):
    """On SQLite; the statements are run on both stores in tests/conformance."""
    with an_index(tmp_path / "home", "sis", "ccwis") as index:
        yield index


def steward(name, *sources):
    return Viewer(name, "data_quality", STEWARD, frozenset(sources) if sources else None)


def a_state(index, families=6):
    """Children known to both sources: linked; and, as often, pairs in the review band."""
    children = many_children(families)
    load_rows(index, "sis", *children, *(
        a_child(f"r{n}", first_name=f"Marietta{'abcdef'[n]}", last_name=f"Vandermeer{'abcdef'[n]}",
                birth_date=f"201{n}-05-06", postal_code=None)
        for n in range(families)
    ))  # fmt: skip
    load_rows(index, "ccwis", *children, *(
        a_child(f"r{n}", first_name=f"Mariettr{'abcdef'[n]}", last_name=f"Vandermeel{'abcdef'[n]}",
                birth_date=f"201{n}-05-06", postal_code=None)
        for n in range(families)
    ))  # fmt: skip


def drawn_pairs(index):
    with index.database.read(OPERATOR) as unit:
        return unit.blind_pairs.samples("0000-00", "9999-99")


def judge(index, viewer, verdict):
    shown = get_next_blind_pair(index, viewer)
    return answer_blind_pair(index, viewer, shown.id, verdict)


def restate(index, record):
    """Let the source of a record say something else: its child has a telephone."""
    label = record.label
    sent = {**record.values, "local_id": label.local_id, "phone": "+16145550123"}
    upsert(index, OPERATOR, label.source, sent)


def pair_of(index, stratum):
    return next(pair for pair in drawn_pairs(index) if pair.stratum == stratum)


def test_a_sample_holds_links_and_what_was_left_apart_with_the_sizes_of_their_strata(index):
    a_state(index)
    drawn = draw_blind_sample(index, OPERATOR)
    by_name = {one.stratum: one for one in drawn.strata}
    assert by_name[Stratum.LINKED_STRONG].pairs == 6
    assert by_name[Stratum.REVIEW].pairs == 6
    assert all(one.seen == one.pairs == one.drawn for one in drawn.strata)
    assert {pair.linked for pair in drawn_pairs(index) if pair.stratum == Stratum.REVIEW} == {False}
    assert {pair.linked for pair in drawn_pairs(index) if pair.stratum == Stratum.LINKED_STRONG} == {True}


def test_a_month_is_drawn_once_and_another_month_not_at_all(index):
    a_state(index)
    first = draw_blind_sample(index, OPERATOR)
    assert first.new
    again = draw_blind_sample(index, OPERATOR, first.month)
    assert (again.new, again.strata) == (False, first.strata)
    assert len(drawn_pairs(index)) == sum(one.drawn for one in first.strata)
    with pytest.raises(InputError, match="this month"):
        draw_blind_sample(index, OPERATOR, "2020-01")
    with pytest.raises(InputError, match="size"):
        draw_blind_sample(index, OPERATOR, size=2)


def test_what_is_drawn_follows_from_the_secret_and_the_month(index):
    a_state(index)
    seed = index.keyed_hash.to_int64("blind-sample", "2026-11")
    with index.database.read(OPERATOR) as unit:
        found = blind_sample._collect_pairs(unit, index, seed)
        once, again = (blind_sample._draw_pairs(unit, index, found, seed, 8) for _ in range(2))
        other = blind_sample._draw_pairs(unit, index, found, seed + 1, 8)
    assert once == again
    assert [(pair.lo, pair.hi) for pair in once] != [(pair.lo, pair.hi) for pair in other]


def test_the_number_of_a_pair_does_not_tell_its_stratum(index):
    a_state(index)
    draw_blind_sample(index, OPERATOR)
    strata = [pair.stratum for pair in drawn_pairs(index)]
    changes = sum(one != other for one, other in pairwise(strata))
    assert changes > len(set(strata)) - 1


def test_a_large_index_is_looked_through_in_part_and_its_strata_are_estimated(index, monkeypatch):
    load_rows(index, "sis", *many_children(300))
    load_rows(index, "ccwis", *many_children(300))
    monkeypatch.setattr(blind_sample, "MAX_COUNTED_RECORDS", 200)
    drawn = draw_blind_sample(index, OPERATOR)
    [strong] = [one for one in drawn.strata if one.stratum is Stratum.LINKED_STRONG]
    assert 60 < strong.seen < 140
    assert strong.pairs == 3 * strong.seen


def test_pairs_that_people_decided_are_in_no_sample(index):
    a_state(index)
    labels = [RecordRef("sis", "r0"), RecordRef("ccwis", "r0")]
    decide(index, OPERATOR, DecisionRequest(DecisionKind.DIFFERENT, [[labels[0]], [labels[1]]], "twin"))
    joined = [RecordRef("sis", "c0"), RecordRef("ccwis", "c0")]
    decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, [joined], "same-child"))
    by_name = {one.stratum: one.pairs for one in draw_blind_sample(index, OPERATOR).strata}
    assert by_name[Stratum.LINKED_STRONG] == 5
    assert by_name[Stratum.REVIEW] == 5


def test_a_pair_is_shown_without_weight_or_what_the_index_did_and_told_once_answered(index):
    a_state(index, 1)
    draw_blind_sample(index, OPERATOR)
    ana = steward("ana")
    shown = get_next_blind_pair(index, ana)
    assert {one.label.source for one in shown.records} == {"sis", "ccwis"}
    assert set(shown.__slots__) == {"id", "records", "left"}
    assert set(shown.records[0].__slots__) == {"label", "as_of", "values"}
    assert "enterprise_id" not in shown.records[0].values
    told = answer_blind_pair(index, ana, shown.id, "same")
    pair = next(pair for pair in drawn_pairs(index) if pair.id == shown.id)
    assert (told.match_weight, told.linked) == (pair.bits, pair.linked)
    assert told.band is (Band.LINK if pair.linked else Band.REVIEW)


def test_neither_record_is_always_the_first(index):
    a_state(index)
    draw_blind_sample(index, OPERATOR)
    sources, ana = set(), steward("ana")
    while (shown := get_next_blind_pair(index, ana)) is not None:
        sources.add(shown.records[0].label.source)
        answer_blind_pair(index, ana, shown.id, "unsure")
    assert sources == {"sis", "ccwis"}


def test_flags_and_a_confidential_home_are_not_shown(index):
    child = a_child(
        "1", first_name="Zuleika", last_name="Abernathy", address_line1="12 Elm St", phone="5551234567"
    )
    hidden = {
        "flags": [{"population": "homeless", "value": "Y", "definition": "ESSA"}],
        "restrictions": [{"kind": "address_confidential"}],
    }
    load_rows(index, "sis", {**child, **hidden})
    load_rows(index, "ccwis", child)
    draw_blind_sample(index, OPERATOR)
    by_source = {one.label.source: one.values for one in get_next_blind_pair(index, steward("ana")).records}
    assert not {"flags", "restrictions"} & by_source["sis"].keys()
    # The other agency's record of the child would tell what the first has to keep.
    for values in by_source.values():
        assert not {"address_line1", "addresses", "phone", "postal_code"} & values.keys()
        assert values["first_name"] == "Zuleika"


def test_an_answer_changes_nothing_by_itself(index):
    a_state(index)
    before = crosswalk(index)
    draw_blind_sample(index, OPERATOR)
    ana = steward("ana")
    while get_next_blind_pair(index, ana) is not None:
        judge(index, ana, "same")
    assert crosswalk(index) == before


def test_a_link_judged_wrong_becomes_a_claim_and_a_right_one_none(index):
    load_rows(index, "sis", *many_children(2))
    load_rows(index, "ccwis", *many_children(2))
    before = crosswalk(index)
    draw_blind_sample(index, OPERATOR)
    assert judge(index, steward("ana"), "same").claim is None
    told = judge(index, steward("ana"), "different")
    assert told.linked
    [task] = list_review_tasks(index, OPERATOR)
    assert (task.kind, task.decisions) == ("claim", (told.claim,))
    assert crosswalk(index) == before


def test_a_pair_left_apart_that_nobody_is_asked_about_becomes_a_claim_if_it_is_one_child(index):
    twins = a_child("1", last_name="Quist"), a_child("2", first_name="Bjorn", last_name="Quist")
    load_rows(index, "sis", *twins)
    draw_blind_sample(index, OPERATOR)
    assert {pair.stratum for pair in drawn_pairs(index)} <= {Stratum.BELOW, Stratum.REVIEW, Stratum.NEAR}
    asked_before = {task.kind for task in list_review_tasks(index, OPERATOR)}
    pair = drawn_pairs(index)[0]
    told = judge(index, steward("ana"), "same")
    assert (told.claim is not None) == (pair.stratum == Stratum.BELOW)
    assert asked_before == ({"pair"} if told.claim is None else set())


def test_a_pair_is_judged_once_and_by_whom_it_was_offered_to(index):
    a_state(index, 1)
    draw_blind_sample(index, OPERATOR)
    shown = get_next_blind_pair(index, steward("ana"))
    answer_blind_pair(index, steward("ana"), shown.id, "same")
    with pytest.raises(ConflictError, match="judged already"):
        answer_blind_pair(index, steward("ben"), shown.id, "same")
    with pytest.raises(NotFoundError):
        answer_blind_pair(index, steward("ben"), 999, "same")
    with pytest.raises(InputError, match="verdict"):
        answer_blind_pair(index, steward("ben"), shown.id, "perhaps")
    with pytest.raises(AccessDenied):
        get_next_blind_pair(index, Viewer("nobody"))


def test_a_pair_whose_record_changed_or_went_is_not_asked_about(index):
    a_state(index, 1)
    draw_blind_sample(index, OPERATOR)
    ana = steward("ana")
    shown = get_next_blind_pair(index, ana)
    before = shown.left + 1
    restate(index, shown.records[0])
    with pytest.raises(ConflictError, match="has changed"):
        answer_blind_pair(index, ana, shown.id, "same")
    after = get_next_blind_pair(index, ana)
    assert after.left + 1 < before
    withdraw(index, OPERATOR, after.records[0].label.source, after.records[0].label.local_id)
    gone = get_next_blind_pair(index, ana)
    assert gone is None or gone.id != after.id


def test_a_steward_of_one_source_is_asked_nothing_about_anothers_records(index):
    a_state(index)
    draw_blind_sample(index, OPERATOR)
    only_sis = steward("ana", "sis")
    assert get_next_blind_pair(index, only_sis) is None
    with pytest.raises(NotFoundError):
        answer_blind_pair(index, only_sis, drawn_pairs(index)[0].id, "same")
    with pytest.raises(AccessDenied):
        draw_blind_sample(index, replace(OPERATOR, sources=frozenset({"sis", "ccwis"})))


def test_what_a_judge_is_shown_is_on_the_ledger(index):
    a_state(index, 1)
    draw_blind_sample(index, OPERATOR)
    shown = get_next_blind_pair(index, steward("ana"))
    with index.database.read(OPERATOR) as unit:
        pair = unit.blind_pairs.get(shown.id)
        received = unit.disclosures.all()[-1]
    assert (received.client, set(received.record_ids)) == ("ana", {pair.lo, pair.hi})
    assert "birth_date" in received.fields


def seconds(index, actor, verdict, share=1.0):
    """A second review of the first pair of records, whatever it is."""
    watched = with_settings(index, quality_rules=QualityRules(second_share=share))
    with index.database.write(steward(actor), "test") as unit:
        source = {name: unit.sources.get_by_code(name).id for name in ("sis", "ccwis")}
        lo = unit.records.find_by_local_ids(source["sis"], ["c0"])["c0"].id
        hi = unit.records.find_by_local_ids(source["ccwis"], ["c0"])["c0"].id
        return sample_second_review(unit, watched, actor, [(lo, hi, verdict)])


def test_a_second_review_goes_to_another_steward_and_waits_where_there_is_none(index):
    a_state(index, 1)
    assert seconds(index, "ana", "same") == 1
    assert get_next_blind_pair(index, steward("ana")) is None
    shown = get_next_blind_pair(index, steward("ben"))
    with pytest.raises(NotFoundError):
        answer_blind_pair(index, steward("ana"), shown.id, "same")
    told = answer_blind_pair(index, steward("ben"), shown.id, "same")
    assert (told.first_verdict, told.claim) == ("same", None)


def test_two_stewards_who_contradict_each_other_raise_a_claim_and_doubt_raises_none(index):
    a_state(index, 1)
    for first, second, raised in (
        ("same", "different", True),
        ("unsure", "same", False),
        ("same", "unsure", False),
    ):
        seconds(index, "ana", first)
        assert (judge(index, steward("ben"), second).claim is not None) is raised
    [key] = [task.key for task in list_review_tasks(index, OPERATOR) if task.kind == "claim"]
    with index.database.read(OPERATOR) as unit:
        assert unit.task_work.get([key])[key].assigned_to == APPROVER_ASSIGNEE
        [act] = unit.task_work.actions_on(key)
        assert (act.action, act.actor) == ("escalate", "ben")
        claim = int(key.removeprefix("claim:"))
        assert act.detail["records"] == sorted(unit.decisions.by_ids([claim])[claim].seen)
        assert act.detail["decisions"] == {key: [claim]}


def test_the_share_of_second_reviews_is_as_set(index):
    a_state(index, 1)
    assert seconds(index, "ana", "same", share=0.0) == 0
    taken = sum(seconds(index, f"s{n}", "same", share=0.3) for n in range(120))
    assert 18 <= taken <= 56
    assert seconds(index, "ana", "ask") == 0


def test_a_share_of_what_a_steward_answers_in_the_queue_is_asked_of_another(index):
    a_state(index, 2)
    watched = with_settings(index, quality_rules=QualityRules(second_share=1.0))
    ana = Viewer("ana", "data_quality", ACTIONS_BY_ROLE[Role.STEWARD], None)
    for one in load_queue_page(watched, ana, Filters()).questions:
        answer_question(watched, ana, one.key, [PairVerdict(*one.records, "different")], "sibling")
    assert load_queue_page(watched, ana, Filters()).total == 0
    ben = replace(ana, client="ben")
    assert get_next_blind_pair(watched, ana) is None
    shown = get_next_blind_pair(watched, ben)
    assert shown.left == 1
    told = answer_blind_pair(watched, ben, shown.id, "same")
    assert (told.first_verdict, told.linked, told.band) == ("different", False, Band.REVIEW)
    [raised] = load_queue_page(watched, ben, Filters(state=None)).questions
    assert (raised.kind, raised.assigned_to) == ("claim", APPROVER_ASSIGNEE)


def test_a_pair_of_which_a_record_was_sealed_never_shows_again(index):
    load_rows(index, "sis", *many_children(1))
    load_rows(index, "ccwis", *many_children(1))
    draw_blind_sample(index, OPERATOR)
    shown = get_next_blind_pair(index, steward("ana"))
    seal = {**many_children(1)[0], "restrictions": [{"kind": "sealed"}]}
    upsert(index, OPERATOR, "ccwis", seal)
    assert get_next_blind_pair(index, steward("ana")) is None
    with pytest.raises(NotFoundError):
        answer_blind_pair(index, steward("ana"), shown.id, "same")
