"""The queue: the most harmful first, page by page, as far as its reader may see."""

import pytest

from mpi.bootstrap import init_index
from mpi.config import Settings
from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.service.records.upsert import withdraw
from mpi.service.review.open_questions import make_burst_key
from mpi.service.review.queue import MAX_COUNTED, Filters, load_landing, load_queue_page
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.storage.repositories.review.task_work import QuestionAction, QuestionWork
from mpi.storage.repositories.review.tasks import Task
from tests.desk import ANN, BEN, NOBODY, SIS_STEWARD, at, doubtful, keys, later, one_pair, the_question
from tests.index import OPERATOR, a_child, load_rows, many_children

FAR = "2099-01-01"
BURST = make_burst_key(1, "day-off")


def add_tasks(index, *tasks: Task) -> None:
    with index.database.write(OPERATOR, "test") as unit:
        unit.tasks.replace([], tasks, unit.commit_no)


def pair(lo: int, hi: int, harm: int, question: str, **more) -> Task:
    return Task(f"pair:{lo}:{hi}", "pair", lo, hi, 6.0, "band", None, None, question, more.pop("subject", lo),
                harm, more.pop("unflagged", harm), **more)  # fmt: skip


@pytest.fixture
def many(index):
    """A hundred children of sis, numbered from 1, and none in doubt."""
    load_rows(index, "sis", *many_children(90))
    load_rows(index, "ccwis", *many_children(10, start=90))
    return index


def numbers(index) -> list[int]:
    with index.database.read(OPERATOR) as unit:
        return sorted(unit.records.active_canonical_keys())


def test_fifty_questions_come_page_by_page_each_once_in_the_order_of_harm(many):
    tasks = [pair(2 * n + 1, 2 * n + 2, (n * 7) % 11, f"q{n:02}") for n in range(40)]
    # Others of one question, of less harm and of the same, so that it is met again on later pages.
    tasks += [pair(n + 1, n + 50, (n * 3) % 5, f"q{n:02}") for n in range(40)]
    tasks += [pair(n + 1, n + 40, 4, f"r{n:02}") for n in range(10)]
    add_tasks(many, *tasks)
    seen, after = [], None
    while True:
        page = load_queue_page(many, ANN, Filters(), 7, after)
        seen += page.questions
        assert page.total == 50
        if (after := page.after) is None:
            break
    assert [one.key for one in seen] == keys(many)
    worst = {}
    for task in tasks:
        worst[task.question] = max(worst.get(task.question, 0), task.harm)
    assert [one.key for one in seen] == sorted(worst, key=lambda key: (worst[key], key), reverse=True)


def test_a_question_names_its_subject_first_and_its_candidates_by_weight(many):
    one, two, three = numbers(many)[:3]
    tasks = [
        Task(f"pair:{one}:{two}", "pair", one, two, 6.0, "band", question="q", subject=two, harm=1),
        Task(f"pair:{two}:{three}", "pair", two, three, 8.5, "margin", question="q", subject=two, harm=2),
    ]
    add_tasks(many, *tasks)
    found = the_question(many)
    with many.database.read(OPERATOR) as unit:
        labels = unit.records.labels([one, two, three])
    assert found.subject == labels[two]
    assert found.records == (labels[two], labels[three], labels[one])
    assert (found.kind, found.reason, found.match_weight, found.state) == ("pair", "margin", 8.5, "open")


def test_a_reader_of_one_source_is_asked_what_an_index_without_the_others_would_ask(index):
    load_rows(index, "sis", *many_children(3))
    load_rows(index, "ccwis", *many_children(3, start=50))
    with index.database.read(OPERATOR) as unit:
        labels = unit.records.labels(unit.records.active_canonical_keys())
    mine = sorted(number for number, label in labels.items() if label.source == "sis")
    other = sorted(number for number, label in labels.items() if label.source == "ccwis")
    add_tasks(
        index,
        pair(mine[0], mine[1], 5, "mixed", unflagged=1),
        pair(mine[0], other[0], 9, "mixed"),
        pair(mine[1], other[1], 8, "hidden"),
        pair(mine[0], mine[2], 4, "own", unflagged=2),
    )
    page = load_queue_page(index, SIS_STEWARD, Filters())
    assert [one.key for one in page.questions] == ["own", "mixed"]
    assert page.total == 2
    [mixed] = [one for one in page.questions if one.key == "mixed"]
    assert {label.source for label in mixed.records} == {"sis"}
    assert keys(index) == ["mixed", "hidden", "own"]
    assert keys(index, SIS_STEWARD, source="sis") == ["own", "mixed"]
    with pytest.raises(NotFoundError):
        load_queue_page(index, SIS_STEWARD, Filters(source="ccwis"))
    assert [one.key for one in load_landing(index, SIS_STEWARD).new] == ["own", "mixed"]


