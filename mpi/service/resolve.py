"""Resolve: after records changed, index them anew, settle every component reached, publish."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from mpi.domain import clock
from mpi.domain.features import Features
from mpi.service.assertions import Touched, follow
from mpi.service.closure import closure
from mpi.service.context import Index
from mpi.service.reindex import NOT_PAIRED, Changed, Paired, Progress, load_features, reindex, silent
from mpi.service.settle import NO_CHOICE, Choice, Settlement, publish, settle
from mpi.storage.unit import WriteUnit


@dataclass(frozen=True, slots=True)
class Besides:
    """What bears on the partition beside the records that changed.

    Args:
        choice: what is chosen about the IDs.
        untold: records of which nothing that was said counts any more.
        paired: those of the changed records whose pairs are known already.
        said: writes down what else is said, once the records are indexed.
        touched: records that are to be settled though nothing of theirs is to be indexed anew.
    """

    choice: Choice = NO_CHOICE
    untold: Collection[int] = ()
    touched: Collection[int] = ()
    paired: Paired = NOT_PAIRED
    said: Callable[[], Touched] = Touched


NOTHING = Besides()


def resolve(
    unit: WriteUnit,
    index: Index,
    changed: Mapping[int, Changed],
    gone: Collection[int],
    cause: str,
    progress: Progress = silent,
    besides: Besides = NOTHING,
) -> Settlement | None:
    """Bring the published partition up to date; None where nothing changed.

    Args:
        unit: the transaction that also wrote the records.
        index: model, scorer, secret.
        changed: records with new features.
        gone: records that no longer take part.
        cause: goes on memberships and events, such as ``upsert``, ``load``, ``withdraw``.
        progress: told of long steps.
        besides: what else bears on it.
    """
    if not changed and not gone and besides is NOTHING:
        return None
    touched = reindex(unit, index, changed, gone, progress, besides.paired)
    asserted = follow(unit, index, changed, besides.untold)
    asserted.add(besides.said())
    choice = replace(besides.choice, keeps={**asserted.keeps, **besides.choice.keeps})
    touched |= asserted.records | set(besides.touched)
    return resettle(unit, index, touched, cause, choice, changed)


def resettle(
    unit: WriteUnit,
    index: Index,
    touched: Collection[int],
    cause: str,
    choice: Choice = NO_CHOICE,
    known: Mapping[int, Changed] | None = None,
) -> Settlement:
    """Settle the components of records whose decisions or neighbours are others now, and publish that.

    Args:
        unit: the transaction that also wrote what changed.
        index: model, scorer, secret.
        touched: the records.
        cause: goes on memberships and events.
        choice: what a steward chose about the IDs.
        known: records whose features are at hand.
    """
    settlement = _settled(unit, index, touched, choice, known or {})
    publish(unit, settlement, cause, test=index.is_test)
    return settlement


def foreseen(
    unit: WriteUnit, index: Index, touched: Collection[int]
) -> list[tuple[int | None, tuple[int, ...]]]:
    """Who would bear the components of records if they were settled now: (person, records) each."""
    return [(bearer.person, bearer.records) for bearer in planned(unit, index, touched).bearers]


def planned(
    unit: WriteUnit,
    index: Index,
    touched: Collection[int],
    choice: Choice = NO_CHOICE,
    day: str | None = None,
) -> Settlement:
    """What settling the components of records now would change; nothing is published.

    Args:
        unit: the transaction.
        index: model, scorer, secret.
        touched: the records.
        choice: what is chosen about the IDs.
        day: the plan's date; today where none is given.
    """
    return _settled(unit, index, touched, choice, {}, day)


def _settled(
    unit: WriteUnit,
    index: Index,
    touched: Collection[int],
    choice: Choice,
    at_hand: Mapping[int, Changed],
    day: str | None = None,
) -> Settlement:
    config_id = index.config_id(unit)
    thresholds = index.matcher.model.thresholds
    scope = closure(unit, config_id, touched, thresholds.influence_floor, thresholds.stored_from)

    def features(wanted: Collection[int]) -> Mapping[int, Features]:
        mine = {r: at_hand[r].features for r in wanted if r in at_hand}
        return mine | load_features(unit, config_id, [r for r in wanted if r not in mine])

    return settle(unit, scope, features, index.matcher.scorer, thresholds, day or clock.today(), choice)


def today() -> str:
    """The plan's date, ``YYYY-MM-DD``."""
    return clock.today()
