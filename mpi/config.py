"""Settings, read from the environment once, at the edge."""

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from mpi.domain.viewer import SecondApprover


def _default_home() -> Path:
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "mpi"


class Settings(BaseSettings):
    """Where the index is, and how it runs. Every setting is an environment variable ``MPI_…``."""

    model_config = SettingsConfigDict(env_prefix="MPI_", frozen=True)

    home: Path = Field(default_factory=_default_home)
    """Folder for the secret, the embedded database, rejects and spills; readable by its owner only."""
    database_url: str | None = None
    """SQLAlchemy URL; an SQLite file in ``home`` where it is not set."""
    model: str | None = None
    """Model of a new index, ``name/version`` or a folder; the default model where it is not set."""
    secret_file: Path | None = None
    """File of the index's 32-byte secret in hexadecimal; ``home/secret.key`` where it is not set."""
    second_approver: SecondApprover = SecondApprover.NEVER
    """Which steps of a steward wait for a second one: ``never``, ``cross-agency`` or ``always``."""
    second_review_share: float = Field(default=0.05, ge=0, le=1)
    """Share of stewards' answers that another steward is asked too, blind."""
    practice_required: bool = False
    """Whether a steward's account has to practise before it may claim a question."""
    practice_agreement: float = Field(default=0.85, ge=0, le=1)
    """Share of right answers, of the last ``practice_last`` at practice, that opens live work."""
    practice_last: int = Field(default=40, ge=1)
    """How many practice answers, the latest, that share is of."""
    sign_in_idle_minutes: int = Field(default=30, gt=0, le=24 * 60)
    """Minutes after which a person who asks for no page is signed out."""
    sign_in_hours: int = Field(default=12, gt=0, le=24 * 7)
    """Hours after which a person is signed out in any case."""
    survivorship: Path | None = None
    """File of the rules of the golden record; those that come with the program where it is not set."""
    spark_master: str | None = None
    """Master URL of the Spark cluster of ``mpi recluster --engine spark``, such as ``spark://host:7077``."""
    spark_memory: str = "2g"
    """Memory of Spark's driver on this machine; with ``local[N]``, this machine alone, all that Spark has."""
    spark_staging: str | None = None
    """Folder (path or URI) that this machine and every Spark worker reach; needed by a cluster."""
    block_alarm: int = Field(default=1_000, ge=1)
    """Records that may share a blocking key before ``mpi blocks`` and ``/metrics`` tell of it."""
    block_hard: int = Field(default=10_000, ge=1)
    """Records that may share a blocking key before a request answers ``pending`` and is finished after it."""
    host: str = "127.0.0.1"
    """Address that ``mpi serve`` listens on."""
    port: int = 8520
    """Port that ``mpi serve`` listens on."""

    @property
    def url(self) -> str:
        """The database that is used."""
        return self.database_url or f"sqlite:///{self.home / 'mpi.db'}"

    @property
    def secret_path(self) -> Path:
        """The secret's file that is used."""
        return self.secret_file or self.home / "secret.key"