def test_a_decision_that_the_reader_may_not_see_is_no_question_and_is_not_counted(index):
    load_rows(index, "sis", *many_children(2))
    load_rows(index, "ccwis", *many_children(1, start=50))
    groups = ((RecordRef("sis", "c0"), RecordRef("ccwis", "c50"), RecordRef("sis", "c1")),)
    decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, groups, "x", recheck_on="2020-01-01"))
    with index.database.read(OPERATOR) as unit:
        [task] = [task for task in unit.tasks.all() if task.decision_id]
        mine = sorted(
            unit.records.find_by_local_ids(unit.sources.get_by_code("sis").id, ["c0", "c1"]).values(),
            key=lambda r: r.id,
        )
    assert task.kind == "recheck"
    page = load_queue_page(index, SIS_STEWARD, Filters())
    seen = {task.lo, task.hi} <= {record.id for record in mine}
    assert (len(page.questions), page.total) == ((1, 1) if seen else (0, 0))
    assert load_queue_page(index, ANN, Filters()).total == 1


def test_filters_narrow_by_kind_source_local_id_and_day(index):
    doubtful(index, 3)
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
    every = keys(index)
    assert len(every) >= 3
    rechecks = load_queue_page(index, ANN, Filters(kind="recheck")).questions
    assert [one.kind for one in rechecks] == ["recheck"]
    assert set(keys(index, kind="pair")) | {rechecks[0].key} == set(every)
    assert keys(index, source="ccwis")
    assert set(keys(index, source="ccwis")) < set(every)
    found = load_queue_page(index, ANN, Filters(text="c2")).questions
    assert {label.local_id for one in found for label in one.records} == {"c2"}
    assert keys(index, text="c") == []
    assert keys(index, due=True) == []
    with at(later(days=31)):
        assert set(keys(index, due=True)) == set(every)
        assert {one.key for one in load_landing(index, ANN).due_today} == set(every)
    with pytest.raises(InputError):
        load_queue_page(index, ANN, Filters(state="lost"))
    with pytest.raises(InputError):
        load_queue_page(index, ANN, Filters(), after="nonsense")
    with pytest.raises(AccessDenied):
        load_queue_page(index, NOBODY, Filters())


