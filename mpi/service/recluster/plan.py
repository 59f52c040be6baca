"""Re-cluster: think the whole index through again, as a plan to read before it is applied."""

from dataclasses import dataclass

from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.matching.scoring.engines import DUCKDB, BatchEngine
from mpi.service.core.configuration import read_shared_values
from mpi.service.core.index import Index, Matcher
from mpi.service.indexing.reindex import Progress, silent
from mpi.service.processes.pacing import seeking_no_cycles
from mpi.service.recluster.pair_scoring import IndexScores, score_index
from mpi.service.recluster.run_executor import RunResult, execute_run
from mpi.service.recluster.run_state import new_run_request
from mpi.service.resolution.closure import load_whole_index
from mpi.service.resolution.resolve import get_plan_date
from mpi.service.resolution.settlement import Settlement, settle
from mpi.standardize.shared_values import SharedValues
from mpi.storage.repositories.derived.runs import RunKind
from mpi.storage.unit_of_work.unit import ReadUnit


@dataclass(frozen=True, slots=True)
class PlanChange:
    """One line of the plan.

    Args:
        kind: ``mint``, ``merge``, ``split``, ``move`` or ``revive``.
        eids: the enterprise IDs affected; a merge's survivor is first.
        records: how many records it moves.
    """

    kind: str
    eids: tuple[str, ...]
    records: int


@dataclass(frozen=True, slots=True)
class SharedListComparison:
    """Lists of shared values, by how many values they have.

    Args:
        listed: values on the lists that the plan was made with.
        fresh: whether these are the lists that the active records make now, as far as is known.
        added: values that the active records add to the lists in force.
        dropped: values that they take from them; None where the plan was made of stored features, which
            bear no value that is listed.
    """

    listed: int
    fresh: bool
    added: int
    dropped: int | None


@dataclass(frozen=True, slots=True)
class ReclusterPlan:
    """What a re-cluster would do.

    Args:
        records: active records thought through.
        persons: persons after it.
        keep: persons whose records stay as they are.
        mint: IDs to be minted.
        merge: persons that would take in others.
        split: persons that would lose records to others.
        moved: records that would change person.
        tasks: review tasks after it.
        changes: the plan line by line.
        model: the model it was made with, ``name/version``.
        lists: the configuration's lists of shared values.
        applied: whether it has been carried out.
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
        """Whether there is nothing to do."""
        return self.moved == 0


@seeking_no_cycles()
def recluster(  # noqa: PLR0913 - one parameter a choice
    index: Index,
    viewer: Viewer,
    matcher: Matcher,
    *,
    apply: bool,
    refresh_lists: bool = False,
    lists: SharedValues | None = None,
    progress: Progress = silent,
    engine: BatchEngine = DUCKDB,
) -> ReclusterPlan:
    """Re-think every record with a model, and apply the plan or only show it.

    Args:
        index: the open index.
        viewer: who asks.
        matcher: the model; the one in force, or another, which applying makes the one in force.
        apply: carry the plan out; otherwise nothing is changed.
        refresh_lists: make the lists of shared values anew from the active records, which is another
            configuration; with another model that is always done. Otherwise those in force hold, so that an
            index to which nobody has done anything has nothing to do (law 1).
        lists: lists to think with in place of those in force, as ``mpi.service.maintenance.blocking_stop_list`` makes them.
        progress: told of long steps.
        engine: what finds the candidate pairs and scores them; every engine gives the same plan.

    Raises:
        EngineError: the engine is not there, or failed; nothing was changed.
        ConflictError: the model is the one that this process was opened on, and another is in force by now.
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
    floor = matcher.model.thresholds.stored_from
    with index.database.read(viewer) as unit:
        previous_lists, plan_lists = read_shared_values(unit, index, matcher, refresh=refresh_lists)
        plan_lists = plan_lists if lists is None else lists
        scores = score_index(unit, index, matcher, floor, progress, plan_lists, engine)
        settlement = _settle(unit, matcher, scores)
        return _build_plan(unit, settlement, matcher, _compare_lists(previous_lists, scores), applied=False)


def _describe_applied(index: Index, viewer: Viewer, matcher: Matcher, result: RunResult) -> ReclusterPlan:
    """What was carried out, as it was planned once the configuration was in force."""
    fresh_lists = result.shared if result.fresh_shared is None else result.fresh_shared
    lists = SharedListComparison(
        len(result.shared),
        result.shared == fresh_lists,
        fresh_lists - result.previous_shared,
        result.previous_shared - fresh_lists,
    )
    with index.database.read(viewer) as unit:
        return _build_plan(unit, result.settlement, matcher, lists, applied=True)


def _compare_lists(previous: SharedValues, scores: IndexScores) -> SharedListComparison:
    fresh, used = scores.fresh_shared, scores.shared
    if not scores.is_fresh_complete:
        return SharedListComparison(len(used), not fresh - used, fresh - used, None)
    return SharedListComparison(len(used), used == fresh, fresh - previous, previous - fresh)


def _settle(unit: ReadUnit, matcher: Matcher, scores: IndexScores) -> Settlement:
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
    changes = list(_build_changes(unit, settlement))
    moved_count = sum(
        settlement.current.get(record) != bearer.person
        for bearer in settlement.bearers
        for record in bearer.records
    )
    changed_eids = {eid for change in changes for eid in change.eids}
    return ReclusterPlan(
        records=sum(len(bearer.records) for bearer in settlement.bearers),
        persons=len(settlement.bearers),
        keep=len(set(settlement.current.values())) - len(changed_eids),
        mint=sum(bearer.person is None for bearer in settlement.bearers),
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
    current = settlement.current
    changing = [
        bearer
        for bearer in settlement.bearers
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
