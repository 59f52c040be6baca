"""Database column types that behave alike on SQLite and PostgreSQL."""

from typing import Any

from sqlalchemy import BigInteger, Integer, Text
from sqlmodel import Field

BigInt = BigInteger().with_variant(Integer, "sqlite")
"""The 64-bit integer column type.

SQLite needs the spelling INTEGER for its rowid.
"""


def primary_key(**options: Any) -> Any:  # noqa: ANN401 - as sqlmodel's Field
    """Return a 64-bit primary key column whose value the caller assigns."""
    return Field(primary_key=True, sa_type=BigInt, sa_column_kwargs={"autoincrement": False}, **options)


def bigint(**options: Any) -> Any:  # noqa: ANN401 - as above
    """Return a 64-bit integer column."""
    return Field(sa_type=BigInt, **options)


def text(**options: Any) -> Any:  # noqa: ANN401 - as above
    """Return a text column of unlimited length."""
    return Field(sa_type=Text, **options)
