"""What one record costs does not grow with the index: no statement of an upsert reads a table through."""

import re
from contextlib import contextmanager
from dataclasses import replace

import pytest

from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.persons.persons import look_up_lineage, look_up_person
from mpi.service.persons.search import search_persons
from mpi.service.quality.dashboard import measure_quality
from mpi.service.quality.forecast import forecast_workload
from mpi.service.records.upsert import read, upsert, withdraw
from mpi.service.review.answers import claim
from mpi.service.review.question_view import load_question_view
from mpi.service.review.queue import Filters, load_landing, load_queue_page
from tests.desk import ANN, SIS_STEWARD, almost
from tests.index import OPERATOR, a_child, an_index, crosswalk, load_rows, many_children

SMALL = {"source", "agency", "client", "epoch", "config", "batch", "counter", "index_info", "key_run"}
"""Tables of few rows, however large the index: sources, clients, loads, and runs of keys, some hundreds."""
NO_TABLE = {"CONSTANT"}
"""Of a statement's own rows."""
WORKLOAD = {
    "task",
    "task_work",
    "task_action",
    "owner_question",
    "decision",
    "blind_pair",
    "blind_answer",
    "anon_1",
}
"""What grows with what stewards have to do, and not with the index."""


@contextmanager
def statements_of(index):
    """What one thread asks of the store meanwhile, with its values."""
    found = []
    # The one connection that a single thread is lent again and again.
    with index.database.read(OPERATOR) as unit:
        unit.connection.driver.set_trace_callback(found.append)
    try:
        yield found
    finally:
        with index.database.read(OPERATOR) as unit:
            unit.connection.driver.set_trace_callback(None)


def read_through(index, statements, but=frozenset()):
    """Steps that read a table through, with their statements."""
    through = []
    with index.database.read(OPERATOR) as unit:
        for statement in dict.fromkeys(statements):
            if not re.match("SELECT|DELETE|UPDATE|WITH", statement):
                continue
            for step in unit.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}"):
                through += [(step[3], statement) for _ in [0] if _reads_all(step[3], but)]
    return through


def test_every_statement_of_one_record_finds_its_rows_by_a_key(tmp_path):
    with an_index(tmp_path, "sis", "ccwis") as index:
        load_rows(index, "sis", *many_children(200))
        with statements_of(index) as statements:
            for n in range(4):
                upsert(index, OPERATOR, "ccwis", a_child(f"{n}", postal_code=f"4300{n % 2}"))
            upsert(index, OPERATOR, "sis", {**many_children(5)[4], "first_name": "Amara"})
            withdraw(index, OPERATOR, "ccwis", "1")
            read(index, OPERATOR, "sis", "c7")
        assert len(statements) > 30
        assert read_through(index, statements) == []


def test_the_tasks_beside_a_record_are_found_by_the_record_and_not_by_their_kind(tmp_path):
    with an_index(tmp_path, "sis") as index:
        with statements_of(index) as statements, index.database.read(OPERATOR) as unit:
            assert list(unit.tasks.ends_about_records({1, 2}, "pair")) == []
        [asked] = [statement for statement in statements if "FROM task" in statement]
        with index.database.read(OPERATOR) as unit:
            steps = [step[3] for step in unit.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}")]
    assert any("ix_task_lo" in step for step in steps)
    assert not any("ix_task_kind" in step for step in steps)


@pytest.mark.parametrize("steward", [ANN, SIS_STEWARD], ids=["all", "one source"])
def test_what_a_page_shows_of_a_child_or_a_question_is_found_by_a_key(tmp_path, steward):
    with an_index(tmp_path, "sis", "ccwis") as index:
        children = many_children(60)
        load_rows(
            index, "sis", *children, *({**almost(c), "local_id": f"x{n}"} for n, c in enumerate(children))
        )
        one = load_queue_page(index, steward, Filters()).questions[0]
        eid = crosswalk(index)["sis", "c7"]
        with statements_of(index) as statements:
            look_up_person(index, steward, eid)
            look_up_lineage(index, steward, eid)
            look_up_golden_record(index, steward, eid)
            load_question_view(index, steward, one.key)
            claim(index, steward, one.key)
            load_landing(index, steward)
            search_persons(index, steward, a_child(None))
        assert len(statements) > 30
        assert read_through(index, statements, WORKLOAD) == []


def test_the_dashboard_reads_what_waits_and_no_table_of_records_through(tmp_path):
    with an_index(tmp_path, "sis", "ccwis") as index:
        flag = {"population": "foster_care", "value": "Y", "definition": "AFCARS", "begin": "2024-01-01"}
        load_rows(index, "ccwis", *(child | {"flags": [flag]} for child in many_children(60)))
        with statements_of(index) as statements:
            measure_quality(index, ANN)
            forecast_workload(index, ANN)
        assert len(statements) > 15
        assert read_through(index, statements, WORKLOAD) == []


def _reads_all(step: str, but=frozenset()) -> bool:
    """Whether a step of a plan reads a table, or all of it that one configuration or scope has."""
    table = re.match(r"(?:SCAN|SEARCH) (\w+)", step)
    if table is None or table[1] in SMALL | NO_TABLE | but:
        return False
    return step.startswith("SCAN") or step.endswith(("(config_id=?)", "(scope=?)"))


def test_the_queue_of_some_sources_is_read_in_order_and_looks_up_no_record_of_another_source(tmp_path):
    steward = replace(ANN, sources=frozenset({"sis"}))
    with an_index(tmp_path, "sis", "ccwis") as index:
        for child in many_children(3):
            upsert(index, OPERATOR, "sis", child)
            upsert(index, OPERATOR, "ccwis", almost(child))
            upsert(index, OPERATOR, "sis", {**almost(child), "local_id": f"again-{child['local_id']}"})
        with statements_of(index) as statements:
            page = load_queue_page(index, steward, Filters())
        assert page.total == 3
        assert {label.source for one in page.questions for label in one.records} == {"sis"}
        walks = [each for each in statements if "ORDER BY task.harm_unflagged" in each]
        assert len(walks) == 2  # the first places, and those after them
        for walk in walks:
            with index.database.read(OPERATOR) as unit:
                plan = unit.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {walk}")
                first, *others = [row[3] for row in plan]
            assert "USING INDEX ix_task_harm_unflagged" in first
            assert not any("TEMP B-TREE" in step for step in others)
        assert all("source_id" not in each for each in statements if "FROM task JOIN" in each)
