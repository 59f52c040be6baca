"""What one record costs does not grow with the index: no statement of an upsert reads a table through."""

import re
from dataclasses import replace

from sqlalchemy import event

from mpi.service.queue import Filters, questions
from mpi.service.records import read, upsert, withdraw
from tests.desk import ANN, almost
from tests.index import OPERATOR, a_child, an_index, load_rows, many_children

SMALL = {"source", "agency", "client", "epoch", "config", "batch", "counter", "index_info"}
"""Tables of few rows, however large the index: sources, clients, configurations, loads, counters."""


def test_every_statement_of_one_record_finds_its_rows_by_a_key(tmp_path):
    with an_index(tmp_path, "sis", "ccwis") as index:
        load_rows(index, "sis", *many_children(200))
        statements = {}

        def note(_connection, _cursor, statement, parameters, _context, _many) -> None:
            statements[statement] = parameters

        event.listen(index.database.engine, "before_cursor_execute", note)
        for n in range(4):
            upsert(index, OPERATOR, "ccwis", a_child(f"{n}", postal_code=f"4300{n % 2}"))
        upsert(index, OPERATOR, "sis", {**many_children(5)[4], "first_name": "Amara"})
        withdraw(index, OPERATOR, "ccwis", "1")
        read(index, OPERATOR, "sis", "c7")
        event.remove(index.database.engine, "before_cursor_execute", note)

        assert len(statements) > 30
        through = []
        with index.database.engine.connect() as connection:
            for statement, parameters in statements.items():
                if not re.match("SELECT|DELETE|UPDATE", statement):
                    continue
                one = parameters[0] if isinstance(parameters, list) else parameters
                for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", one):
                    through += [(step[3], statement) for _ in [0] if _reads_all(step[3])]
    assert through == []


def _reads_all(step: str) -> bool:
    """Whether a step of a plan reads a table, or all of it that one configuration or scope has."""
    table = re.match(r"(?:SCAN|SEARCH) (\w+)", step)
    if table is None or table[1] in SMALL:
        return False
    return step.startswith("SCAN") or step.endswith(("(config_id=?)", "(scope=?)"))


def test_the_queue_of_some_sources_is_read_in_order_and_looks_up_no_record_of_another_source(tmp_path):
    steward = replace(ANN, sources=frozenset({"sis"}))
    with an_index(tmp_path, "sis", "ccwis") as index:
        for child in many_children(3):
            upsert(index, OPERATOR, "sis", child)
            upsert(index, OPERATOR, "ccwis", almost(child))
            upsert(index, OPERATOR, "sis", {**almost(child), "local_id": f"again-{child['local_id']}"})
        statements = {}

        def note(_connection, _cursor, statement, parameters, _context, _many) -> None:
            statements[statement] = parameters

        event.listen(index.database.engine, "before_cursor_execute", note)
        page = questions(index, steward, Filters())
        event.remove(index.database.engine, "before_cursor_execute", note)

        assert page.total == 3
        assert {label.source for one in page.questions for label in one.records} == {"sis"}
        walks = [each for each in statements if "ORDER BY task.harm_unflagged" in each]
        assert len(walks) == 2  # the first places, and those after them
        for walk in walks:
            with index.database.engine.connect() as connection:
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {walk}", statements[walk])
                first, *others = [row[3] for row in plan]
            assert "USING INDEX ix_task_harm_unflagged" in first
            assert not any("TEMP B-TREE" in step for step in others)
        assert all("source_id" not in each for each in statements if "FROM task JOIN" in each)
