"""Repository of configurations, when each was in force (epochs), and index description."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from mpi.domain.keyed_hash import FIRST_TOKEN_KEYS
from mpi.storage.driver.prefetch import prefetch
from mpi.storage.repositories.derived.recluster_runs import DERIVING_RUN, RELEASING_RUN
from mpi.storage.tables import ConfigRow, EpochRow, IndexRow, TokenKeyRow, table_of

_config = table_of(ConfigRow)
_epoch = table_of(EpochRow)
_index = table_of(IndexRow)
_token_key = table_of(TokenKeyRow)


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """Description of this master person index, stored once.

    Args:
        generation: identifier of the change feed's generation, new after a restore.
        created_at: when the index was created (ISO, UTC).
        is_test: whether it holds test data.
        secret_check: token of a fixed text, made with the index's secret; with another secret it differs.
        scope: code of the scope whose records it holds; ``shared`` for the index that holds all.
        token_check: such a token under the token key; None if the secret makes the tokens.
        second_approver: which steps wait for a second approver where no setting says it; None for none.
    """

    generation: str
    created_at: str
    is_test: bool
    secret_check: str
    scope: str
    token_check: str | None = None
    second_approver: str | None = None


@dataclass(frozen=True, slots=True)
class ActiveConfig:
    """The matching configuration in force, and re-cluster runs in progress.

    Args:
        id: number of the configuration.
        digest: digest of everything that the configuration contains.
        model_name: name of the model.
        model_version: version of the model.
        model_digest: digest of the model's files.
        standardizer: version of the standardizer.
        deriving: number of the re-cluster run that computes features, keys and edges now.
        releasing: number of the re-cluster run that applies its changes to persons now.
        token_keys: numbers of the token keys in force, ascending.
    """

    id: int
    digest: str
    model_name: str
    model_version: str
    model_digest: str
    standardizer: str
    deriving: int | None = None
    releasing: int | None = None
    token_keys: tuple[int, ...] = FIRST_TOKEN_KEYS

    @property
    def model(self) -> str:
        """The matching model, as ``name/version``."""
        return f"{self.model_name}/{self.model_version}"


_ACTIVE_CONFIG = (
    select(
        _config.c.id,
        _config.c.digest,
        _config.c.model_name,
        _config.c.model_version,
        _config.c.model_digest,
        _config.c.standardizer,
        DERIVING_RUN,
        RELEASING_RUN,
        _config.c.token_keys,
    )
    .join(_epoch, _epoch.c.config_id == _config.c.id)
    .where(_epoch.c.to_commit.is_(None))
)


def parse_token_keys(text: str) -> tuple[int, ...]:
    """Return the numbers of token keys from their stored form."""
    return tuple(map(int, text.split(",")))


def format_token_keys(numbers: Iterable[int]) -> str:
    """Return numbers of token keys as they are stored."""
    return ",".join(map(str, numbers))


class Configs:
    """Repository of matching configurations and when each was in force."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._active: ActiveConfig | None = None

    def index_info(self) -> IndexInfo | None:
        """Return the description of this index, or None before ``mpi init``."""
        row = self._connection.execute(select(_index)).first()
        if row is None:
            return None
        return IndexInfo(
            row.generation,
            row.created_at,
            row.is_test,
            row.secret_check,
            row.scope,
            row.token_check,
            row.second_approver,
        )

    def create_index(self, info: IndexInfo) -> None:
        """Store the description of this index, once."""
        self._connection.execute(
            insert(_index).values(
                id=1,
                generation=info.generation,
                created_at=info.created_at,
                is_test=info.is_test,
                secret_check=info.secret_check,
                scope=info.scope,
                token_check=info.token_check,
                second_approver=info.second_approver,
            )
        )

    def token_checks(self) -> dict[int, str]:
        """Return the check of each token key after the first, by number."""
        rows = self._connection.execute(select(_token_key.c.number, _token_key.c.key_check))
        return {row.number: row.key_check for row in rows}

    def add_token_check(self, number: int, check: str) -> None:
        """Store the check of a token key, once."""
        self._connection.execute(insert(_token_key).values(number=number, key_check=check))

    def set_generation(self, generation: str) -> None:
        """Store a new generation identifier of the change feed.

        Consumers of the feed start over when it changes.
        """
        self._connection.execute(update(_index).values(generation=generation))

    def active_config(self) -> ActiveConfig | None:
        """Return the matching configuration in force, cached for the transaction."""
        if self._active is None:
            row = self._connection.execute(_ACTIVE_CONFIG).first()
            self._active = None if row is None else ActiveConfig(*row[:-1], parse_token_keys(row[-1]))
        return self._active

    def prefetch(self) -> None:
        """Send the query of ``active_config`` ahead of its use."""
        if self._active is None:
            prefetch(self._connection, _ACTIVE_CONFIG)

    def config_in_force_at(self, commit_no: int) -> int | None:
        """Return the matching configuration in force after a commit, or None."""
        config_id = self._connection.execute(
            select(_epoch.c.config_id).where(
                _epoch.c.from_commit <= commit_no,
                or_(_epoch.c.to_commit.is_(None), _epoch.c.to_commit > commit_no),
            )
        ).scalar()
        return None if config_id is None else int(config_id)

    def lists(self, config_id: int) -> str:
        """Return the value statistics of a matching configuration, as JSON."""
        rows = self._connection.execute(select(_config.c.lists).where(_config.c.id == config_id))
        return str(rows.scalar_one())

    def token_keys(self, config_id: int) -> tuple[int, ...]:
        """Return the numbers of the token keys of a matching configuration."""
        rows = self._connection.execute(select(_config.c.token_keys).where(_config.c.id == config_id))
        return parse_token_keys(rows.scalar_one())

    def digest(self, number: int) -> str | None:
        """Return the digest of a matching configuration, or None if unknown."""
        return self._connection.execute(select(_config.c.digest).where(_config.c.id == number)).scalar()

    def find_by_digest(self, digest: str) -> int | None:
        """Return the number of the matching configuration with a digest, or None."""
        config_id = self._connection.execute(select(_config.c.id).where(_config.c.digest == digest)).scalar()
        return None if config_id is None else int(config_id)

    def add(self, values: dict[str, Any]) -> None:
        """Add a matching configuration."""
        self._connection.execute(insert(_config).values(**values))

    def activate(self, number: int, config_id: int, commit_no: int) -> None:
        """Put a matching configuration in force in place of the present one.

        An epoch is the time during which one configuration is in force.

        Args:
            number: number of the new epoch.
            config_id: number of the configuration.
            commit_no: commit number at which it comes into force.
        """
        self._active = None
        self._connection.execute(
            update(_epoch).where(_epoch.c.to_commit.is_(None)).values(to_commit=commit_no)
        )
        self._connection.execute(insert(_epoch).values(id=number, config_id=config_id, from_commit=commit_no))
