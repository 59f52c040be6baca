"""Re-cluster the index and show or apply the plan."""

from dataclasses import dataclass

from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.matching.scoring.engines import DUCKDB_ENGINE, BatchEngine
from mpi.service.core.configuration import read_shared_values
from mpi.service.core.index import Index, Matcher
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.processes.pacing import disable_garbage_collection
from mpi.service.recluster.index_scoring import IndexScores, score_index
from mpi.service.recluster.run_executor import RunResult, execute_run
from mpi.service.recluster.run_state import new_run_request
from mpi.service.resolution.closure import load_whole_index
from mpi.service.resolution.resolve import get_plan_date
from mpi.service.resolution.settlement import Settlement, settle
from mpi.standardize.shared_values import SharedValues
from mpi.storage.repositories.derived.recluster_runs import RunKind
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class PlanChange:
    """Change of one or more persons in a re-cluster plan.

    Args:
        kind: ``mint``, ``merge``, ``split``, ``move`` or ``revive``.
        eids: the enterprise IDs affected; a merge's survivor is first.
        records: number of records that change person.
    """

    kind: str
    eids: tuple[str, ...]
    records: int


@dataclass(frozen=True, slots=True)
class SharedListComparison:
    """Comparison of a re-cluster plan's shared-value lists with fresh ones.

    Args:
        listed: number of values on the lists that the plan used.
        fresh: whether these lists equal those made from the active records, as far as is known.
        added: number of values that the active records add to the lists in force.
        dropped: number of values that they remove from them; None if the plan used stored features, which
            hold no listed value.
    """

    listed: int
    fresh: bool
    added: int
    dropped: int | None


@dataclass(frozen=True, slots=True)
class ReclusterPlan:
    """What a re-cluster would do, or did.

    Args:
        records: number of active records.
        persons: number of persons after it.
        keep: persons whose records stay as they are.
        mint: IDs to be minted.
        merge: persons that would take in others.
        split: persons that would lose records to others.
        moved: records that would change person.
        tasks: review tasks after it.
        changes: the changed persons.
        model: the model of the plan, ``name/version``.
        lists: the configuration's lists of shared values.
        applied: whether the plan has been applied.
    """

    records: int
    persons: int
    keep: int
    mint: int
    merge: int
    split: int
    moved: int
    tasks: int
    changes: tuple[PlanChange, ...]
    model: str
    lists: SharedListComparison
    applied: bool

    @property
    def is_empty(self) -> bool:
        """Whether the re-cluster plan would move no record to another person."""
        return self.moved == 0


@disable_garbage_collection()
def recluster(  # noqa: PLR0913 - each parameter is an independent option
    index: Index,
    viewer: Viewer,
    matcher: Matcher,
    *,
    apply: bool,
    refresh_lists: bool = False,
    lists: SharedValues | None = None,
    progress: Progress = ignore_progress,
    engine: BatchEngine = DUCKDB_ENGINE,
) -> ReclusterPlan:
    """Re-cluster every record with a model, and apply or show the plan.

    Args:
        index: the open index.
        viewer: who asks.
        matcher: the model in force, or another, which applying puts in force.
        apply: apply the plan; otherwise nothing is changed.
        refresh_lists: make the lists of shared values from the active records, which is another
            configuration. With another model that is always done. Otherwise the lists in force are used, so
            that an unchanged index has an empty plan (law 1).
        lists: lists to use in place of those in force, as ``mpi.service.maintenance.blocking_stop_list``
            makes them.
        progress: receives the progress of long steps.
        engine: finds the candidate pairs and scores them; every engine gives the same plan.

    Raises:
        EngineError: the engine is not installed, or failed; nothing was changed.
        ConflictError: this process was opened on a model that is no longer in force.
        AccessDenied: the viewer may not re-cluster.
    """
    require_permission(viewer, Action.RECLUSTER)
    if apply:
        lists_text = None if lists is None else lists.to_text()
        request = new_run_request(
            RunKind.RECLUSTER, get_plan_date(), refresh_lists=refresh_lists, lists=lists_text
        )
        return _describe_applied(
            index, viewer, matcher, execute_run(index, viewer, matcher, request, progress, engine)
        )
    floor = matcher.model.thresholds.storage_floor
    with index.database.read(viewer) as unit:
        previous_lists, plan_lists = read_shared_values(unit, index, matcher, refresh=refresh_lists)
        plan_lists = plan_lists if lists is None else lists
        scores = score_index(unit, index, matcher, floor, progress, plan_lists, engine)
        settlement = _settle(unit, matcher, scores)
        return _build_plan(unit, settlement, matcher, _compare_lists(previous_lists, scores), applied=False)


