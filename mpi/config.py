"""Program settings, read once from environment variables."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from mpi.domain.source import SHARED_SCOPE
from mpi.domain.viewer import SecondApprover


def _default_home() -> Path:
    """Return the default data folder, by the XDG base directory specification."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "mpi"


class Settings(BaseSettings):
    """Settings of the program, each an environment variable ``MPI_…``."""

    model_config = SettingsConfigDict(env_prefix="MPI_", frozen=True)

    home: Path = Field(default_factory=_default_home)
    """Folder of the secret, the SQLite database, rejected rows and temporary files, private to its owner."""
    database_url: str | None = None
    """SQLAlchemy URL of the database; None for an SQLite file in ``home``."""
    scope: str = SHARED_SCOPE
    """Scope whose index is opened; ``shared`` for the one that holds the records of all sources."""
    model: str | None = None
    """Model of a new index, ``name/version`` or a folder; None for the default model."""
    orders_file: Path | None = None
    """File of the orders to seal, unseal and expunge; None for ``home/orders.jsonl``."""
    secret_file: Path | None = None
    """File of the index's 32-byte secret in hexadecimal; None for ``home/secret.key``."""
    second_approver: SecondApprover = SecondApprover.NEVER
    """Which steps of a steward wait for a second approver: ``never``, ``cross-agency`` or ``always``."""
    second_review_share: float = Field(default=0.05, ge=0, le=1)
    """Share of stewards' answers that a second steward answers too, blind."""
    practice_required: bool = False
    """Whether a steward must pass practice pairs before claiming a question."""
    practice_agreement: float = Field(default=0.85, ge=0, le=1)
    """Share of correct answers, of the last ``practice_last``, that is required."""
    practice_last: int = Field(default=40, ge=1)
    """Number of latest practice answers that ``practice_agreement`` covers."""
    sign_in_idle_minutes: int = Field(default=30, gt=0, le=24 * 60)
    """Minutes without a page request after which a person is signed out."""
    sign_in_hours: int = Field(default=12, gt=0, le=24 * 7)
    """Hours after which a person is signed out in any case."""
    survivorship: Path | None = None
    """File with the rules of the golden record; None for the shipped rules."""
    spark_master: str | None = None
    """Master URL of the Spark cluster of ``mpi recluster --engine spark``, such as ``spark://host:7077``."""
    spark_memory: str = "2g"
    """Memory of Spark's driver on this machine; with ``local[N]``, of all Spark."""
    spark_staging: str | None = None
    """Folder (path or URI) that this machine and every Spark worker reach; a cluster needs one."""
    block_alarm: int = Field(default=1_000, ge=1)
    """Records sharing a blocking key above which ``mpi blocks`` lists the key and the log warns."""
    block_hard: int = Field(default=10_000, ge=1)
    """Records sharing a blocking key above which a request answers ``pending`` and is finished later."""
    searches_per_minute: int = Field(default=30, ge=1)
    """Person searches of one client that are answered in any 60 seconds."""
    searches_per_child: int = Field(default=20, ge=1)
    """Person searches of one client that find one child and are answered, in any 24 hours."""
    seals_per_day: int = Field(default=20, ge=0)
    """Records that a client may seal or ask to expunge within 24 hours, outside loads."""
    break_glass_minutes: int = Field(default=60, ge=1, le=1_440)
    """Minutes that a use of emergency access lasts, from its first request."""
    break_glass_children: int = Field(default=20, ge=1, le=1_000)
    """Children in the answers of a use of emergency access, from which on it is over."""
    figures_base: int = Field(default=10, ge=5, le=1_000)
    """Multiple to which published counts are rounded; their noise and smallest count follow from it."""
    figures_lag_days: int = Field(default=1, ge=1, le=31)
    """Days from the measurement of figures to their publication."""
    smtp_host: str | None = None
    """Mail server of the daily mail; None sends no mail."""
    smtp_port: int = Field(default=587, ge=1, le=65_535)
    """Port of the mail server."""
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """Encryption of the connection to it: ``starttls``, ``tls`` or ``none``."""
    smtp_user: str | None = None
    """Name to sign in with at the mail server; None to send without signing in."""
    smtp_password_file: Path | None = None
    """File whose first line is the password of ``smtp_user``."""
    smtp_ca_file: Path | None = None
    """File of certificates to trust at the mail server; None for the system's."""
    smtp_sender: str | None = None
    """Address that the mail comes from."""
    pages_url: str | None = None
    """Address of the pages as people open them, which the mail links to, such as ``https://mpi.example.gov``."""
    host: str = "127.0.0.1"
    """Address that ``mpi serve`` listens on."""
    port: int = 8520
    """Port that ``mpi serve`` listens on."""
    request_timeout_s: float = Field(default=10, gt=0, le=3_600)
    """Seconds for the headers of a request, and for each next part of its body."""

    @property
    def url(self) -> str:
        """The URL of the shared index's database."""
        return self.database_url or f"sqlite:///{self.home / 'mpi.db'}"

    @property
    def orders_path(self) -> Path:
        """The path of the orders file of the scope."""
        path = self.orders_file or self.home / "orders.jsonl"
        return path if self.scope == SHARED_SCOPE else path.with_stem(f"{path.stem}-scope-{self.scope}")

    @property
    def secret_path(self) -> Path:
        """The path of the file with the index's hashing secret."""
        return self.secret_file or self.home / "secret.key"
