"""Table of jobs: long work that runs in the background."""

from sqlalchemy import Index
from sqlmodel import SQLModel

from mpi.storage.columns import bigint, primary_key, text


class JobRow(SQLModel, table=True):
    """Long work that a person began, and its progress.

    ``kind`` says what it does, and ``target`` is the proposal or load that it is about. ``state`` is
    ``running``, ``done``, ``failed`` or ``interrupted``. ``worker`` is the process that does it, and ``beat``
    that process's last heartbeat. ``stage`` is its present step, ``done`` of ``total`` items are done, and
    ``stage_at`` is when that step began. ``result`` is the number of what it made, ``error`` why it failed.
    ``detail`` is JSON of its options.
    """

    __tablename__ = "job"
    __table_args__ = (Index("ix_job_state", "state"),)
    id: int = primary_key()
    kind: str = text()
    target: int | None = bigint(default=None)
    state: str = text()
    client: str = text()
    begun_at: str = text()
    ended_at: str | None = text(default=None)
    worker: str = text()
    beat: str = text()
    stage: str = text(default="")
    stage_at: str = text(default="")
    done: int = bigint(default=0)
    total: int = bigint(default=0)
    result: int | None = bigint(default=None)
    error: str | None = text(default=None)
    detail: str = text(default="{}")