def test_forty_one_day_birth_dates_from_one_feed_are_one_question_that_opens(many):
    tasks = [pair(n + 1, n + 41, n, f"q{n:02}", pattern="day-off", batch_id=1) for n in range(40)]
    tasks += [pair(n + 1, n + 51, 100, f"s{n:02}", pattern="day-off", batch_id=2) for n in range(5)]
    # One that is asked for another reason too stays by itself.
    tasks.append(pair(1, 90, 3, "q00"))
    add_tasks(many, *tasks)
    page = load_queue_page(many, ANN, Filters())
    assert [one.key for one in page.questions] == [
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
    behind = load_queue_page(many, ANN, Filters(burst=burst.key))
    assert len(behind.questions) == behind.total == 40
    # Whoever looks for a record finds its own question.
    assert keys(many, text="c20") == ["q20"]
    with pytest.raises(InputError):
        load_queue_page(many, ANN, Filters(burst="q00"))
    first = load_queue_page(many, ANN, Filters(), 5)
    assert [one.key for one in load_queue_page(many, ANN, Filters(), 5, first.after).questions] == [
        BURST, "q00",
    ]  # fmt: skip


def test_a_feed_that_writes_forty_birth_dates_a_day_too_early_makes_one_question_of_the_shipped_model(
    tmp_path,
):
    names = [(first, last) for first in ("James", "Michael") for last in ("Smith", "Johnson")]
    children = [
        a_child(f"c{n}", first_name=names[n % 4][0], last_name=names[n % 4][1], sex="M",
                birth_date=f"{2006 + n // 4}-{1 + n * 5 % 12:02}-10", postal_code=f"43{n:03}")
        for n in range(40)
    ]  # fmt: skip
    early = [{**child, "birth_date": f"{child['birth_date'][:8]}09"} for child in children]
    settings = Settings(home=tmp_path / "home", database_url=None, secret_file=None)
    made, _key = init_index(settings, is_test=True)
    try:
        for code in ("sis", "ccwis"):
            add_source(made, OPERATOR, NewSource(code))
        load_rows(made, "sis", *children)
        batch = load_rows(made, "ccwis", *early).batch
        [one] = load_queue_page(made, ANN, Filters()).questions
        assert (one.burst, one.reason) == (40, "birth_date: a day off")
        assert one.key == make_burst_key(batch, "birth_date: a day off")
        assert len(load_queue_page(made, ANN, Filters(burst=one.key)).questions) == 40
        # Whoever sees one of the two sources is asked nothing.
        assert load_queue_page(made, SIS_STEWARD, Filters()).total == 0
    finally:
        made.database.dispose()


def test_counting_stops_at_a_thousand_and_one(many):
    add_tasks(many, *(pair(n % 90 + 1, n // 90 + 91, 1, f"q{n}") for n in range(900)))
    more = [replace_key(pair(n % 90 + 1, n // 90 + 91, 1, f"r{n}")) for n in range(200)]
    add_tasks(many, *more)
    assert load_queue_page(many, ANN, Filters()).total == MAX_COUNTED + 1


def replace_key(task: Task) -> Task:
    return Task(f"again:{task.key}", *(getattr(task, name) for name in list(Task.__slots__)[1:]))


def test_a_question_asleep_wakes_on_its_day_or_when_a_weight_or_a_pair_is_another(many):
    add_tasks(many, pair(1, 2, 5, "q"))
    known = {"tasks": {"pair:1:2": 6_000_000}, "records": [1, 2], "kind": "pair"}

    def put_to_sleep(known) -> None:
        with many.database.write(OPERATOR, "test") as unit:
            unit.task_work.save(
                QuestionWork(
                    "q", "asleep", clock.format_timestamp(clock.now()), asleep_until=FAR, about=known
                )
            )

    put_to_sleep(known)
    assert keys(many) == []
    assert load_queue_page(many, ANN, Filters()).total == 0
    [asleep] = load_queue_page(many, ANN, Filters(state="asleep")).questions
    assert (asleep.key, asleep.state, asleep.asleep_until) == ("q", "asleep", FAR)
    with at(clock.datetime(2099, 1, 1, tzinfo=clock.UTC)):
        assert keys(many) == ["q"]
    put_to_sleep({"tasks": {"pair:1:2": 6_000_001}})
    assert keys(many) == ["q"]
    put_to_sleep(known)
    add_tasks(many, pair(1, 3, 1, "q"))
    assert keys(many) == ["q"]


def test_what_no_task_asks_any_more_is_closed_by_itself_and_opens_with_its_history_when_it_returns(index):
    one_pair(index)
    key = the_question(index).key
    with index.database.write(ANN, "test") as unit:
        about = {"kind": "pair", "reason": "band", "subject": None, "records": numbers(index), "tasks": {}}
        unit.task_work.save(
            QuestionWork(key, "open", clock.format_timestamp(clock.now()), assigned_to="ann", about=about)
        )
        unit.task_work.add_action(act(unit, key))
    assert [one.key for one in load_landing(index, ANN).mine] == [key]
    withdraw(index, OPERATOR, "ccwis", "2")
    assert keys(index) == []
    found = load_landing(index, ANN)
    assert [(one.key, one.state, one.closed_because) for one in found.closed_by_themselves] == [
        (key, "closed", "went")
    ]
    assert found.mine == ()
    assert load_landing(index, BEN).closed_by_themselves == ()
    assert keys(index, state="closed") == [key]
    assert keys(index, SIS_STEWARD, state="closed") == []
    one_pair(index)
    assert keys(index) == [key]
    with index.database.read(ANN) as unit:
        assert [each.action for each in unit.task_work.actions_on(key)] == ["claim", "closed", "reopened"]
        assert unit.task_work.get([key])[key].closed_at is None


def act(unit, key):
    return QuestionAction(
        unit.counters.take("task_action"), key, clock.format_timestamp(clock.now()), "ann", "claim"
    )
