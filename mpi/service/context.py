"""What every use case needs: the database, the compiled model, the secret, and where files may go."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mpi.domain.errors import ConflictError
from mpi.domain.keyed_hash import KeyedHash
from mpi.matching.model import MatchModel
from mpi.matching.scorer import Scorer
from mpi.storage.database import Database
from mpi.storage.unit import ReadUnit


@dataclass(frozen=True, slots=True)
class Matcher:
    """A loaded model and its compiled scorer."""

    model: MatchModel
    scorer: Scorer

    @property
    def digest(self) -> str:
        """Names the configuration: everything of the model that enters the computed partition."""
        return hashlib.sha256(f"{self.model.digest}|{self.model.standardizer}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Index:
    """An open index.

    Args:
        database: where it is kept.
        matcher: the model in force when it was opened.
        seal: keyed hashes under the index's secret.
        home: folder for spills and rejects, readable by this user only.
        is_test: whether its IDs are marked as test IDs.
    """

    database: Database
    matcher: Matcher
    seal: KeyedHash
    home: Path
    is_test: bool

    def config_id(self, unit: ReadUnit) -> int:
        """The configuration in force, read in the caller's own transaction.

        Raises:
            ConflictError: another process has moved the index to another model.
        """
        active = unit.configs.active()
        if active is None or active.digest != self.matcher.digest:
            raise ConflictError("the index has moved to another model: start this process again")
        return active.id


def canonical_key(seal: KeyedHash, source: str, local_id: str) -> int:
    """The keyed hash of (source, local ID): pair order and ties, on every store alike."""
    return seal.int64("canonical", f"{len(source)}|{source}|{local_id}")
