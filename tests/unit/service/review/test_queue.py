"""Test the queue: most urgent first, page by page, and only what its reader may see."""

import pytest

from mpi.bootstrap import init_index
from mpi.config import Settings
from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.service.records.withdrawal import withdraw
from mpi.service.review.open_questions import make_burst_key
from mpi.service.review.queue import MAX_COUNTED, Filters, load_landing, load_queue_page
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.storage.repositories.review.task_work import QuestionAction, QuestionWork
from mpi.storage.repositories.review.tasks import Task
from tests.desk import (
    ANN,
    BEN,
    NOBODY,
    SIS_STEWARD,
    add_doubtful_pair,
    at,
    later,
    load_doubtful_pairs,
    only_question,
    question_keys,
)
from tests.index import OPERATOR, load_rows, make_child, many_children

FAR = "2099-01-01"
BURST = make_burst_key(1, "day-off")


def add_tasks(index, *tasks: Task) -> None:
    with index.database.write(OPERATOR, "test") as unit:
        unit.tasks.replace([], tasks, unit.commit_no)


def make_task(lo: int, hi: int, harm: int, question: str, **more) -> Task:
    return Task(f"pair:{lo}:{hi}", "pair", lo, hi, 6.0, "band", None, None, question, more.pop("subject", lo),
                harm, more.pop("unflagged", harm), **more)  # fmt: skip


@pytest.fixture
def index_of_100(index):
    """An index of a hundred unrelated children, numbered from 1."""
    load_rows(index, "sis", *many_children(90))
    load_rows(index, "ccwis", *many_children(10, start=90))
    return index


def record_ids(index) -> list[int]:
    with index.database.read(OPERATOR) as unit:
        return sorted(unit.records.active_canonical_keys())


def test_questions_are_listed_once_page_by_page_in_order_of_harm(index_of_100):
    tasks = [make_task(2 * n + 1, 2 * n + 2, (n * 7) % 11, f"q{n:02}") for n in range(40)]
    # Further pairs of the same questions with less or equal harm, found on later pages.
    tasks += [make_task(n + 1, n + 50, (n * 3) % 5, f"q{n:02}") for n in range(40)]
    tasks += [make_task(n + 1, n + 40, 4, f"r{n:02}") for n in range(10)]
    add_tasks(index_of_100, *tasks)
    listed, after = [], None
    while True:
        page = load_queue_page(index_of_100, ANN, Filters(), 7, after)
        listed += page.questions
        assert page.total == 50
        if (after := page.after) is None:
            break
    assert [question.key for question in listed] == question_keys(index_of_100)
    worst = {}
    for task in tasks:
        worst[task.question] = max(worst.get(task.question, 0), task.harm)
    assert [question.key for question in listed] == sorted(
        worst, key=lambda key: (worst[key], key), reverse=True
    )


def test_question_lists_its_subject_first_and_candidates_by_weight(index_of_100):
    first, second, third = record_ids(index_of_100)[:3]
    tasks = [
        Task(
            f"pair:{first}:{second}", "pair", first, second, 6.0, "band", question="q", subject=second, harm=1
        ),
        Task(
            f"pair:{second}:{third}",
            "pair",
            second,
            third,
            8.5,
            "margin",
            question="q",
            subject=second,
            harm=2,
        ),
    ]
    add_tasks(index_of_100, *tasks)
    question = only_question(index_of_100)
    with index_of_100.database.read(OPERATOR) as unit:
        labels = unit.records.labels([first, second, third])
    assert question.subject == labels[second]
    assert question.records == (labels[second], labels[third], labels[first])
    assert (question.kind, question.reason, question.match_weight, question.state) == (
        "pair",
        "margin",
        8.5,
        "open",
    )


def test_reader_of_one_source_sees_the_questions_of_an_index_without_the_others(index):
    load_rows(index, "sis", *many_children(3))
    load_rows(index, "ccwis", *many_children(3, start=50))
    with index.database.read(OPERATOR) as unit:
        labels = unit.records.labels(unit.records.active_canonical_keys())
    sis_ids = sorted(number for number, label in labels.items() if label.source == "sis")
    ccwis_ids = sorted(number for number, label in labels.items() if label.source == "ccwis")
    add_tasks(
        index,
        make_task(sis_ids[0], sis_ids[1], 5, "mixed", unflagged=1),
        make_task(sis_ids[0], ccwis_ids[0], 9, "mixed"),
        make_task(sis_ids[1], ccwis_ids[1], 8, "hidden"),
        make_task(sis_ids[0], sis_ids[2], 4, "own", unflagged=2),
    )
    page = load_queue_page(index, SIS_STEWARD, Filters())
    assert [question.key for question in page.questions] == ["own", "mixed"]
    assert page.total == 2
    [mixed] = [question for question in page.questions if question.key == "mixed"]
    assert {label.source for label in mixed.records} == {"sis"}
    assert question_keys(index) == ["mixed", "hidden", "own"]
    assert question_keys(index, SIS_STEWARD, source="sis") == ["own", "mixed"]
    with pytest.raises(NotFoundError):
        load_queue_page(index, SIS_STEWARD, Filters(source="ccwis"))
    assert [question.key for question in load_landing(index, SIS_STEWARD).new] == ["own", "mixed"]


