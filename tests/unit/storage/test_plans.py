"""What one record costs does not grow with the index: no statement of an upsert reads a table through."""

import re

from sqlalchemy import event

from mpi.service.records import read, upsert, withdraw
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
