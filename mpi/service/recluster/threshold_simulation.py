"""Simulate other thresholds on the live index: what would merge, split and be asked; nothing is stored."""

from dataclasses import dataclass, replace

from mpi.domain.errors import InputError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.gates.holds import require_whole_index
from mpi.service.indexing.reindex import Progress, silent
from mpi.service.recluster.plan import recluster
from mpi.service.recluster.proposals import MINUTES_A_TASK


@dataclass(frozen=True, slots=True)
class TrialThresholds:
    """Thresholds to try, in bits; None for the one in force."""

    link: float | None = None
    review: float | None = None
    margin: float | None = None
    cohesion: float | None = None


@dataclass(frozen=True, slots=True)
class Simulation:
    """What other thresholds would do, in figures.

    Args:
        link: the link threshold tried, in bits.
        review: the review threshold tried.
        margin: the margin tried.
        cohesion: the cohesion tried.
        persons: people after it.
        merge: people that would take in others.
        split: people that would lose records.
        mint: IDs to be minted.
        moved: records that would change person.
        tasks: review tasks after it.
        steward_hours: what those take, at three minutes each.
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
    index: Index, viewer: Viewer, trial: TrialThresholds, progress: Progress = silent
) -> Simulation:
    """Think the whole index through with other thresholds of the model in force.

    Args:
        index: the open index.
        viewer: who asks.
        trial: the thresholds to try.
        progress: told of long steps.

    Raises:
        InputError: the thresholds do not fit each other, or the model.
        AccessDenied: the viewer may not re-cluster, or not all sources.
    """
    require_whole_index(viewer)
    model = index.matcher.model
    changed_values = {name: value for name in trial.__slots__ if (value := getattr(trial, name)) is not None}
    try:
        thresholds = replace(model.thresholds, **changed_values)
        matcher = replace(index.matcher, model=replace(model, thresholds=thresholds))
    except ValueError as error:
        raise InputError(str(error)) from None
    if not model.cautions.fit(thresholds):
        raise InputError(
            f"the model holds pairs in doubt at {model.cautions.bits} bits, which must be for review: "
            "try a review threshold of at most that, and a link threshold above it"
        )
    plan = recluster(index, viewer, matcher, apply=False, progress=progress)
    return Simulation(
        thresholds.link,
        thresholds.review,
        thresholds.margin,
        thresholds.cohesion,
        plan.persons,
        plan.merge,
        plan.split,
        plan.mint,
        plan.moved,
        plan.tasks,
        round(plan.tasks * MINUTES_A_TASK / 60, 1),
    )