def test_hidden_decision_is_no_question_and_is_not_counted(index):
    load_rows(index, "sis", *many_children(2))
    load_rows(index, "ccwis", *many_children(1, start=50))
    groups = ((RecordRef("sis", "c0"), RecordRef("ccwis", "c50"), RecordRef("sis", "c1")),)
    decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, groups, "x", recheck_on="2020-01-01"))
    with index.database.read(OPERATOR) as unit:
        [task] = [task for task in unit.tasks.all() if task.decision_id]
        sis_records = sorted(
            unit.records.find_by_local_ids(unit.sources.get_by_code("sis").id, ["c0", "c1"]).values(),
            key=lambda row: row.id,
        )
    assert task.kind == "recheck"
    page = load_queue_page(index, SIS_STEWARD, Filters())
    is_visible = {task.lo, task.hi} <= {record.id for record in sis_records}
    assert (len(page.questions), page.total) == ((1, 1) if is_visible else (0, 0))
    assert load_queue_page(index, ANN, Filters()).total == 1


def test_filters_narrow_by_kind_source_local_id_and_due_date(index):
    load_doubtful_pairs(index, 3)
    decide(
        index,
        OPERATOR,
        DecisionRequest(
            DecisionKind.SAME,
            ((RecordRef("sis", "c0"), RecordRef("sis", "c1")),),
            "x",
            recheck_on="2020-01-01",
        ),
    )
    all_keys = question_keys(index)
    assert len(all_keys) >= 3
    rechecks = load_queue_page(index, ANN, Filters(kind="recheck")).questions
    assert [question.kind for question in rechecks] == ["recheck"]
    assert set(question_keys(index, kind="pair")) | {rechecks[0].key} == set(all_keys)
    assert question_keys(index, source="ccwis")
    assert set(question_keys(index, source="ccwis")) < set(all_keys)
    questions = load_queue_page(index, ANN, Filters(text="c2")).questions
    assert {label.local_id for question in questions for label in question.records} == {"c2"}
    assert question_keys(index, text="c") == []
    assert question_keys(index, due=True) == []
    with at(later(days=31)):
        assert set(question_keys(index, due=True)) == set(all_keys)
        assert {question.key for question in load_landing(index, ANN).due_today} == set(all_keys)
    with pytest.raises(InputError):
        load_queue_page(index, ANN, Filters(state="lost"))
    with pytest.raises(InputError):
        load_queue_page(index, ANN, Filters(), after="nonsense")
    with pytest.raises(AccessDenied):
        load_queue_page(index, NOBODY, Filters())


def test_forty_pairs_of_one_pattern_are_one_burst_question_that_opens(index_of_100):
    tasks = [make_task(n + 1, n + 41, n, f"q{n:02}", pattern="day-off", batch_id=1) for n in range(40)]
    tasks += [make_task(n + 1, n + 51, 100, f"s{n:02}", pattern="day-off", batch_id=2) for n in range(5)]
    # A question with another reason too stays separate.
    tasks.append(make_task(1, 90, 3, "q00"))
    add_tasks(index_of_100, *tasks)
    page = load_queue_page(index_of_100, ANN, Filters())
    assert [question.key for question in page.questions] == [
        "s04",
        "s03",
        "s02",
        "s01",
        "s00",
        BURST,
        "q00",
    ]
    assert page.total == 7
    burst = page.questions[5]
    assert (burst.burst, burst.kind, burst.reason, burst.state) == (40, "pair", "day-off", "open")
    burst_page = load_queue_page(index_of_100, ANN, Filters(burst=burst.key))
    assert len(burst_page.questions) == burst_page.total == 40
    # A search for a record finds its own question.
    assert question_keys(index_of_100, text="c20") == ["q20"]
    with pytest.raises(InputError):
        load_queue_page(index_of_100, ANN, Filters(burst="q00"))
    first = load_queue_page(index_of_100, ANN, Filters(), 5)
    second = load_queue_page(index_of_100, ANN, Filters(), 5, first.after)
    assert [question.key for question in second.questions] == [BURST, "q00"]


