"""What every use case needs: the database, the compiled model, the secret, and where files may go."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from mpi.domain.errors import ModelMovedError
from mpi.domain.features import Features
from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.quality_rules import QualityRules
from mpi.domain.record import CanonicalRecord
from mpi.domain.survivorship import Survivorship
from mpi.domain.viewer import SecondApprover
from mpi.matching.compiler.online_scorer import Scorer, compile_scorer
from mpi.matching.model.blocking_keys import BlockingSpec
from mpi.matching.model.model import MatchModel
from mpi.service.core.block_limits import BlockCounts, BlockLimits
from mpi.service.core.disclosure_ledger import Ledger
from mpi.service.core.group_commit import Together
from mpi.standardize.record import standardize
from mpi.standardize.shared_values import SharedValues, without_shared
from mpi.storage.repositories.derived.configs import ActiveConfig
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.database import Database
from mpi.storage.unit_of_work.unit import ReadUnit


@dataclass(frozen=True, slots=True)
class Matcher:
    """A loaded model and its compiled scorer."""

    model: MatchModel
    scorer: Scorer

    def __reduce__(self) -> tuple[Callable[[MatchModel], "Matcher"], tuple[MatchModel]]:
        """What goes to another process is the model, which is compiled there."""
        return compiled, (self.model,)

    def digest(self, shared: SharedValues) -> str:
        """Names the configuration: everything of the model, and of the lists, that enters the partition."""
        parts = [self.model.digest, self.model.standardizer, *([shared.digest] if shared else [])]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()

    def runs(self, config: ActiveConfig) -> bool:
        """Whether the configuration is one of this model."""
        mine = (self.model.digest, self.model.standardizer)
        return mine == (config.model_digest, config.standardizer)


def compiled(model: MatchModel) -> Matcher:
    """A model with its scorer.

    Raises:
        ModelError: it cannot be compiled.
    """
    return Matcher(model, compile_scorer(model))


@dataclass(frozen=True, slots=True)
class SignInLimits:
    """How long a person stays signed in.

    Args:
        idle: without asking for a page.
        longest: in any case.
    """

    idle: timedelta = timedelta(minutes=30)
    longest: timedelta = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Index:
    """An open index.

    Args:
        database: where it is kept.
        matcher: the model in force when it was opened.
        seal: keyed hashes under the index's secret.
        home: folder for spills and rejects, readable by this user only.
        is_test: whether its IDs are marked as test IDs.
        survivorship: which value stands in the golden record.
        second_approver: which steps of a steward wait for a second one.
        quality_rules: how stewards' work is watched.
        sign_in_limits: how long a person stays signed in.
        known_in_force: by model, its configuration that was last seen in force.
        known_lists: lists of configurations read so far; a configuration never changes.
        known_blocking: blocking of configurations, the keys that they stop left out.
        known_sources: every source as last read, by code: what is asked of one can be sent ahead.
        known_figures: figures that took long to count, by name.
        known_quiet: up to which commit the feed has nothing for whoever may see certain sources, by cursor.
        block_limits: when many records that share a blocking key are told of, and wait for the worker.
        block_counts: how often that was so in this process.
        ledger: writes down what leaves.
        together: does upserts that wait at one moment in one transaction.
    """

    database: Database
    matcher: Matcher
    seal: KeyedHash
    home: Path
    is_test: bool
    survivorship: Survivorship
    second_approver: SecondApprover = SecondApprover.NEVER
    quality_rules: QualityRules = field(default_factory=QualityRules)
    sign_in_limits: SignInLimits = SignInLimits()
    known_in_force: dict[str, int] = field(default_factory=dict, repr=False, compare=False)
    known_lists: dict[int, SharedValues] = field(default_factory=dict, repr=False, compare=False)
    known_blocking: dict[int, BlockingSpec] = field(default_factory=dict, repr=False, compare=False)
    known_sources: dict[str, Source] = field(default_factory=dict, repr=False, compare=False)
    known_figures: dict[str, object] = field(default_factory=dict, repr=False, compare=False)
    known_quiet: dict[tuple[object, ...], int] = field(default_factory=dict, repr=False, compare=False)
    block_limits: BlockLimits = field(default_factory=BlockLimits)
    block_counts: BlockCounts = field(default_factory=BlockCounts, repr=False, compare=False)
    ledger: Ledger = field(default_factory=Ledger, repr=False, compare=False)
    together: Together = field(default_factory=Together, repr=False, compare=False)

    def config_id(self, unit: ReadUnit) -> int:
        """The configuration in force, read in the caller's own transaction.

        Raises:
            ModelMovedError: another process has moved the index to another model.
        """
        active = unit.configs.active()
        if active is None or not self.matcher.runs(active):
            raise ModelMovedError("the index has moved to another model: start this process again")
        self.known_in_force[self.matcher.model.digest] = active.id
        return active.id

    @property
    def config_last_in_force(self) -> int:
        """The configuration of this model that was in force when last looked at; 0 where none was."""
        return self.known_in_force.get(self.matcher.model.digest, 0)

    def shared(self, unit: ReadUnit) -> SharedValues:
        """The shared values listed by the configuration in force, read in the caller's own transaction.

        Raises:
            ModelMovedError: another process has moved the index to another model.
        """
        return self.lists_of(unit, self.config_id(unit))

    def lists_of(self, unit: ReadUnit, config_id: int) -> SharedValues:
        """The shared values that a configuration lists."""
        if config_id not in self.known_lists:
            self.known_lists[config_id] = SharedValues.from_text(unit.configs.lists(config_id))
        return self.known_lists[config_id]

    def blocking(self, unit: ReadUnit, config_id: int) -> BlockingSpec:
        """The model's blocking without the keys that a configuration stops: which keys a record has.

        Args:
            unit: the caller's own transaction.
            config_id: a configuration of this model.
        """
        if config_id not in self.known_blocking:
            stopped = self.lists_of(unit, config_id).stopped
            self.known_blocking[config_id] = self.matcher.model.blocking.stopping(stopped)
        return self.known_blocking[config_id]

    def comparable(self, record: CanonicalRecord, source: str, shared: SharedValues) -> Features:
        """A record as every path compares it: standardized, and without shared values.

        Args:
            record: as it came through the door.
            source: the code of its source.
            shared: the lists of the configuration in force.
        """
        return without_shared(standardize(record, source, self.seal), shared, self.seal)


def canonical_key(seal: KeyedHash, source: str, local_id: str) -> int:
    """The keyed hash of (source, local ID): pair order and ties, on every store alike."""
    return seal.int64("canonical", f"{len(source)}|{source}|{local_id}")
