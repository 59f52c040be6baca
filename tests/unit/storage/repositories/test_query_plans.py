"""No statement of an upsert scans a table, so its cost does not grow with the index."""

import re
import sqlite3
from contextlib import contextmanager
from dataclasses import replace

import pytest

from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.persons.lineage import look_up_lineage
from mpi.service.persons.persons import look_up_person
from mpi.service.persons.search import search_persons
from mpi.service.quality.dashboard import measure_quality
from mpi.service.quality.forecast import forecast_workload
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.review.assignments import claim
from mpi.service.review.question_view import load_question_view
from mpi.service.review.queue import Filters, load_landing, load_queue_page
from tests.desk import ANN, SIS_STEWARD, similar_child
from tests.index import OPERATOR, crosswalk, load_rows, make_child, many_children, open_test_index

SMALL_TABLES = {
    "payload_key",
    "token_key",
    "source",
    "agency",
    "client",
    "epoch",
    "config",
    "batch",
    "counter",
    "index_info",
    "key_run",
    "agreement_version",
    "agreement_step",
}
"""Tables of few rows, however large the index: sources, clients, loads, agreements, some hundreds."""
PLAN_KEYWORDS = {"CONSTANT"}
"""Names in plans that are no tables: a statement's own rows."""
WORKLOAD_TABLES = {
    "task",
    "task_work",
    "task_action",
    "owner_question",
    "decision",
    "blind_pair",
    "blind_answer",
    "anon_1",
}
"""Tables that grow with the stewards' work, and not with the index."""


@contextmanager
def trace_statements(index):
    """Record the statements of one thread, with their values."""
    statements = []
    # A single thread is lent the same connection again and again.
    with index.database.read(OPERATOR) as unit:
        unit.connection.driver.set_trace_callback(statements.append)
    try:
        yield statements
    finally:
        with index.database.read(OPERATOR) as unit:
            unit.connection.driver.set_trace_callback(None)


def find_scans(index, statements, allowed=frozenset()):
    """Return plan steps that scan a table, with their statements."""
    scans = []
    with index.database.read(OPERATOR) as unit:
        for statement in dict.fromkeys(statements):
            if not re.match("SELECT|DELETE|UPDATE|WITH", statement):
                continue
            for step in unit.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}"):
                scans += [(step[3], statement) for _ in [0] if _is_scan(step[3], allowed)]
    return scans


def test_every_statement_for_one_record_finds_its_rows_by_a_key(tmp_path):
    with open_test_index(tmp_path, "sis", "ccwis") as index:
        load_rows(index, "sis", *many_children(200))
        with trace_statements(index) as statements:
            for n in range(4):
                upsert(index, OPERATOR, "ccwis", make_child(f"{n}", postal_code=f"4300{n % 2}"))
            upsert(index, OPERATOR, "sis", {**many_children(5)[4], "first_name": "Amara"})
            withdraw(index, OPERATOR, "ccwis", "1")
            read(index, OPERATOR, "sis", "c7")
        assert len(statements) > 30
        assert find_scans(index, statements) == []


def test_tasks_about_a_record_are_found_by_record_and_not_by_kind(tmp_path):
    with open_test_index(tmp_path, "sis") as index:
        with trace_statements(index) as statements, index.database.read(OPERATOR) as unit:
            assert list(unit.tasks.ends_about_records({1, 2}, "pair")) == []
        [task_statement] = [statement for statement in statements if "FROM task" in statement]
        with index.database.read(OPERATOR) as unit:
            steps = [
                step[3] for step in unit.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {task_statement}")
            ]
    assert any("ix_task_lo" in step for step in steps)
    assert not any("ix_task_kind" in step for step in steps)


