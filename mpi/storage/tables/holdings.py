"""Tables of runs that drop records, and of tokens."""

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from mpi.storage.columns import bigint, primary_key, text


class HoldingsRunRow(SQLModel, table=True):
    """A run that drops records of a source; once done, its certificate.

    ``status`` is ``waiting`` (for a second person), ``running``, ``done`` or ``ended`` (the source was set to
    hold all records again). ``rows`` counts rows of the file that were never stored,
    ``records`` counts records that were destroyed. ``surplus`` is how many records were to be destroyed when
    the run began to wait. ``seal`` is a keyed digest of the other columns, so that a changed certificate is
    noticed; no child can be found by it.
    """

    __tablename__ = "holdings_run"
    id: int = primary_key()
    source_id: int = bigint(foreign_key="source.id", index=True)
    batch_id: int | None = bigint(default=None)
    status: str = text()
    requested_commit: int = bigint()
    approved_commit: int | None = bigint(default=None)
    ended_commit: int | None = bigint(default=None)
    surplus: int = bigint(default=0)
    rows: int = bigint(default=0)
    records: int = bigint(default=0)
    seal: str | None = text(default=None)


class PupilTokensRow(SQLModel, table=True):
    """Keyed tokens of a dropped row.

    ``pupil`` is a keyed hash of source and local ID. ``tokens`` are keyed hashes of name with birth date and
    of numbers, as ascending little-endian 64-bit integers. ``token_keys`` are the numbers of the token keys
    that were in force then; after a semicolon, each key under which the tokens were hashed again.
    """

    __tablename__ = "pupil_tokens"
    __table_args__ = ({"sqlite_with_rowid": False},)
    source_id: int = primary_key(foreign_key="source.id")
    pupil: int = primary_key()
    tokens: bytes = Field(sa_type=LargeBinary)
    token_keys: str = text(default="1", sa_column_kwargs={"server_default": "1"})
