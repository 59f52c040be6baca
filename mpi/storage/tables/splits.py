"""Tables of splits, which move sources into a scope."""

from sqlmodel import SQLModel

from mpi.storage.columns import bigint, primary_key, text


class SplitRow(SQLModel, table=True):
    """A split of sources into a scope, and how far it is.

    The shared index has a row for each split. The index of the scope has a row for the split that made it,
    if one did, and one for each that added sources. ``plan`` is JSON of codes, names and counts; in the
    scope, of the approval's time and the records that it closed, and of the sources that were added.
    ``progress`` is JSON of the first numbers that the scope gave. ``token_hash`` is the hash of the token
    with which the plan is approved.
    """

    __tablename__ = "split"
    id: int = primary_key()
    scope: str = text(index=True)
    name: str = text()
    state: str = text()
    plan: str = text()
    progress: str = text(default="{}")
    token_hash: str = text()
    planned_commit: int = bigint()
    approved_commit: int | None = bigint(default=None)
    state_commit: int = bigint()


class MovedLoginRow(SQLModel, table=True):
    """A client or account that a split moved into a scope.

    ``kind`` is ``client`` or ``account``. Only the shared index holds these rows.
    """

    __tablename__ = "moved_login"
    __table_args__ = ({"sqlite_with_rowid": False},)
    kind: str = text(primary_key=True)
    name: str = text(primary_key=True)
    split_id: int = bigint(foreign_key="split.id")
    scope: str = text()


class FormerIdRow(SQLModel, table=True):
    """The ID that a record had before its source was moved.

    Only the index of a scope holds these rows.
    """

    __tablename__ = "former_id"
    __table_args__ = ({"sqlite_with_rowid": False},)
    eid: str = text(primary_key=True)
    record_id: int = primary_key(foreign_key="record.id", index=True)


class IdMapRow(SQLModel, table=True):
    """That a client has got the map of its IDs."""

    __tablename__ = "id_map"
    client: str = text(primary_key=True)
    given_commit: int = bigint()
