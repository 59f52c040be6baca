"""The Alembic environment: runs migrations on a given connection.

Alembic does not open a transaction of its own.
"""

from alembic import context
from sqlmodel import SQLModel

import mpi.storage.tables  # noqa: F401 - registers the tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