def test_shipped_model_groups_forty_early_birth_dates_into_one_question(
    tmp_path,
):
    names = [(first, last) for first in ("James", "Michael") for last in ("Smith", "Johnson")]
    children = [
        make_child(f"c{n}", first_name=names[n % 4][0], last_name=names[n % 4][1], sex="M",
                birth_date=f"{2006 + n // 4}-{1 + n * 5 % 12:02}-10", postal_code=f"43{n:03}")
        for n in range(40)
    ]  # fmt: skip
    early_children = [{**child, "birth_date": f"{child['birth_date'][:8]}09"} for child in children]
    settings = Settings(home=tmp_path / "home", database_url=None, secret_file=None)
    shipped_index, _key = init_index(settings, is_test=True)
    try:
        for code in ("sis", "ccwis"):
            add_source(shipped_index, OPERATOR, NewSource(code))
        load_rows(shipped_index, "sis", *children)
        batch = load_rows(shipped_index, "ccwis", *early_children).batch
        [question] = load_queue_page(shipped_index, ANN, Filters()).questions
        assert (question.burst, question.reason) == (40, "birth_date: a day off")
        assert question.key == make_burst_key(batch, "birth_date: a day off")
        assert len(load_queue_page(shipped_index, ANN, Filters(burst=question.key)).questions) == 40
        # A viewer of one source sees no question.
        assert load_queue_page(shipped_index, SIS_STEWARD, Filters()).total == 0
    finally:
        shipped_index.database.dispose()


def test_count_stops_at_its_limit(index_of_100):
    add_tasks(index_of_100, *(make_task(n % 90 + 1, n // 90 + 91, 1, f"q{n}") for n in range(900)))
    more = [with_other_key(make_task(n % 90 + 1, n // 90 + 91, 1, f"r{n}")) for n in range(200)]
    add_tasks(index_of_100, *more)
    assert load_queue_page(index_of_100, ANN, Filters()).total == MAX_COUNTED + 1


def with_other_key(task: Task) -> Task:
    return Task(f"again:{task.key}", *(getattr(task, name) for name in list(Task.__slots__)[1:]))


def test_snoozed_question_returns_on_its_day_or_with_another_weight_or_pair(index_of_100):
    add_tasks(index_of_100, make_task(1, 2, 5, "q"))
    about = {"tasks": {"pair:1:2": 6_000_000}, "records": [1, 2], "kind": "pair"}

    def snooze(about) -> None:
        with index_of_100.database.write(OPERATOR, "test") as unit:
            unit.task_work.save(
                QuestionWork(
                    "q", "asleep", clock.format_timestamp(clock.now()), asleep_until=FAR, about=about
                )
            )

    snooze(about)
    assert question_keys(index_of_100) == []
    assert load_queue_page(index_of_100, ANN, Filters()).total == 0
    [asleep] = load_queue_page(index_of_100, ANN, Filters(state="asleep")).questions
    assert (asleep.key, asleep.state, asleep.asleep_until) == ("q", "asleep", FAR)
    with at(clock.datetime(2099, 1, 1, tzinfo=clock.UTC)):
        assert question_keys(index_of_100) == ["q"]
    snooze({"tasks": {"pair:1:2": 6_000_001}})
    assert question_keys(index_of_100) == ["q"]
    snooze(about)
    add_tasks(index_of_100, make_task(1, 3, 1, "q"))
    assert question_keys(index_of_100) == ["q"]


def test_obsolete_question_closes_and_reopens_with_its_history(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    with index.database.write(ANN, "test") as unit:
        about = {"kind": "pair", "reason": "band", "subject": None, "records": record_ids(index), "tasks": {}}
        unit.task_work.save(
            QuestionWork(key, "open", clock.format_timestamp(clock.now()), assigned_to="ann", about=about)
        )
        unit.task_work.add_action(make_claim_action(unit, key))
    assert [question.key for question in load_landing(index, ANN).mine] == [key]
    withdraw(index, OPERATOR, "ccwis", "2")
    assert question_keys(index) == []
    landing = load_landing(index, ANN)
    assert [
        (question.key, question.state, question.closed_because) for question in landing.closed_by_themselves
    ] == [(key, "closed", "went")]
    assert landing.mine == ()
    assert load_landing(index, BEN).closed_by_themselves == ()
    assert question_keys(index, state="closed") == [key]
    assert question_keys(index, SIS_STEWARD, state="closed") == []
    add_doubtful_pair(index)
    assert question_keys(index) == [key]
    with index.database.read(ANN) as unit:
        assert [action.action for action in unit.task_work.actions_on(key)] == ["claim", "closed", "reopened"]
        assert unit.task_work.get([key])[key].closed_at is None


def make_claim_action(unit, key):
    return QuestionAction(
        unit.counters.take("task_action"), key, clock.format_timestamp(clock.now()), "ann", "claim"
    )