def _describe_applied(index: Index, viewer: Viewer, matcher: Matcher, result: RunResult) -> ReclusterPlan:
    """Return the re-cluster plan that a finished run applied."""
    fresh_lists = result.shared_values if result.fresh_shared_values is None else result.fresh_shared_values
    lists = SharedListComparison(
        len(result.shared_values),
        result.shared_values == fresh_lists,
        fresh_lists - result.previous_shared_values,
        result.previous_shared_values - fresh_lists,
    )
    with index.database.read(viewer) as unit:
        return _build_plan(unit, result.settlement, matcher, lists, applied=True)


def _compare_lists(previous: SharedValues, scores: IndexScores) -> SharedListComparison:
    """Compare a re-cluster plan's lists of shared values with fresh ones."""
    fresh_lists, used = scores.fresh_shared_values, scores.shared_values
    if not scores.is_fresh_complete:
        return SharedListComparison(len(used), not fresh_lists - used, fresh_lists - used, None)
    return SharedListComparison(
        len(used), used == fresh_lists, fresh_lists - previous, previous - fresh_lists
    )


def _settle(unit: ReadUnit, matcher: Matcher, scores: IndexScores) -> Settlement:
    """Compute the persons of the whole index from scored pairs."""
    return settle(
        unit,
        load_whole_index(unit, scores.edges),
        scores.read_features,
        matcher.scorer,
        matcher.model.thresholds,
        get_plan_date(),
    )


def _build_plan(
    unit: ReadUnit, settlement: Settlement, matcher: Matcher, lists: SharedListComparison, *, applied: bool
) -> ReclusterPlan:
    """Build a re-cluster plan from a computed assignment of records to persons."""
    changes = list(_build_changes(unit, settlement))
    moved_count = sum(
        settlement.persons_before.get(record) != bearer.person
        for bearer in settlement.assignments
        for record in bearer.records
    )
    changed_eids = {eid for change in changes for eid in change.eids}
    return ReclusterPlan(
        records=sum(len(bearer.records) for bearer in settlement.assignments),
        persons=len(settlement.assignments),
        keep=len(set(settlement.persons_before.values())) - len(changed_eids),
        mint=sum(bearer.person is None for bearer in settlement.assignments),
        merge=sum(change.kind == "merge" for change in changes),
        split=sum(change.kind == "split" for change in changes),
        moved=moved_count,
        tasks=len(settlement.tasks),
        changes=tuple(changes),
        model=matcher.model.ref,
        lists=lists,
        applied=applied,
    )


def _build_changes(unit: ReadUnit, settlement: Settlement) -> list[PlanChange]:
    """Return how a computed assignment of records changes the persons."""
    current = settlement.persons_before
    changing = [
        bearer
        for bearer in settlement.assignments
        if bearer.revived or any(current.get(record) != bearer.person for record in bearer.records)
    ]
    person_ids = {bearer.person for bearer in changing if bearer.person is not None}
    person_ids |= {current[record] for bearer in changing for record in bearer.records if record in current}
    eids = {number: person.eid for number, person in unit.persons.by_ids(person_ids).items()}
    receivers_of: dict[int, list[int]] = {}
    changes: list[PlanChange] = []
    for bearer in changing:
        previous_persons = {r: current[r] for r in bearer.records if r in current}
        moved_count = sum(person != bearer.person for person in previous_persons.values())
        merged_persons = sorted(
            {p for p in previous_persons.values() if p != bearer.person and p in settlement.retired}
        )
        if bearer.person is None and not previous_persons:
            changes.append(PlanChange("mint", (), len(bearer.records)))
        if bearer.revived and bearer.person is not None:
            changes.append(PlanChange("revive", (eids[bearer.person],), len(bearer.records)))
        if bearer.person is not None and merged_persons:
            merged_eids = (eids[bearer.person], *(eids[p] for p in merged_persons))
            changes.append(PlanChange("merge", merged_eids, moved_count))
        for person in previous_persons.values():
            if person != bearer.person and person not in settlement.retired:
                receivers_of.setdefault(person, []).append(bearer.person or 0)
    changes += [
        PlanChange("split", (eids[person],), len(receivers))
        for person, receivers in sorted(receivers_of.items())
    ]
    return changes
