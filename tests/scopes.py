"""A shared index with scopes beside it, for tests."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from mpi.bootstrap import init_scope, open_or_init_scope
from mpi.config import Settings
from mpi.domain.weight import round_weight
from mpi.matching.model.blocking_keys import compute_keys
from mpi.service.core.index import Index
from mpi.service.scopes.registry import register_scope
from mpi.service.scopes.split import run_split
from mpi.service.scopes.split_plan import SplitPlan, SplitRequest, approve_split, plan_split
from mpi.service.scopes.transfer import TransferResult, transfer_changes
from mpi.service.statements.sources import NewSource, add_source
from mpi.standardize.serialization import features_from_bytes, record_from_bytes
from tests.index import OPERATOR, SECOND_PERSON, all_keys, open_test_index, write_empty_database


@dataclass
class ScopedIndexes:
    """A shared index and the index of each scope."""

    shared: Index
    scopes: dict[str, Index] = field(default_factory=dict)

    def sync(self) -> list[TransferResult]:
        """Take the changes of all scopes over into the shared index."""
        return [transfer_changes(index, self.shared, OPERATOR, code) for code, index in self.scopes.items()]


@dataclass
class SplittableSite:
    """A shared index whose sources can be moved into a scope.

    Args:
        shared: the open shared index.
        settings: its settings.
        stack: closes the indexes of scopes at the end.
    """

    shared: Index
    settings: Settings
    stack: ExitStack

    def plan(self, *sources: str, scope: str = "education") -> SplitPlan:
        """Plan a split as the operator."""
        request = SplitRequest(scope, None, sources)
        opened = self.open_scope(scope) if self.is_followed(scope) else None
        return plan_split(
            self.shared,
            OPERATOR,
            request,
            has_scope_index=opened is not None,
            store=True,
            scope_index=opened,
        )

    def is_followed(self, scope: str) -> bool:
        """Return whether the shared index follows a scope."""
        with self.shared.database.read(OPERATOR) as unit:
            return any(known.code == scope for known in unit.scopes.all())

    def approve(self, *sources: str, scope: str = "education") -> None:
        """Plan a split, and approve it as a second person."""
        plan = self.plan(*sources, scope=scope)
        assert not plan.blockers
        approve_split(self.shared, SECOND_PERSON, scope, plan.token)

    def open_scope(self, scope: str = "education") -> Index:
        """Open the index of a scope, made where it does not exist."""
        if self.settings.database_url is None and not (self.settings.home / f"mpi-scope-{scope}.db").exists():
            write_empty_database(self.settings.home / f"mpi-scope-{scope}.db")
        opened, _key = open_or_init_scope(self.settings, scope, self.shared)
        self.stack.callback(opened.database.dispose)
        return opened

    def split(self, *sources: str, scope: str = "education") -> Index:
        """Move sources into a scope; return its index."""
        self.approve(*sources, scope=scope)
        opened = self.open_scope(scope)
        run_split(self.shared, opened, OPERATOR, scope, page=2)
        return opened


@contextmanager
def open_splittable_index(
    folder: Path,
    *sources: str,
    secret: str | None = None,
    database_url=None,
    of_earlier_release: bool = False,
):
    """Open a new shared index with sources of its own."""
    with ExitStack() as stack:
        shared = stack.enter_context(
            open_test_index(
                folder,
                *sources,
                secret=secret,
                database_url=database_url,
                of_earlier_release=of_earlier_release,
            )
        )
        settings = Settings(
            home=folder, model=str(folder / "tiny"), database_url=database_url, secret_file=None
        )
        yield SplittableSite(shared, settings, stack)


@contextmanager
def open_scoped_indexes(
    folder: Path,
    scopes: dict[str, tuple[str, ...]],
    *,
    secret: str | None = None,
    database_url=None,
    **model: object,
):
    """Open a new shared index with scopes, each with the given sources."""
    with ExitStack() as stack:
        shared = stack.enter_context(
            open_test_index(folder, secret=secret, database_url=database_url, **model)
        )
        indexes = ScopedIndexes(shared)
        settings = Settings(
            home=folder, model=str(folder / "tiny"), database_url=database_url, secret_file=None
        )
        for code, sources in scopes.items():
            if database_url is None:
                write_empty_database(folder / f"mpi-scope-{code}.db")
            scope_index, _key = init_scope(settings, code, is_test=True)
            stack.callback(scope_index.database.dispose)
            register_scope(shared, OPERATOR, code, None)
            for source in sources:
                add_source(scope_index, OPERATOR, NewSource(source))
            indexes.scopes[code] = scope_index
        yield indexes


def check_derived_data(index) -> None:
    """Check that features, keys and pairs are those that the stored records and the configuration give."""
    with index.database.read(OPERATOR) as unit:
        config_id = index.config_id(unit)
        codes = {source.id: source.code for source in unit.sources.all()}
        shared, blocking = index.shared_values(unit), index.blocking_of(unit, config_id)
        features = {
            record: index.features_of(record_from_bytes(payload), codes[source_id], shared)
            for record, (source_id, payload) in unit.record_versions.payloads(
                sorted(unit.records.active_canonical_keys())
            ).items()
        }
        assert {
            record: features_from_bytes(stored)
            for record, stored in unit.derived_data.iterate_features(config_id)
        } == features
        keys = {
            record: set(compute_keys(own, blocking, index.keyed_hash)) for record, own in features.items()
        }
        assert all_keys(unit, config_id) == sorted(
            (key, record) for record, own in keys.items() for key in own
        )
        pairs = {
            pair for records in _group_by_key(keys).values() for pair in combinations(sorted(records), 2)
        }
        weights = {
            (lo, hi): round_weight(index.matcher.scorer.weigh(features[lo], features[hi])) for lo, hi in pairs
        }
        floor = index.matcher.model.thresholds.storage_floor
        assert unit.derived_data.all_edges(config_id) == {
            pair: bits for pair, bits in weights.items() if bits >= floor
        }


def _group_by_key(keys: dict[int, set[int]]) -> dict[int, list[int]]:
    records: dict[int, list[int]] = {}
    for record, own_keys in keys.items():
        for key in own_keys:
            records.setdefault(key, []).append(record)
    return records
