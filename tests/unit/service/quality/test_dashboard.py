"""Test the dashboard's figures: correct, for the whole index, without small counts."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied
from mpi.domain.record_ref import RecordRef
from mpi.domain.source import SourceKind
from mpi.domain.viewer import Action, Viewer
from mpi.service.quality.dashboard import MatchRate, build_published_rate, measure_quality, read_quality
from mpi.service.quality.forecast import forecast_workload
from mpi.service.quality.publication import Publication, PublicationDay, publish_figures
from mpi.service.records.upsert import upsert
from mpi.service.review.queue import Filters, load_queue_page
from mpi.service.sampling.blind_review import answer_blind_pair, get_next_blind_pair
from mpi.service.sampling.blind_sample import Stratum, draw_blind_sample
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.storage.repositories.review.task_work import QuestionAction, QuestionWork
from tests.index import OPERATOR, load_rows, many_children, open_test_index
from tests.unit.service.sampling.test_blind_review import (
    add_second_review,
    change_record,
    load_linked_and_doubtful_pairs,
    steward,
)

OUTSIDER = Viewer("ops", "system_admin", frozenset({Action.QUALITY_READ}), None)


def foster_care_record(local_id, value="Y", **dates):
    flag = {"population": "foster_care", "value": value, "definition": "ESSA", **dates}
    return {"local_id": local_id, "flags": [flag]}


def test_figures_need_quality_read_and_every_source(sqlite_index):
    for viewer in (
        replace(OPERATOR, sources=frozenset({"sis", "ccwis"})),
        replace(OPERATOR, actions=OPERATOR.actions - {Action.QUALITY_READ}),
    ):
        with pytest.raises(AccessDenied):
            measure_quality(sqlite_index, viewer)


def test_questions_are_counted_by_kind_and_age(sqlite_index, set_clock):
    load_linked_and_doubtful_pairs(sqlite_index)
    later = datetime.now(UTC) + timedelta(days=9)
    before = measure_quality(sqlite_index, OPERATOR).workload
    assert [(row.kind, row.open, row.new) for row in before.kinds] == [("pair", 6, 6)]
    set_clock(lambda: later)
    after = measure_quality(sqlite_index, OPERATOR).workload
    assert (after.open, after.new, after.oldest_days) == (6, 0, 9)
    assert [(row.age, row.open) for row in after.ages if row.open] == [("8 to 30 days", 6)]


def test_questions_of_one_load_with_one_pattern_count_as_one(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index)
    with sqlite_index.database.write(OPERATOR, "test") as unit:
        [template, *_] = unit.tasks.all()
        burst = [
            replace(template, key=f"pair:{n}", question=f"q{n}", pattern="day-off", batch_id=1)
            for n in range(40)
        ]
        unit.tasks.replace([], burst, unit.commit_no)
    queue_total = load_queue_page(sqlite_index, OPERATOR, Filters()).total
    workload = measure_quality(sqlite_index, OPERATOR).workload
    assert workload.open == queue_total == 7
    assert [(row.kind, row.open, row.new) for row in workload.kinds] == [("pair", 7, 7)]
    assert forecast_workload(sqlite_index, OPERATOR).backlog == 7


def test_claimed_snoozed_answered_and_obsolete_questions_are_counted(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index)
    now = datetime.now(UTC)
    with sqlite_index.database.write(OPERATOR, "test") as unit:
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
    workload = measure_quality(sqlite_index, OPERATOR).workload
    assert (workload.claimed, workload.asleep, workload.answered, workload.went) == (1, 1, 1, 1)


def test_match_rate_counts_children_in_foster_care_today(tmp_path):
    with open_test_index(tmp_path / "care") as index:
        add_source(index, OPERATOR, NewSource("school", kind=SourceKind.SIS))
        add_source(index, OPERATOR, NewSource("care", kind=SourceKind.CCWIS))
        children = many_children(6)
        flag_changes = [{}, {}, {}, {"end": "2020-01-01"}, {"value": "N"}, {}]
        records = [
            {**child, **foster_care_record(f"c{n}", **flag_changes[n])} for n, child in enumerate(children)
        ]
        load_rows(index, "care", *records)
        load_rows(index, "school", *children[:2], {**children[4], **foster_care_record("c4")})
        match_rate = measure_quality(index, OPERATOR).match_rate
        assert (match_rate.in_care, match_rate.found) == (4, 2)
        assert match_rate.rate.value == 0.5
        child_out_of_care = {**children[0], **foster_care_record("c0", value="N")}
        upsert(index, OPERATOR, "care", child_out_of_care)
        assert measure_quality(index, OPERATOR).match_rate.in_care == 3


def test_precision_and_recall_come_from_blind_answers_with_intervals(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index)
    draw_blind_sample(sqlite_index, OPERATOR)
    assert measure_quality(sqlite_index, OPERATOR).live[0].precision is None
    ana, pairs = steward("ana"), {}
    with sqlite_index.database.read(OPERATOR) as unit:
        pairs = {pair.id: pair for pair in unit.blind_pairs.samples("0000-00", "9999-99")}
    wrong = next(number for number, pair in pairs.items() if pair.linked)
    while (shown := get_next_blind_pair(sqlite_index, ana)) is not None:
        linked = pairs[shown.id].linked
        answer_blind_pair(
            sqlite_index, ana, shown.id, "different" if shown.id == wrong or not linked else "same"
        )
    [month] = measure_quality(sqlite_index, OPERATOR).live
    assert month.precision.value == pytest.approx(5 / 6)
    assert month.recall.value == 1.0
    by_name = {stratum.stratum: stratum for stratum in month.strata}
    assert (by_name[Stratum.LINKED_STRONG].same, by_name[Stratum.LINKED_STRONG].different) == (5, 1)
    assert all(stratum.waiting == stratum.dropped == 0 for stratum in month.strata)


def test_obsolete_pairs_count_as_dropped_and_unsure_answers_as_neither(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index, 2)
    draw_blind_sample(sqlite_index, OPERATOR)
    answer_blind_pair(
        sqlite_index, steward("ana"), get_next_blind_pair(sqlite_index, steward("ana")).id, "unsure"
    )
    change_record(sqlite_index, get_next_blind_pair(sqlite_index, steward("ana")).records[0])
    strata = measure_quality(sqlite_index, OPERATOR).live[0].strata
    assert sum(stratum.unsure for stratum in strata) == 1
    assert sum(stratum.dropped for stratum in strata) >= 1
    assert sum(stratum.drawn for stratum in strata) == sum(
        stratum.same + stratum.different + stratum.unsure + stratum.dropped + stratum.waiting
        for stratum in strata
    )


def test_agreement_is_reported_per_pair_of_stewards_in_any_order(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index, 1)
    for first, second, verdicts in (
        ("ana", "ben", ("same", "same")),
        ("ben", "ana", ("different", "different")),
        ("ana", "ben", ("same", "unsure")),
    ):
        add_second_review(sqlite_index, first, verdicts[0])
        answer_blind_pair(
            sqlite_index, steward(second), get_next_blind_pair(sqlite_index, steward(second)).id, verdicts[1]
        )
    add_second_review(sqlite_index, "ana", "same")
    figures = measure_quality(sqlite_index, OPERATOR)
    [agreement] = figures.agreement
    assert (agreement.first, agreement.second, agreement.pairs, agreement.agreed) == ("ana", "ben", 3, 2)
    assert agreement.kappa.low < agreement.kappa.value < 1.0
    assert figures.seconds_waiting == 1


def test_automatic_links_are_counted_by_stratum_without_decided_ones(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index)
    assert measure_quality(sqlite_index, OPERATOR).links.automatic is None
    draw_blind_sample(sqlite_index, OPERATOR)
    decide(
        sqlite_index,
        OPERATOR,
        DecisionRequest(
            DecisionKind.DIFFERENT, [[RecordRef("sis", "c0")], [RecordRef("ccwis", "c0")]], "twin"
        ),
    )
    decide(
        sqlite_index,
        OPERATOR,
        DecisionRequest(DecisionKind.SAME, [[RecordRef("sis", "r0"), RecordRef("ccwis", "r0")]], "same"),
    )
    links = measure_quality(sqlite_index, OPERATOR).links
    assert (links.automatic, links.joined, links.parted) == (6, 1, 1)
    assert {stratum.stratum: stratum.pairs for stratum in links.bands}[Stratum.LINKED_STRONG] == 6


def test_throughput_times_answers_between_actions_without_breaks(sqlite_index):
    start = datetime.now(UTC) - timedelta(days=2)
    minutes = [("claim", 0), ("answer", 2), ("claim", 3), ("answer", 6), ("answer", 200), ("claim", 201)]
    with sqlite_index.database.write(OPERATOR, "test") as unit:
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
    [ana] = measure_quality(sqlite_index, OPERATOR).throughput
    assert (ana.actor, ana.answers, ana.timed) == ("ana", 3, 2)
    assert ana.hours == pytest.approx(7 / 60)
    assert ana.an_hour == pytest.approx(2 / (7 / 60))


def publish_for_tomorrow(index, set_clock):
    """Publish figures today, and move the clock to tomorrow."""
    publish_figures(index, OPERATOR)
    tomorrow = clock.now() + timedelta(days=1)
    set_clock(lambda: tomorrow)


def test_viewer_without_record_access_sees_published_figures_only(tmp_path, set_clock):
    # The noise follows from the secret and the day.
    set_clock(lambda: datetime(2026, 11, 2, 9, tzinfo=UTC))
    with open_test_index(tmp_path / "small", secret="5" * 64) as index:
        add_source(index, OPERATOR, NewSource("sis", kind=SourceKind.SIS))
        add_source(index, OPERATOR, NewSource("ccwis", kind=SourceKind.CCWIS))
        load_linked_and_doubtful_pairs(index)
        children = many_children(12, 50)
        load_rows(index, "ccwis", *({**child, **foster_care_record(child["local_id"])} for child in children))
        load_rows(index, "sis", *children[:5])
        draw_blind_sample(index, OPERATOR)
        publish_for_tomorrow(index, set_clock)
        exact, published = measure_quality(index, OPERATOR), read_quality(index, OUTSIDER)
        assert (exact.suppressed, published.suppressed) == (False, True)
        assert (exact.match_rate.in_care, exact.match_rate.found) == (12, 5)
        assert published.match_rate == MatchRate(None, None, None)
        assert (exact.workload.open, published.workload.open) == (6, None)
        assert (published.workload.kinds, published.live) == ((), ())
        assert (exact.links.automatic, published.links.automatic) == (11, None)
        assert {band.pairs for band in published.links.bands} == {None}


def test_months_are_published_when_they_are_over_in_whole_percents(sqlite_index, set_clock):
    set_clock(lambda: datetime(2026, 11, 10, tzinfo=UTC))
    for source in ("sis", "ccwis"):
        load_rows(sqlite_index, source, *many_children(20))
    draw_blind_sample(sqlite_index, OPERATOR)
    ana = steward("ana")
    while (shown := get_next_blind_pair(sqlite_index, ana)) is not None:
        answer_blind_pair(sqlite_index, ana, shown.id, "same")
    publish_for_tomorrow(sqlite_index, set_clock)
    assert read_quality(sqlite_index, OUTSIDER).live == ()
    set_clock(lambda: datetime(2026, 12, 1, tzinfo=UTC))
    publish_for_tomorrow(sqlite_index, set_clock)
    [exact] = measure_quality(sqlite_index, OPERATOR).live
    [month] = read_quality(sqlite_index, OUTSIDER).live
    assert (month.month, month.strata) == ("2026-11", ())
    assert (month.precision.value, month.precision.low) == (1.0, round(exact.precision.low, 2))


def find_small_counts(figures):
    """Return the paths of whole numbers from 1 to 9 in figures."""
    if isinstance(figures, dict):
        return [f"{name}.{path}" for name, figure in figures.items() for path in find_small_counts(figure)]
    if isinstance(figures, list | tuple):
        return [f"{n}.{path}" for n, figure in enumerate(figures) for path in find_small_counts(figure)]
    return [str(figures)] if type(figures) is int and 1 <= figures <= 9 else []


def test_no_figure_shows_a_small_count_to_a_viewer_without_record_access(tmp_path, set_clock):
    # The noise follows from the secret and the day.
    set_clock(lambda: datetime(2026, 11, 2, 9, tzinfo=UTC))
    with open_test_index(tmp_path / "home", "sis", "ccwis", secret="5" * 64) as index:
        check_small_counts(index, set_clock)


def check_small_counts(index, set_clock):
    load_linked_and_doubtful_pairs(index)
    draw_blind_sample(index, OPERATOR)
    add_second_review(index, "ana", "same")
    answer_blind_pair(index, steward("ben"), get_next_blind_pair(index, steward("ben")).id, "same")
    publish_for_tomorrow(index, set_clock)
    published = (
        asdict(read_quality(index, OUTSIDER)),
        asdict(forecast_workload(index, OUTSIDER)),
    )
    assert find_small_counts(published[0] | {"publication": None}) == find_small_counts(published[1]) == []
    exact = [asdict(measure(index, OPERATOR)) for measure in (measure_quality, forecast_workload)]
    assert len(find_small_counts(exact)) > 15
    assert exact[1]["says"].startswith("6 questions wait")
    assert published[1]["says"] == (
        "Fewer than 100 questions wait. Who may read every question sees what is to come."
    )


def test_rate_is_of_published_counts_and_never_above_one(sqlite_index):
    day = PublicationDay("2026-11-29", "2026-11-28", 0, 10, 100)
    publication = Publication(day, {"in_care": 200, "found": 210}, {}, "")
    rate = build_published_rate(publication)
    assert (rate.in_care, rate.found, rate.rate.value) == (200, 210, 1.0)
    few = Publication(day, {"in_care": 200, "found": 90}, {}, "")
    assert build_published_rate(few) == MatchRate(200, None, None)
    assert find_small_counts(asdict(rate)) == []
