"""Column types that mean the same on SQLite and PostgreSQL."""

from typing import Any

from sqlalchemy import BigInteger, Integer, Text
from sqlmodel import Field

BigInt = BigInteger().with_variant(Integer, "sqlite")
"""64 bits on both; SQLite's rowid only works for a column spelled INTEGER."""


def primary_key(**options: Any) -> Any:  # noqa: ANN401 - what sqlmodel's Field takes and gives
    """A primary key of 64 bits, given by the caller and never by the database."""
    return Field(primary_key=True, sa_type=BigInt, sa_column_kwargs={"autoincrement": False}, **options)


def bigint(**options: Any) -> Any:  # noqa: ANN401
    """A 64-bit integer."""
    return Field(sa_type=BigInt, **options)


def text(**options: Any) -> Any:  # noqa: ANN401
    """Text of any length."""
    return Field(sa_type=Text, **options)
