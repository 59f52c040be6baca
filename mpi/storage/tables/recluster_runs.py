"""Tables of re-cluster runs, carried out in many small transactions."""

from sqlmodel import SQLModel

from mpi.storage.columns import bigint, primary_key, text


class RunRow(SQLModel, table=True):
    """One execution of a re-cluster, which can be resumed or abandoned.

    ``kind`` is ``recluster``, ``proposal`` or ``rollback``. ``stage`` is a
    ``mpi.storage.repositories.derived.recluster_runs.RunStage``. ``config_id`` is the configuration that it
    puts in force, once known. ``worker`` is the process that executes it, and ``beat`` that process's last
    heartbeat.
    """

    __tablename__ = "recluster_run"
    id: int = primary_key()
    kind: str = text()
    stage: str = text(index=True)
    model: str = text()
    proposal_id: int | None = bigint(default=None, foreign_key="proposal.id")
    config_id: int | None = bigint(default=None)
    on_date: str = text()
    client: str = text()
    began_commit: int = bigint()
    flipped_commit: int | None = bigint(default=None)
    ended_commit: int | None = bigint(default=None)
    moved: int = bigint(default=0)
    held: int = bigint(default=0)
    changed: int = bigint(default=0)
    worker: str = text()
    beat: str = text()
    detail: str = text(default="{}")


class RunChangeRow(SQLModel, table=True):
    """A record that changed during a re-cluster run and must be revisited."""

    __tablename__ = "recluster_change"
    __table_args__ = ({"sqlite_with_rowid": False},)
    run_id: int = primary_key()
    record_id: int = primary_key()
