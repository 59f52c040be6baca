"""Simulate other thresholds on the live index, storing nothing."""

from dataclasses import dataclass, replace

from mpi.domain.errors import InputError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.gates.holds import require_whole_index
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.recluster.proposal_view import MINUTES_A_TASK
from mpi.service.recluster.recluster_plan import recluster


@dataclass(frozen=True, slots=True)
class TrialThresholds:
    """Match thresholds to simulate, in bits; None for those in force."""

    link: float | None = None
    review: float | None = None
    margin: float | None = None
    cohesion: float | None = None


@dataclass(frozen=True, slots=True)
class Simulation:
    """Counts of what other match thresholds would do.

    Args:
        link: the simulated link threshold, in bits.
        review: the simulated review threshold, in bits.
        margin: the simulated margin, in bits.
        cohesion: the simulated cohesion, in bits.
        persons: number of persons after it.
        merge: persons that would take in others.
        split: persons that would lose records.
        mint: IDs to be minted.
        moved: records that would change person.
        tasks: review tasks after it.
        steward_hours: hours of work on those tasks, at three minutes each.
    """

    link: float
    review: float
    margin: float
    cohesion: float
    persons: int
    merge: int
    split: int
    mint: int
    moved: int
    tasks: int
    steward_hours: float


def simulate_thresholds(
    index: Index, viewer: Viewer, trial: TrialThresholds, progress: Progress = ignore_progress
) -> Simulation:
    """Re-cluster the index with other match thresholds, without applying the plan.

    Args:
        index: the open index.
        viewer: who asks.
        trial: the thresholds to simulate.
        progress: receives the progress of long steps.

    Raises:
        InputError: the thresholds do not fit each other or the model.
        AccessDenied: the viewer may not re-cluster, or may not see every source.
    """
    require_whole_index(viewer)
    model = index.matcher.model
    changed_values = {name: value for name in trial.__slots__ if (value := getattr(trial, name)) is not None}
    try:
        thresholds = replace(model.thresholds, **changed_values)
        matcher = replace(index.matcher, model=replace(model, thresholds=thresholds))
    except ValueError as error:
        raise InputError(str(error)) from None
    if not model.cautions.fits_review_band(thresholds):
        raise InputError(
            f"a caution of the model gives pairs {model.cautions.bits} bits, which must be in the "
            "review band: try a review threshold of at most that, and a link threshold above it"
        )
    plan = recluster(index, viewer, matcher, apply=False, progress=progress)
    return Simulation(
        link=thresholds.link,
        review=thresholds.review,
        margin=thresholds.margin,
        cohesion=thresholds.cohesion,
        persons=plan.persons,
        merge=plan.merge,
        split=plan.split,
        mint=plan.mint,
        moved=plan.moved,
        tasks=plan.tasks,
        steward_hours=round(plan.tasks * MINUTES_A_TASK / 60, 1),
    )
