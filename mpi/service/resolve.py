"""Resolve: after records changed, index them anew, settle every component reached, publish."""

from collections.abc import Collection, Mapping
from datetime import date

from mpi.domain import clock
from mpi.domain.features import Features
from mpi.service.closure import closure
from mpi.service.context import Index
from mpi.service.reindex import Changed, Progress, load_features, reindex, silent
from mpi.service.settle import Settlement, publish, settle
from mpi.storage.unit import WriteUnit


def resolve(
    unit: WriteUnit,
    index: Index,
    changed: Mapping[int, Changed],
    gone: Collection[int],
    cause: str,
    progress: Progress = silent,
) -> Settlement | None:
    """Bring the published partition up to date; None where nothing changed.

    Args:
        unit: the transaction that also wrote the records.
        index: model, scorer, secret.
        changed: records with new features.
        gone: records that no longer take part.
        cause: goes on memberships and events, such as ``upsert``, ``load``, ``withdraw``.
        progress: told of long steps.
    """
    if not changed and not gone:
        return None
    config_id = index.config_id(unit)
    thresholds = index.matcher.model.thresholds
    touched = reindex(unit, index, changed, gone, progress)
    scope = closure(unit, config_id, touched, thresholds.influence_floor, thresholds.stored_from)

    def features(wanted: Collection[int]) -> Mapping[int, Features]:
        known = {r: changed[r].features for r in wanted if r in changed}
        return known | load_features(unit, config_id, [r for r in wanted if r not in known])

    settlement = settle(unit, scope, features, index.matcher.scorer, thresholds, today())
    publish(unit, settlement, cause, test=index.is_test)
    return settlement


def today() -> str:
    """The plan's date, ``YYYY-MM-DD``."""
    return date.isoformat(clock.now().date())
