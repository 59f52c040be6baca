"""Program settings, read once from environment variables and the file of ``MPI_CONFIG``."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from mpi.config_file import PREFIX, find_config_file, read_config_file
from mpi.domain.source import SHARED_SCOPE
from mpi.domain.viewer import SecondApprover


def _default_home() -> Path:
    """Return the default data folder, by the XDG base directory specification."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "mpi"


class Settings(BaseSettings):
    """Settings of the program: environment variables ``MPI_…``, or keys of a file.

    Raises:
        FileError: the file of ``MPI_CONFIG`` cannot be read or trusted.
        InputError: it holds what is no setting.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as the base class calls it
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where settings come from: the caller, environment variables, the file."""
        path = find_config_file()
        if path is None:
            return init_settings, env_settings
        return init_settings, env_settings, InitSettingsSource(settings_cls, read_file_settings(path))

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
    ledger_roots_file: Path | None = None
    """File of the ledger's signed roots; None for ``home/ledger-roots.jsonl``."""
    ledger_key_file: Path | None = None
    """PEM file of the private key that signs the roots; None for ``home/ledger-signing.pem``."""
    ledger_mail: str | None = None
    """Address to which each signed root is mailed; None mails none."""
    ledger_unsigned_hours: int = Field(default=26, ge=1, le=24 * 31)
    """Hours after which ``mpi audit verify`` reports a line that no signed root covers."""
    secret_file: Path | None = None
    """File of the index's 32-byte secret (tie key) in hexadecimal; None for ``home/secret.key``."""
    secret: SecretStr | None = None
    """The secret itself, instead of a file."""
    secret_command: SecretStr | None = None
    """Program with arguments that prints the secret, instead of a file."""
    token_key_file: Path | None = None
    """File of the 32-byte token key in hexadecimal; None for ``home/token.key``."""
    token_key: SecretStr | None = None
    """The token key itself, instead of a file."""
    token_key_command: SecretStr | None = None
    """Program with arguments that prints the token key, instead of a file."""
    exchange_secrets_file: Path | None = None
    """File of the secrets of token exchanges, a line ``CODE:HEX`` each; None for ``home/exchange.key``."""
    exchange_secrets: SecretStr | None = None
    """The secrets of token exchanges themselves, separated by commas, instead of a file."""
    exchange_secrets_command: SecretStr | None = None
    """Program with arguments that prints the secrets of token exchanges, instead of a file."""
    payload_keys_file: Path | None = None
    """File of the payload keys, a line ``NUMBER:HEX`` for each; None for ``home/payload.key``."""
    payload_keys: SecretStr | None = None
    """The payload keys themselves, separated by commas, instead of a file."""
    payload_keys_command: SecretStr | None = None
    """Program with arguments that prints the payload keys, instead of a file."""
    second_approver: SecondApprover | None = None
    """Which steps of a steward wait for a second approver: ``never``, ``cross-agency`` or ``always``.

    None for what the index was made with: ``cross-agency``, or ``never`` before schema 0040.
    """
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
    access_token_minutes: int = Field(default=15, ge=1, le=60)
    """Minutes for which an access token of ``POST /oauth/token`` is valid."""
    token_issuer: str | None = None
    """Issuer whose signed tokens (JWT) clients may send; None to accept none."""
    token_audience: str | None = None
    """Audience that such a token must name; required with ``token_issuer``."""
    token_keys: str | None = None
    """Public keys of the issuer: JWKS file, or ``https://`` URL; required with ``token_issuer``."""
    token_algorithms: str = "RS256,PS256,ES256"  # noqa: S105 - no password
    """Permitted signature algorithms of its tokens, of ``RS256``, ``PS256`` and ``ES256``."""
    token_client_claim: Literal["client_id", "azp", "appid", "sub"] = "client_id"  # noqa: S105 - a claim
    """Claim of its tokens that names the client."""
    oidc_issuer: str | None = None
    """OpenID Connect provider that people sign in with, ``https://…``; None for none."""
    oidc_client_id: str | None = None
    """Name of the index at the provider; required with ``oidc_issuer``."""
    oidc_client_secret_file: Path | None = None
    """File whose first line is the secret of the index at the provider; None for a public client."""
    oidc_scopes: str = "openid profile"
    """Scopes that are asked for."""
    oidc_algorithms: str = "RS256,PS256,ES256"
    """Permitted signature algorithms of ID tokens."""
    oidc_roles: Path | None = None
    """TOML file of the roles that groups give; None to keep the roles that an operator gave."""
    local_sign_in: bool = True
    """Whether people may sign in with a password of this index."""
    second_factor_roles: str = ""
    """Roles, separated by commas, that need one-time codes beside a password; ``all`` for every role."""
    breached_passwords_file: Path | None = None
    """File of hashes of breached passwords, lines ``SHA-1:count`` sorted by hash; None for none."""
    survivorship: Path | None = None
    """File with the rules of the golden record; None for the shipped rules."""
    quality_rules: Path | None = None
    """File of further rules about the values of records; None for the shipped rules alone."""
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
    local_matches_per_day: int = Field(default=40, ge=1)
    """Placement letters that one client or account may check in any 24 hours."""
    local_matches_per_child: int = Field(default=5, ge=1)
    """Placement letters that those under one agreement may check for one student in any 24 hours."""
    edfi_answer_size: int = Field(default=25, ge=1, le=200)
    """IDs or searches that one call of the Ed-Fi Identities API works on; more are answered by token."""
    edfi_sources: str = ""
    """Sources that take placeholder records of Ed-Fi identities, separated by commas; empty for any."""
    edfi_id_pattern: str | None = None
    """Pattern of student unique IDs that the index assigns, such as ``OH########*``; None to assign none."""
    fhir_url: str | None = None
    """Address of the FHIR API as clients reach it, ``https://…/fhir``; None for that of the call."""
    fhir_systems: str = ""
    """Identifier systems of sources, ``SOURCE=URI``, separated by commas; others have ``urn:mpi:source:``."""
    fhir_organization: str = "Master Person Index"
    """Name of the organization that answers FHIR clients."""
    fhir_contact: str | None = None
    """Its contact about wrong matches: an e-mail address, a phone number or an ``https://`` address."""
    misses_per_minute: int = Field(default=600, ge=1)
    """Answers that there is no such thing, which one API key gets in 60 seconds from one process."""
    person_misses_per_minute: int = Field(default=120, ge=1)
    """The same, for one signed-in person."""
    refused_keys_per_minute: int = Field(default=600, ge=1)
    """Refused keys from one network address in 60 seconds, from which on unknown keys are not looked up."""
    seals_per_day: int = Field(default=20, ge=0)
    """Records that a client may seal or ask to expunge within 24 hours, outside loads."""
    break_glass_minutes: int = Field(default=60, ge=1, le=1_440)
    """Minutes that a use of emergency access lasts, from its first request."""
    break_glass_children: int = Field(default=20, ge=1, le=1_000)
    """Children in the answers of a use of emergency access, from which on it is over."""
    incident_send_days: int = Field(default=3, ge=0, le=366)
    """Days from the separation of records until those who were told of their link are sent corrections."""
    incident_acknowledge_days: int = Field(default=14, ge=0, le=366)
    """Days from the sending of corrections until each recipient has acknowledged its own."""
    figures_base: int = Field(default=10, ge=5, le=1_000)
    """Multiple to which published counts are rounded; their noise and smallest count follow from it."""
    figures_lag_days: int = Field(default=1, ge=1, le=31)
    """Days from the measurement of figures to their publication."""
    public_figures: bool = False
    """Whether the page for the public, ``/transparency``, shows published figures."""
    public_office: str | None = None
    """Name of the office that answers the public, on that page; None for none."""
    public_contact: str | None = None
    """Its e-mail address, phone number or ``https://`` address."""
    webhook_networks: str = ""
    """Networks besides the public Internet that webhooks may be sent to, separated by commas."""
    webhook_delivery: Literal["server", "command"] = "server"
    """What delivers webhooks: each process of ``mpi serve``, or ``mpi webhook deliver`` alone."""
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
    """Address of the pages as people open them, for mail and sign-in, such as ``https://mpi.example.gov``."""
    host: str = "127.0.0.1"
    """Address that ``mpi serve`` listens on."""
    allowed_hosts: str = ""
    """Names that the server answers to besides localhost, separated by commas."""
    host_names: str = ""
    """Earlier name of ``allowed_hosts``; both lists count."""
    trusted_proxies: str = "127.0.0.1,::1"
    """Addresses and networks of proxies whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` count."""
    tls_cert: Path | None = None
    """File of the certificate, with its chain, by which ``mpi serve`` speaks TLS itself; PEM."""
    tls_key: Path | None = None
    """File of the private key of ``tls_cert``, readable by its owner only; PEM, without a password."""
    backup_folder: Path | None = None
    """Folder of the backups that ``mpi backup --folder`` writes, whose latest is told; None for none."""
    backup_recipients: str = ""
    """Public keys of backups, ``age1…``, separated by commas; the private key of each opens them."""
    min_free_mb: int = Field(default=500, ge=0)
    """Free megabytes on the disks of the index below which ``/readyz`` reports it as not ready."""
    max_upload_mb: int = Field(default=2_000, ge=1, le=1_000_000)
    """Largest file, decompressed, that the API takes for a load, in megabytes."""
    log_format: Literal["text", "json"] = "text"
    """Form of the log of ``mpi serve``: lines of ``text``, or an object of ``json`` on each."""
    security_log: Path | None = None
    """File to which ``mpi serve`` appends security events, a JSON object a line; None for none."""
    otel_endpoint: str | None = None
    """Base address of the collector of traces (OTLP by HTTP); None for that of OpenTelemetry's variables."""
    port: int = 8520
    """Port that ``mpi serve`` listens on."""
    request_timeout_s: float = Field(default=10, gt=0, le=3_600)
    """Seconds for the headers of a request, and for each next part of its body."""

    @property
    def url(self) -> str:
        """The URL of the shared index's database."""
        return self.database_url or f"sqlite:///{self.home / 'mpi.db'}"

    @property
    def answered_hosts(self) -> frozenset[str]:
        """The names of ``allowed_hosts`` and ``host_names``, in lower case."""
        names = f"{self.allowed_hosts},{self.host_names}".split(",")
        return frozenset(name.strip().lower() for name in names if name.strip())

    @property
    def identity_sources(self) -> frozenset[str]:
        """The codes of ``edfi_sources``."""
        return frozenset(code.strip() for code in self.edfi_sources.split(",") if code.strip())

    @property
    def orders_path(self) -> Path:
        """The path of the orders file of the scope."""
        path = self.orders_file or self.home / "orders.jsonl"
        return path if self.scope == SHARED_SCOPE else path.with_stem(f"{path.stem}-scope-{self.scope}")

    @property
    def ledger_roots_path(self) -> Path:
        """The path of the file of signed roots of the scope."""
        path = self.ledger_roots_file or self.home / "ledger-roots.jsonl"
        return path if self.scope == SHARED_SCOPE else path.with_stem(f"{path.stem}-scope-{self.scope}")

    @property
    def ledger_key_path(self) -> Path:
        """The path of the private key that signs the roots."""
        return self.ledger_key_file or self.home / "ledger-signing.pem"

    @property
    def secret_path(self) -> Path:
        """The path of the file with the index's hashing secret."""
        return self.secret_file or self.home / "secret.key"

    @property
    def token_key_path(self) -> Path:
        """The path of the file with the token key."""
        return self.token_key_file or self.home / "token.key"

    @property
    def exchange_secrets_path(self) -> Path:
        """The path of the file with the secrets of token exchanges."""
        return self.exchange_secrets_file or self.home / "exchange.key"

    @property
    def payload_keys_path(self) -> Path:
        """The path of the file with the payload keys."""
        return self.payload_keys_file or self.home / "payload.key"


@lru_cache(maxsize=1)
def read_file_settings(path: Path) -> dict[str, Any]:
    """Return the settings of a file as this process first read it.

    A running server keeps its settings while the file is edited, as it keeps its environment.

    Raises:
        FileError: the file cannot be read or trusted.
        InputError: it holds what is no setting.
    """
    return read_config_file(path, Settings.model_fields)