@pytest.mark.parametrize("steward", [ANN, SIS_STEWARD], ids=["all", "one source"])
def test_pages_of_a_child_or_a_question_find_their_rows_by_a_key(tmp_path, steward):
    with open_test_index(tmp_path, "sis", "ccwis") as index:
        children = many_children(60)
        load_rows(
            index,
            "sis",
            *children,
            *({**similar_child(c), "local_id": f"x{n}"} for n, c in enumerate(children)),
        )
        question = load_queue_page(index, steward, Filters()).questions[0]
        eid = crosswalk(index)["sis", "c7"]
        with trace_statements(index) as statements:
            look_up_person(index, steward, eid)
            look_up_lineage(index, steward, eid)
            look_up_golden_record(index, steward, eid)
            load_question_view(index, steward, question.key)
            claim(index, steward, question.key)
            load_landing(index, steward)
            search_persons(index, steward, make_child(None))
        assert len(statements) > 30
        assert find_scans(index, statements, WORKLOAD_TABLES) == []


def test_the_dashboard_scans_only_tables_of_pending_work(tmp_path):
    with open_test_index(tmp_path, "sis", "ccwis") as index:
        flag = {"population": "foster_care", "value": "Y", "definition": "AFCARS", "begin": "2024-01-01"}
        load_rows(index, "ccwis", *(child | {"flags": [flag]} for child in many_children(60)))
        with trace_statements(index) as statements:
            measure_quality(index, ANN)
            forecast_workload(index, ANN)
        assert len(statements) > 15
        assert find_scans(index, statements, WORKLOAD_TABLES) == []


def _is_scan(step: str, allowed=frozenset()) -> bool:
    """Return whether a plan step scans a table, or everything of one configuration or scope."""
    table = re.match(r"(?:SCAN|SEARCH) (\w+)", step)
    if table is None or table[1] in SMALL_TABLES | PLAN_KEYWORDS | allowed:
        return False
    return step.startswith("SCAN") or step.endswith(("(config_id=?)", "(scope=?)"))


def test_a_scoped_queue_is_read_in_order_without_looking_up_other_sources(tmp_path):
    steward = replace(ANN, sources=frozenset({"sis"}))
    with open_test_index(tmp_path, "sis", "ccwis") as index:
        for child in many_children(3):
            upsert(index, OPERATOR, "sis", child)
            upsert(index, OPERATOR, "ccwis", similar_child(child))
            upsert(index, OPERATOR, "sis", {**similar_child(child), "local_id": f"again-{child['local_id']}"})
        with trace_statements(index) as statements:
            page = load_queue_page(index, steward, Filters())
        assert page.total == 3
        assert {label.source for question in page.questions for label in question.records} == {"sis"}
        queue_reads = [statement for statement in statements if "ORDER BY task.harm_unflagged" in statement]
        assert len(queue_reads) == 2  # the first page, and the rows after it
        for queue_read in queue_reads:
            with index.database.read(OPERATOR) as unit:
                plan = unit.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {queue_read}")
                first_step, *other_steps = [row[3] for row in plan]
            assert "USING INDEX ix_task_harm_unflagged" in first_step
            assert not any("TEMP B-TREE" in step for step in other_steps)
        assert all("source_id" not in statement for statement in statements if "FROM task JOIN" in statement)


def test_repeated_query_of_records_is_not_compiled_again(tmp_path):
    """SQLite compiles a query anew if a parameter's value may decide whether a partial index fits."""
    with open_test_index(tmp_path, "sis") as index:
        load_rows(index, "sis", *many_children(4))
        with index.database.read(OPERATOR) as unit:
            (source,) = unit.sources.all()

            def query_records():
                unit.records.find_by_local_ids(source.id, ["c1", "c2"])
                unit.record_versions.active_versions([1, 2])
                unit.records.canonical_keys([1, 2])

            with _trace_compiled(unit) as compiled:
                # The first two compile: SQLAlchemy runs a statement once before it is kept.
                query_records()
                query_records()
                assert compiled
                compiled.clear()
                query_records()
        assert compiled == []


@contextmanager
def _trace_compiled(unit):
    """Record each access that SQLite asks the authorizer for, which it does as it compiles."""
    compiled = []
    unit.connection.driver.set_authorizer(lambda *access: compiled.append(access) or sqlite3.SQLITE_OK)
    try:
        yield compiled
    finally:
        unit.connection.driver.set_authorizer(None)
