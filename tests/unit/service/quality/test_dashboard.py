"""The dashboard's figures: true to what was done, of the whole index only, and without small counts."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied
from mpi.domain.record_ref import RecordRef
from mpi.domain.sampling import Estimate
from mpi.domain.source_kind import SourceKind
from mpi.domain.viewer import Action, Viewer
from mpi.service.quality.dashboard import measure_quality
from mpi.service.quality.forecast import forecast_workload
from mpi.service.quality.live_accuracy import MonthlyAccuracy, StratumResult, suppress_month
from mpi.service.records.upsert import upsert
from mpi.service.review.queue import Filters, load_queue_page
from mpi.service.sampling.blind_review import answer_blind_pair, get_next_blind_pair
from mpi.service.sampling.blind_sample import Stratum, draw_blind_sample
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.storage.repositories.review.desk_counts import DeskFigures
from mpi.storage.repositories.review.task_work import QuestionAction, QuestionWork
from tests.desk import doubtful
from tests.index import OPERATOR, a_child, an_index, load_rows, many_children
from tests.unit.service.sampling.test_blind_review import a_state, restate, seconds, steward

OUTSIDER = Viewer("ops", "system_admin", frozenset({Action.QUALITY_READ}), None)


@pytest.fixture
def index(tmp_path):
    with an_index(tmp_path / "home", "sis", "ccwis") as made:
        yield made


def in_care(local_id, value="Y", **dates):
    flag = {"population": "foster_care", "value": value, "definition": "ESSA", **dates}
    return {"local_id": local_id, "flags": [flag]}


def test_figures_are_of_every_source_and_for_whoever_may_read_them(index):
    for viewer in (
        replace(OPERATOR, sources=frozenset({"sis", "ccwis"})),
        replace(OPERATOR, actions=OPERATOR.actions - {Action.QUALITY_READ}),
    ):
        with pytest.raises(AccessDenied):
            measure_quality(index, viewer)


def test_questions_are_counted_by_kind_and_age(index, set_clock):
    a_state(index)
    later = datetime.now(UTC) + timedelta(days=9)
    before = measure_quality(index, OPERATOR).workload
    assert [(one.kind, one.open, one.new) for one in before.kinds] == [("pair", 6, 6)]
    set_clock(lambda: later)
    after = measure_quality(index, OPERATOR).workload
    assert (after.open, after.new, after.oldest_days) == (6, 0, 9)
    assert [(one.age, one.open) for one in after.ages if one.open] == [("8 to 30 days", 6)]


def test_a_burst_from_one_load_is_one_question_as_in_the_queue(index):
    a_state(index)
    with index.database.write(OPERATOR, "test") as unit:
        [some, *_] = unit.tasks.all()
        burst = [
            replace(some, key=f"pair:{n}", question=f"q{n}", pattern="day-off", batch_id=1) for n in range(40)
        ]
        unit.tasks.replace([], burst, unit.commit_no)
    listed = load_queue_page(index, OPERATOR, Filters()).total
    work = measure_quality(index, OPERATOR).workload
    assert work.open == listed == 7
    assert [(one.kind, one.open, one.new) for one in work.kinds] == [("pair", 7, 7)]
    assert forecast_workload(index, OPERATOR).backlog == 7


def test_what_people_do_with_questions_is_counted(index):
    a_state(index)
    now = datetime.now(UTC)
    with index.database.write(OPERATOR, "test") as unit:
        keys = sorted({task.question for task in unit.tasks.all()} | {"gone:1", "gone:2"})
        later = clock.format_timestamp(now + timedelta(hours=1))
        unit.task_work.save(
            QuestionWork(
                keys[0],
                "closed",
                clock.format_timestamp(now),
                closed_at=clock.format_timestamp(now),
                closed_because="answered",
            )
        )
        unit.task_work.save(
            QuestionWork(
                keys[1],
                "closed",
                clock.format_timestamp(now),
                closed_at=clock.format_timestamp(now),
                closed_because="went",
            )
        )
        unit.task_work.save(
            QuestionWork(keys[2], "open", clock.format_timestamp(now), claimed_by="ana", lease_until=later)
        )
        unit.task_work.save(
            QuestionWork(
                keys[3],
                "open",
                clock.format_timestamp(now),
                claimed_by="ben",
                lease_until=clock.format_timestamp(now),
            )
        )
        unit.task_work.save(
            QuestionWork(keys[4], "asleep", clock.format_timestamp(now), asleep_until="2999-01-01")
        )
    found = measure_quality(index, OPERATOR).workload
    assert (found.claimed, found.asleep, found.answered, found.went) == (1, 1, 1, 1)


def test_match_rate_is_of_the_children_whom_child_welfare_says_to_be_in_care_today(tmp_path):
    with an_index(tmp_path / "care") as index:
        add_source(index, OPERATOR, NewSource("school", kind=SourceKind.SIS))
        add_source(index, OPERATOR, NewSource("care", kind=SourceKind.CCWIS))
        children = many_children(6)
        said = [{}, {}, {}, {"end": "2020-01-01"}, {"value": "N"}, {}]
        told = [{**child, **in_care(f"c{n}", **said[n])} for n, child in enumerate(children)]
        load_rows(index, "care", *told)
        load_rows(index, "school", *children[:2], {**children[4], **in_care("c4")})
        found = measure_quality(index, OPERATOR).match_rate
        assert (found.in_care, found.found) == (4, 2)
        assert found.rate.value == 0.5
        gone = {**children[0], **in_care("c0", value="N")}
        upsert(index, OPERATOR, "care", gone)
        assert measure_quality(index, OPERATOR).match_rate.in_care == 3


def test_a_match_rate_that_took_long_to_count_is_good_for_a_while_and_another_is_not(index, monkeypatch):
    counted = iter([(3, 1), (4, 2), (5, 3), (6, 4)])
    monkeypatch.setattr(DeskFigures, "count_in_care", lambda *_: next(counted))
    moments = iter([0.0, 0.01, 0.02, 0.04, 1.0, 2.0, 20.0, 22.5, 22.6])
    monkeypatch.setattr(
        "mpi.service.quality.dashboard.time", SimpleNamespace(monotonic=lambda: next(moments))
    )
    seen = []
    for _ in range(5):
        seen.append(measure_quality(index, OPERATOR).match_rate.in_care)
        load_rows(index, "sis", a_child(str(len(seen)), first_name=f"N{len(seen)}"))
    assert seen == [3, 4, 5, 5, 6]


def test_precision_and_recall_come_from_blind_answers_with_intervals(index):
    a_state(index)
    draw_blind_sample(index, OPERATOR)
    assert measure_quality(index, OPERATOR).live[0].precision is None
    ana, pairs = steward("ana"), {}
    with index.database.read(OPERATOR) as unit:
        pairs = {pair.id: pair for pair in unit.blind_pairs.samples("0000-00", "9999-99")}
    wrong = next(number for number, pair in pairs.items() if pair.linked)
    while (shown := get_next_blind_pair(index, ana)) is not None:
        linked = pairs[shown.id].linked
        answer_blind_pair(index, ana, shown.id, "different" if shown.id == wrong or not linked else "same")
    [month] = measure_quality(index, OPERATOR).live
    assert month.precision.value == pytest.approx(5 / 6)
    assert month.recall.value == 1.0
    by_name = {one.stratum: one for one in month.strata}
    assert (by_name[Stratum.LINKED_STRONG].same, by_name[Stratum.LINKED_STRONG].different) == (5, 1)
    assert all(one.waiting == one.dropped == 0 for one in month.strata)


def test_pairs_that_cannot_be_judged_any_more_are_counted_as_dropped_and_doubts_as_neither(index):
    a_state(index, 2)
    draw_blind_sample(index, OPERATOR)
    answer_blind_pair(index, steward("ana"), get_next_blind_pair(index, steward("ana")).id, "unsure")
    restate(index, get_next_blind_pair(index, steward("ana")).records[0])
    strata = measure_quality(index, OPERATOR).live[0].strata
    assert sum(one.unsure for one in strata) == 1
    assert sum(one.dropped for one in strata) >= 1
    assert sum(one.drawn for one in strata) == sum(
        one.same + one.different + one.unsure + one.dropped + one.waiting for one in strata
    )


def test_agreement_is_told_by_pair_of_stewards_whoever_was_first(index):
    a_state(index, 1)
    for first, second, verdicts in (
        ("ana", "ben", ("same", "same")),
        ("ben", "ana", ("different", "different")),
        ("ana", "ben", ("same", "unsure")),
    ):
        seconds(index, first, verdicts[0])
        answer_blind_pair(index, steward(second), get_next_blind_pair(index, steward(second)).id, verdicts[1])
    seconds(index, "ana", "same")
    found = measure_quality(index, OPERATOR)
    [both] = found.agreement
    assert (both.first, both.second, both.pairs, both.agreed) == ("ana", "ben", 3, 2)
    assert both.kappa.low < both.kappa.value < 1.0
    assert found.seconds_waiting == 1


def test_links_are_counted_by_stratum_and_apart_from_what_people_decided(index):
    a_state(index)
    assert measure_quality(index, OPERATOR).links.automatic is None
    draw_blind_sample(index, OPERATOR)
    decide(
        index,
        OPERATOR,
        DecisionRequest(
            DecisionKind.DIFFERENT, [[RecordRef("sis", "c0")], [RecordRef("ccwis", "c0")]], "twin"
        ),
    )
    decide(
        index,
        OPERATOR,
        DecisionRequest(DecisionKind.SAME, [[RecordRef("sis", "r0"), RecordRef("ccwis", "r0")]], "same"),
    )
    found = measure_quality(index, OPERATOR).links
    assert (found.automatic, found.joined, found.parted) == (6, 1, 1)
    assert {one.stratum: one.pairs for one in found.bands}[Stratum.LINKED_STRONG] == 6


def test_throughput_times_answers_between_acts_and_leaves_breaks_out(index):
    start = datetime.now(UTC) - timedelta(days=2)
    minutes = [("claim", 0), ("answer", 2), ("claim", 3), ("answer", 6), ("answer", 200), ("claim", 201)]
    with index.database.write(OPERATOR, "test") as unit:
        for number, (action, minute) in enumerate(minutes, 1):
            unit.task_work.add_action(
                QuestionAction(
                    number,
                    f"q{number}",
                    clock.format_timestamp(start + timedelta(minutes=minute)),
                    "ana",
                    action,
                )
            )
        unit.task_work.add_action(QuestionAction(99, "q", clock.format_timestamp(start), "ben", "claim"))
    [ana] = measure_quality(index, OPERATOR).throughput
    assert (ana.actor, ana.answers, ana.timed) == ("ana", 3, 2)
    assert ana.hours == pytest.approx(7 / 60)
    assert ana.an_hour == pytest.approx(2 / (7 / 60))


def test_whoever_may_not_see_records_is_shown_no_small_count(tmp_path):
    with an_index(tmp_path / "small") as index:
        add_source(index, OPERATOR, NewSource("sis", kind=SourceKind.SIS))
        add_source(index, OPERATOR, NewSource("ccwis", kind=SourceKind.CCWIS))
        a_state(index)
        children = many_children(12, 50)
        load_rows(index, "ccwis", *({**child, **in_care(child["local_id"])} for child in children))
        load_rows(index, "sis", *children[:5])
        draw_blind_sample(index, OPERATOR)
        seen, hidden = measure_quality(index, OPERATOR), measure_quality(index, OUTSIDER)
        assert (seen.suppressed, hidden.suppressed) == (False, True)
        assert (seen.match_rate.in_care, seen.match_rate.found) == (12, 5)
        assert (hidden.match_rate.in_care, hidden.match_rate.found, hidden.match_rate.rate) == (
            12,
            None,
            None,
        )
        assert (seen.workload.open, hidden.workload.open) == (6, None)
        assert {one.open for one in hidden.workload.kinds} == {None}
        assert all(one.same is None for month in hidden.live for one in month.strata)
        assert hidden.links.automatic == seen.links.automatic == 11


def small_counts(told):
    """Where whole numbers from 1 to 9 stand in figures."""
    if isinstance(told, dict):
        return [f"{name}.{path}" for name, one in told.items() for path in small_counts(one)]
    if isinstance(told, list | tuple):
        return [f"{n}.{path}" for n, one in enumerate(told) for path in small_counts(one)]
    return [str(told)] if type(told) is int and 1 <= told <= 9 else []


def test_no_small_count_is_in_any_figure_of_whoever_may_not_see_records(index, set_clock):
    a_state(index)
    draw_blind_sample(index, OPERATOR)
    seconds(index, "ana", "same")
    answer_blind_pair(index, steward("ben"), get_next_blind_pair(index, steward("ben")).id, "same")
    seconds(index, "ana", "same")
    restate(index, get_next_blind_pair(index, steward("ana")).records[0])
    late = datetime.now(UTC) + timedelta(days=20)
    with index.database.write(OPERATOR, "test") as unit:
        for number, days_ago in enumerate((12, 5, 5), 1):
            moment = clock.format_timestamp(late - timedelta(days=days_ago))
            unit.task_work.add_action(QuestionAction(900 + number, f"q{number}", moment, "ana", "answer"))
            unit.task_work.save(QuestionWork(f"q{number}", "closed", moment, closed_at=moment))
    set_clock(lambda: late)
    told = {
        "quality": asdict(measure_quality(index, OUTSIDER)),
        "forecast": asdict(forecast_workload(index, OUTSIDER)),
    }
    assert small_counts(told) == []
    assert told["quality"]["live"][0]["precision"] is told["forecast"]["hours"] is None
    seen = {
        "quality": asdict(measure_quality(index, OPERATOR)),
        "forecast": asdict(forecast_workload(index, OPERATOR)),
    }
    assert len(small_counts(seen)) > 20
    assert seen["forecast"]["says"].startswith("6 questions wait")
    assert told["forecast"]["says"] == (
        "Fewer than 10 questions wait; fewer than 10 arrived in the last 19 days. "
        "How it goes on would tell of too few to be shown."
    )


def test_how_few_questions_are_old_does_not_follow_from_how_many_are_new(index, set_clock):
    doubtful(index, 5)
    later = datetime.now(UTC) + timedelta(days=9)
    set_clock(lambda: later)
    doubtful(index, 12, start=5)
    seen, hidden = measure_quality(index, OPERATOR).workload, measure_quality(index, OUTSIDER).workload
    assert (seen.open, seen.new) == (17, 12)
    assert (hidden.open, hidden.new) == (17, None)
    assert [(one.open, one.new) for one in hidden.kinds] == [(17, None)]
    assert [one.open for one in hidden.ages] == [0, None, 0, None]


def a_stratum(stratum, pairs, drawn=15, *, dropped=0, waiting=0, linked=True):
    return StratumResult(
        stratum, linked, pairs, False, drawn, drawn - dropped - waiting, 0, 0, dropped, waiting
    )


def test_no_count_of_a_blind_sample_follows_from_those_that_are_shown():
    share = Estimate(0.9, 0.8, 1.0)
    month = MonthlyAccuracy(
        "2026-11",
        share,
        share,
        (
            a_stratum(Stratum.LINKED_STRONG, 4000, dropped=2),
            a_stratum(Stratum.LINKED_NEAR, 30),
            a_stratum(Stratum.LINKED_CHAIN, 5, 5),
            a_stratum(Stratum.NEAR, 20, waiting=15, linked=False),
        ),
    )
    told = suppress_month(month)
    assert [(one.pairs, one.drawn, one.dropped, one.waiting) for one in told.strata] == [
        (4000, 15, None, 0),
        # Of the linked, the whole is told: the small stratum would follow from this one.
        (None, None, None, None),
        (None, None, None, None),
        (20, 15, 0, 15),
    ]
    assert (told.precision, told.recall) == (share, share)
    few = MonthlyAccuracy("2026-11", share, share, (a_stratum(Stratum.LINKED_NEAR, 4000, 9),))
    assert (suppress_month(few).precision, suppress_month(few).recall) == (None, None)
