"""An open index: store, model, keyed hash, settings and caches."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING

from mpi.domain.errors import ModelMovedError, StoreError
from mpi.domain.features import Features
from mpi.domain.keyed_hash import FIRST_TOKEN_KEYS, KeyedHash
from mpi.domain.quality_rules import PublicationRules, QualityRules
from mpi.domain.record import CanonicalRecord
from mpi.domain.source import SHARED_SCOPE
from mpi.domain.survivorship.rules import SurvivorshipRules
from mpi.domain.tuning import DEFAULT_TUNING, Tuning
from mpi.domain.unique_ids import IdPattern
from mpi.domain.viewer import SecondApprover, Viewer
from mpi.matching.model.blocking_keys import BlockingSpec
from mpi.matching.model.match_model import MatchModel
from mpi.policy.agreement import Agreement
from mpi.policy.cases.incident_clock import IncidentDays
from mpi.policy.legal_bases import LegalBasis
from mpi.service.core.block_limits import BlockLimits
from mpi.service.core.disclosure_ledger import DisclosureLedger
from mpi.service.core.group_commit import GroupCommit
from mpi.standardize.quality.declared_rules import DeclaredRule
from mpi.standardize.shared_values import SharedValues, drop_shared_values
from mpi.storage.encryption.token_keys import TokenKeyRing
from mpi.storage.repositories.derived.configs import ActiveConfig
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.database import Database
from mpi.storage.unit_of_work.units import ReadUnit

if TYPE_CHECKING:
    from mpi.matching.compiler.online_scorer import OnlineScorer
    from mpi.service.identity.breached_passwords import BreachedPasswordFile
    from mpi.service.identity.group_roles import GroupRoles
    from mpi.service.identity.oidc_provider import OidcProvider
    from mpi.service.identity.token_rules import TrustedIssuer


@dataclass(frozen=True)
class Matcher:
    """A match model and its pair scorer, compiled at first use.

    Args:
        model: the loaded model.
    """

    model: MatchModel

    @cached_property
    def scorer(self) -> "OnlineScorer":
        """The function that scores two records under the model.

        Raises:
            ModelError: the model cannot be compiled.
        """
        from mpi.matching.compiler import online_scorer  # noqa: PLC0415 - a look-up needs no scorer

        return online_scorer.compile_scorer(self.model)

    def compile(self) -> None:
        """Compile the model's pair scorer now instead of at first use.

        Raises:
            ModelError: the model cannot be compiled.
        """
        _ = self.scorer

    def __reduce__(self) -> tuple[Callable[[MatchModel], "Matcher"], tuple[MatchModel]]:
        """Pickle only the match model, which the receiving process compiles again."""
        return compile_matcher, (self.model,)

    def digest(self, shared: SharedValues, token_keys: tuple[int, ...]) -> str:
        """Return the digest of this model with given lists and keys.

        Args:
            shared: the lists of shared values of the configuration.
            token_keys: numbers of the token keys in force.

        Returns:
            SHA-256 in hexadecimal over everything of the model and the lists that affects the partition, and
            over the token keys, which affect derived data.
        """
        parts = [self.model.digest, self.model.standardizer, *([shared.digest] if shared else [])]
        if token_keys != FIRST_TOKEN_KEYS:
            parts.append(f"token keys {token_keys}")
        return hashlib.sha256("|".join(parts).encode()).hexdigest()

    def runs(self, config: ActiveConfig) -> bool:
        """Return whether a stored configuration uses this model and standardizer."""
        own = (self.model.digest, self.model.standardizer)
        return own == (config.model_digest, config.standardizer)


def compile_matcher(model: MatchModel) -> Matcher:
    """Compile a loaded match model's pair scorer and return both together.

    Raises:
        ModelError: the model cannot be compiled.
    """
    matcher = Matcher(model)
    matcher.compile()
    return matcher


@dataclass(frozen=True, slots=True)
class SignInLimits:
    """Time limits of a sign-in session.

    Args:
        idle: longest time without a page request.
        longest: longest time since the sign-in.
    """

    idle: timedelta = timedelta(minutes=30)
    longest: timedelta = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """Limits on a client's person searches and checks of placement letters.

    Args:
        per_minute: searches, or checks, in any 60 seconds.
        per_child: searches that find one child, in any 24 hours.
        letters_per_day: checks in any 24 hours.
        letters_per_child: checks for one student by all clients of an agreement, in any 24 hours.
    """

    per_minute: int = 30
    per_child: int = 20
    letters_per_day: int = 40
    letters_per_child: int = 5


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """Settings of the Ed-Fi Identities API.

    Args:
        answer_size: most IDs or searches that one call works on; more are answered by token.
        sources: codes of the sources that take placeholder records; empty for any that a client may write.
        pattern: form of the student unique IDs that the index assigns; None to answer enterprise IDs.
    """

    answer_size: int = 25
    sources: frozenset[str] = frozenset()
    pattern: IdPattern | None = None


@dataclass(frozen=True, slots=True)
class FhirSettings:
    """Settings of the FHIR API.

    Args:
        url: base address as clients reach it, without a slash at the end; None for that of the call.
        systems: identifier system (URI) by source code, where it is not ``urn:mpi:source:`` and the code.
        organization: name of the organization that answers.
        contact: where it is told of a wrong match; None where it gives no contact.
    """

    url: str | None = None
    systems: Mapping[str, str] = field(default_factory=dict)
    organization: str = "Master Person Index"
    contact: str | None = None


@dataclass(frozen=True, slots=True)
class PublicPageSettings:
    """Settings of the page for the public.

    Args:
        shows_figures: whether the page shows published figures.
        office: name of the office that answers the public; None for none.
        contact: its e-mail address, phone number or web address; None for none.
    """

    shows_figures: bool = False
    office: str | None = None
    contact: str | None = None


@dataclass(frozen=True, slots=True)
class GuessLimits:
    """Most misses of a caller within a minute, in one process.

    Args:
        of_program: answers that there is no such thing, to one API key.
        of_person: the same, to one signed-in person.
        of_address: refused keys, from one network address.
    """

    of_program: int = 600
    of_person: int = 120
    of_address: int = 600


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """Settings of an open person index, fixed while the process runs.

    Args:
        is_test: whether enterprise IDs are marked as test IDs.
        survivorship: rules that choose the values of the golden record.
        legal_bases: the table of legal bases on which agreements rest, by code.
        declared_rules: rules about values of records; a broken one is a quality issue.
        second_approver: which steps of a steward need a second approver.
        quality_rules: shares and thresholds of second reviews and practice.
        sign_in_limits: time limits of a sign-in session.
        access_token_lifetime: how long an access token of a client is valid.
        token_issuer: issuer whose signed tokens clients may send; None for none.
        oidc_provider: provider that people may sign in with; None for none.
        group_roles: roles that its groups give; None to keep those of the operator.
        second_factor_roles: roles that need one-time codes beside a password.
        has_local_sign_in: whether people may sign in with a password of this index.
        breached_passwords: file of breached passwords that are refused; None for none.
        block_limits: alarm size and hard limit of a block.
        search_limits: most person searches of a client.
        identities: settings of the Ed-Fi Identities API.
        fhir: settings of the FHIR API.
        guess_limits: most answers for what does not exist.
        host_names: names, besides those of this machine's loopback, that the server answers to.
        trusted_proxies: networks of the proxies whose forwarded headers count.
        min_free_bytes: free bytes on the disk of the index below which a server is not ready.
        max_upload_bytes: largest file that the API takes for a load, in bytes.
        publication_rules: how exact published figures are, and how late.
        public_page: settings of the page for the public.
        request_timeout_s: seconds for the headers of a request, and for each next part of its body.
        log_format: form of the server's log, ``text`` or ``json``.
        security_log: file to which the server appends security events; None for none.
        trace_endpoint: base address of the collector of traces; None for that of OpenTelemetry's variables.
        seals_per_day: most records that a client may seal or ask to expunge within 24 hours, outside loads.
        break_glass_minutes: minutes that a use of emergency access lasts.
        break_glass_children: children in the answers of such a use, from which on it is over.
        incident_days: days within which an incident of a wrong link is handled.
        webhook_networks: networks besides the public Internet that webhooks may be sent to.
        delivers_webhooks: whether a process of the server delivers webhooks.
        sends_mail: whether a mail server is configured, so that people can ask for the daily mail.
        orders_path: file of the orders to seal, unseal and expunge; None to keep no such file.
        scope: code of the scope whose records the index holds; ``shared`` where it holds those of all.
        tuning: sizes, intervals and limits that trade speed, memory and waiting time.
    """

    is_test: bool
    survivorship: SurvivorshipRules
    legal_bases: Mapping[str, LegalBasis]
    declared_rules: tuple[DeclaredRule, ...] = ()
    second_approver: SecondApprover = SecondApprover.NEVER
    quality_rules: QualityRules = field(default_factory=QualityRules)
    sign_in_limits: SignInLimits = field(default_factory=SignInLimits)
    access_token_lifetime: timedelta = timedelta(minutes=15)
    token_issuer: "TrustedIssuer | None" = None
    oidc_provider: "OidcProvider | None" = None
    group_roles: "GroupRoles | None" = None
    second_factor_roles: frozenset[str] = frozenset()
    has_local_sign_in: bool = True
    breached_passwords: "BreachedPasswordFile | None" = None
    block_limits: BlockLimits = field(default_factory=BlockLimits)
    search_limits: SearchLimits = field(default_factory=SearchLimits)
    identities: IdentitySettings = field(default_factory=IdentitySettings)
    fhir: FhirSettings = field(default_factory=FhirSettings)
    guess_limits: GuessLimits = field(default_factory=GuessLimits)
    host_names: frozenset[str] = frozenset()
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = (
        IPv4Network("127.0.0.1/32"),
        IPv6Network("::1/128"),
    )
    min_free_bytes: int = 0
    max_upload_bytes: int = 2_000_000_000
    publication_rules: PublicationRules = field(default_factory=PublicationRules)
    public_page: PublicPageSettings = field(default_factory=PublicPageSettings)
    request_timeout_s: float = 10
    log_format: str = "text"
    security_log: Path | None = None
    trace_endpoint: str | None = None
    seals_per_day: int = 20
    break_glass_minutes: int = 60
    break_glass_children: int = 20
    incident_days: IncidentDays = field(default_factory=IncidentDays)
    webhook_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    delivers_webhooks: bool = True
    sends_mail: bool = False
    orders_path: Path | None = None
    scope: str = SHARED_SCOPE
    tuning: Tuning = DEFAULT_TUNING


@dataclass(frozen=True, slots=True)
class Store:
    """The database of a person index and its two batched writers.

    The writers put several calls into one transaction.

    Args:
        database: SQLite or PostgreSQL.
        ledger: batched writer of the disclosure ledger.
        group_commit: batched writer of upserts.
    """

    database: Database
    ledger: DisclosureLedger = field(default_factory=DisclosureLedger)
    group_commit: GroupCommit = field(default_factory=GroupCommit)


def open_store(database: Database, tuning: Tuning) -> Store:
    """Return a database with its batched writers of ledger entries and upserts."""
    return Store(
        database,
        ledger=DisclosureLedger(tuning.request.ledger_idle_s),
        group_commit=GroupCommit(tuning.request.concurrent_writer_s),
    )


@dataclass(frozen=True, slots=True)
class Caches:
    """Values that this process remembers between calls; losing them costs time only.

    Args:
        active_config_ids: configuration last seen in force, by digest of the model.
        shared_values: lists of shared values by configuration, which never change.
        blocking: blocking rules without stopped keys, by configuration.
        sources: every source as last read, by code, so that requests can be pipelined.
        quiet_until: last commit up to which a change-feed cursor has no events, by cursor.
        viewers: callers with their rights, by everything that the rights depend on.
        agreements: every version of each agreement, by the last step that was taken with one.
        lapses: lapsed agreements by source, by the last step taken with an agreement and the day.
    """

    active_config_ids: dict[str, int] = field(default_factory=dict)
    shared_values: dict[int, SharedValues] = field(default_factory=dict)
    blocking: dict[int, BlockingSpec] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    quiet_until: dict[tuple[object, ...], int] = field(default_factory=dict)
    viewers: dict[tuple[object, ...], Viewer] = field(default_factory=dict)
    agreements: dict[int, list[list[Agreement]]] = field(default_factory=dict)
    lapses: dict[tuple[int, date], dict[str, tuple[Agreement, ...]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Index:
    """An open person index, which every use case receives.

    Args:
        store: the database and its batched writers.
        matcher: the model that was in force when the index was opened.
        keyed_hash: keyed hashes under the secret of the index.
        home: folder for spill files and reject files, readable by this user only.
        settings: settings of the index.
        token_ring: the token keys themselves, read after a rotation; None in tests without key files.
        caches: values that this process remembers between calls.
    """

    store: Store
    matcher: Matcher
    keyed_hash: KeyedHash
    home: Path
    settings: IndexSettings
    token_ring: TokenKeyRing | None = field(default=None, repr=False, compare=False)
    caches: Caches = field(default_factory=Caches, repr=False, compare=False)

    @property
    def database(self) -> Database:
        """The database of the person index."""
        return self.store.database

    @property
    def tuning(self) -> Tuning:
        """Sizes, intervals and limits that trade the index's speed and memory."""
        return self.settings.tuning

    def config_id(self, unit: ReadUnit) -> int:
        """Return the number of the match configuration in force.

        Args:
            unit: the caller's transaction.

        Raises:
            ModelMovedError: another process has moved the index to another model or token key.
        """
        active = unit.configs.active_config()
        if active is None or not self.matcher.runs(active):
            raise ModelMovedError("the index has moved to another model: start this process again")
        if active.token_keys != self.keyed_hash.token_keys:
            raise ModelMovedError("the token key of the index was rotated: start this process again")
        self.caches.active_config_ids[self.matcher.model.digest] = active.id
        return active.id

    def runs(self, config: ActiveConfig) -> bool:
        """Return whether a stored configuration uses this model and these token keys."""
        return self.matcher.runs(config) and config.token_keys == self.keyed_hash.token_keys

    def with_token_keys(self, numbers: tuple[int, ...]) -> "Index":
        """Return this index with the token keys of a configuration.

        Args:
            numbers: numbers of the token keys, ascending.

        Raises:
            StoreError: a key is missing or cannot be read.
        """
        if numbers == self.keyed_hash.token_keys:
            return self
        if self.token_ring is None:
            raise StoreError("this process was given no token keys: start it again")
        return replace(self, keyed_hash=self.token_ring.make_keyed_hash(numbers))

    def digest(self, shared: SharedValues) -> str:
        """Return the digest of model and token keys with given lists."""
        return self.matcher.digest(shared, self.keyed_hash.token_keys)

    @property
    def last_config_id(self) -> int:
        """The number of this model's configuration last seen in force, or 0."""
        return self.caches.active_config_ids.get(self.matcher.model.digest, 0)

    def shared_values(self, unit: ReadUnit) -> SharedValues:
        """Return the widely shared values that comparing ignores at present.

        Args:
            unit: the caller's transaction.

        Raises:
            ModelMovedError: another process has moved the index to another model.
        """
        return self.shared_values_of(unit, self.config_id(unit))

    def shared_values_of(self, unit: ReadUnit, config_id: int) -> SharedValues:
        """Return the widely shared values that a configuration's comparing ignores."""
        cached = self.caches.shared_values
        if config_id not in cached:
            cached[config_id] = SharedValues.from_text(unit.configs.lists(config_id))
        return cached[config_id]

    def blocking_of(self, unit: ReadUnit, config_id: int) -> BlockingSpec:
        """Return a configuration's blocking rules, without keys that operators stopped.

        Args:
            unit: the caller's transaction.
            config_id: a configuration of this model.
        """
        cached = self.caches.blocking
        if config_id not in cached:
            stopped = self.shared_values_of(unit, config_id).stopped
            cached[config_id] = self.matcher.model.blocking.with_stopped_keys(stopped)
        return cached[config_id]

    def features_of(self, record: CanonicalRecord, source: str, shared: SharedValues) -> Features:
        """Return a record's standardized comparison features, without widely shared values.

        Args:
            record: a validated record.
            source: code of its source.
            shared: shared values of the configuration in force.
        """
        from mpi.standardize.standardizer import standardize  # noqa: PLC0415 - a look-up needs no parsers

        return drop_shared_values(standardize(record, source, self.keyed_hash), shared, self.keyed_hash)


def canonical_key(keyed_hash: KeyedHash, source: str, local_id: str) -> int:
    """Return the keyed hash of a record's source and local ID.

    The key orders the records of a pair and breaks ties.

    Args:
        keyed_hash: keyed hash of the index, whose key never rotates.
        source: code of the source.
        local_id: the source's key of the record.

    Returns:
        A signed 64-bit integer, equal on every store.
    """
    return keyed_hash.to_int64("canonical", f"{len(source)}|{source}|{local_id}")
