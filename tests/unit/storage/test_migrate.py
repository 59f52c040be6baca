"""The schema revision that the code names."""

from alembic.script import ScriptDirectory

from mpi.storage import migrate


def test_the_schema_revision_of_the_code_is_that_of_the_latest_migration():
    migrations = ScriptDirectory.from_config(migrate._alembic_config())
    assert migrations.get_current_head() == migrate.SCHEMA_REVISION
