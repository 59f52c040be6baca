"""Compiled statements that the engines of a process share."""

from contextlib import contextmanager

from sqlalchemy import Column, Integer, MetaData, Table, create_engine, event, select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from mpi.storage.driver.compiled_cache import CompiledCache

RECORD = Table("record", MetaData(), Column("id", Integer))


@contextmanager
def open_engine(cache):
    engine = create_engine("sqlite://", execution_options={"compiled_cache": cache})
    try:
        RECORD.metadata.create_all(engine)
        yield engine
    finally:
        engine.dispose()


def test_a_second_engine_compiles_no_statement_that_the_first_compiled():
    cache = CompiledCache(10)
    compiled = []
    for _ in range(2):
        with open_engine(cache) as engine, engine.connect() as connection:
            event.listen(engine, "before_cursor_execute", lambda *sent: compiled.append(sent[4].compiled))
            assert connection.execute(select(RECORD).where(RECORD.c.id == 7)).all() == []
    selects = [statement for statement in compiled if str(statement).startswith("SELECT")]
    assert len(selects) == 2
    assert selects[0] is selects[1]


def test_engines_share_a_statement_and_not_its_values():
    cache = CompiledCache(10)
    for value in (1, 2):
        with open_engine(cache) as engine, engine.connect() as connection:
            connection.execute(RECORD.insert().values(id=value))
            assert connection.execute(select(RECORD.c.id).where(RECORD.c.id == value)).scalar() == value


def test_other_dialects_and_versions_have_statements_of_their_own():
    cache = CompiledCache(10)
    older, newer, other = SQLiteDialect_pysqlite(), SQLiteDialect_pysqlite(), PGDialect_psycopg()
    older.server_version_info, newer.server_version_info = (3, 40, 0), (3, 46, 0)
    cache[older, "statement"] = "compiled"
    assert cache.get((newer, "statement")) is None
    assert cache.get((other, "statement")) is None
    newer.server_version_info = older.server_version_info
    assert cache[newer, "statement"] == "compiled"
