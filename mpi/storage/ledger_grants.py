"""Rights of a PostgreSQL role, which only appends to the ledger."""

import re

from sqlalchemy import text

from mpi.domain.errors import InputError
from mpi.storage.unit_of_work.database import Database, translate_errors

APPEND_ONLY = ("disclosure", "disclosed_record", "ledger_node", "ledger_root")
"""Tables of which the role may change and delete nothing."""
_ROLE = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def list_grants(database: Database, role: str) -> list[str]:
    """Return the statements that give a role its rights, in order.

    Raises:
        InputError: the store is SQLite, or the role's name has other characters than a-z, 0-9 and _.
    """
    if not database.is_postgresql:
        raise InputError(
            "SQLite has no roles: its triggers refuse changes of the ledger (docs/reference/ledger.md)"
        )
    if not _ROLE.fullmatch(role):
        raise InputError("--role: a name of lower-case letters, digits and _")
    with translate_errors(), database.engine.connect() as connection:
        schema = str(connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one())
    tables = ", ".join(f"{schema}.{table}" for table in APPEND_ONLY)
    return [
        f"GRANT USAGE ON SCHEMA {schema} TO {role}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
        f"REVOKE UPDATE, DELETE, TRUNCATE ON {tables} FROM {role}",
    ]


def grant(database: Database, role: str) -> list[str]:
    """Give a role its rights; return the statements that were run.

    Raises:
        InputError: as for ``list_grants``.
        StoreError: the database refuses, since the caller owns not all tables or the role does not exist.
    """
    statements = list_grants(database, role)
    with translate_errors(), database.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    return statements
