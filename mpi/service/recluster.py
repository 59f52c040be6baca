"""Re-cluster: think the whole index through again, as a plan to read before it is applied."""

from dataclasses import dataclass
from typing import Any

import orjson

from mpi.domain.viewer import Action, Viewer, permit
from mpi.matching.engines import DUCKDB, BatchEngine
from mpi.service.closure import everything
from mpi.service.context import Index, Matcher
from mpi.service.derive import Derived, derive
from mpi.service.reindex import Progress, silent
from mpi.service.resolve import today
from mpi.service.settle import Settlement, publish, settle
from mpi.standardize.payload import features_to_bytes
from mpi.standardize.shared_values import NO_SHARED_VALUES, SharedValues
from mpi.storage.unit import ReadUnit, WriteUnit


@dataclass(frozen=True, slots=True)
class Change:
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
class Lists:
    """Lists of shared values, by how many values they have.

    Args:
        listed: values on the lists that the plan was made with.
        fresh: whether these are the lists that the active records make now.
        added: values that the active records add to the lists in force.
        dropped: values that they take from them.
    """

    listed: int
    fresh: bool
    added: int
    dropped: int


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
    changes: tuple[Change, ...]
    model: str
    lists: Lists
    applied: bool

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return self.moved == 0


def recluster(
    index: Index,
    viewer: Viewer,
    matcher: Matcher,
    *,
    apply: bool,
    refresh_lists: bool = False,
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
        progress: told of long steps.
        engine: what finds the candidate pairs and scores them; every engine gives the same plan.

    Raises:
        EngineError: the engine is not there, or failed; nothing was changed.
        ConflictError: the model is the one that this process was opened on, and another is in force by now.
        AccessDenied: the viewer may not re-cluster.
    """
    permit(viewer, Action.RECLUSTER)
    floor = matcher.model.thresholds.stored_from
    if not apply:
        with index.database.read(viewer) as unit:
            before, shared = lists_for(unit, index, matcher, refresh=refresh_lists)
            derived = derive(unit, index, matcher, floor, progress, shared, engine)
            settlement = _settle(unit, matcher, derived)
            return _plan(unit, settlement, matcher, _compared(before, derived), applied=False)
    with index.database.write(viewer, "recluster") as unit:
        before, shared = lists_for(unit, index, matcher, refresh=refresh_lists)
        derived = derive(unit, index, matcher, floor, progress, shared, engine)
        settlement = _settle(unit, matcher, derived)
        plan = _plan(unit, settlement, matcher, _compared(before, derived), applied=True)
        replace_derived(unit, matcher, derived)
        publish(unit, settlement, "recluster", test=index.is_test)
        return plan


def lists_for(
    unit: ReadUnit, index: Index, matcher: Matcher, *, refresh: bool
) -> tuple[SharedValues, SharedValues | None]:
    """The lists in force, and those to think with; None for new ones.

    A process that missed a move to another model must not move the index back in passing.
    """
    active = unit.configs.active()
    in_force = NO_SHARED_VALUES if active is None else index.lists_of(unit, active.id)
    if matcher is index.matcher:
        index.config_id(unit)
    keep = not refresh and active is not None and matcher.runs(active)
    return in_force, in_force if keep else None


def _compared(before: SharedValues, derived: Derived) -> Lists:
    found = derived.found
    return Lists(len(derived.shared), derived.shared == found, found - before, before - found)


def _settle(unit: ReadUnit, matcher: Matcher, derived: Derived) -> Settlement:
    return settle(
        unit,
        everything(unit, derived.edges),
        derived.features_of,
        matcher.scorer,
        matcher.model.thresholds,
        today(),
    )


def replace_derived(unit: WriteUnit, matcher: Matcher, derived: Derived) -> None:
    """Put what was derived in the place of what was there, under the matcher's configuration."""
    config_id = activate(unit, matcher, derived.shared)
    unit.derived.drop_all()
    unit.derived.put_features(config_id, ((r, features_to_bytes(f)) for r, f in derived.features.items()))
    unit.derived.put_keys(config_id, derived.keys)
    unit.derived.put_edges(config_id, derived.edges)


def activate(unit: WriteUnit, matcher: Matcher, shared: SharedValues = NO_SHARED_VALUES) -> int:
    """Make the configuration of a model and lists the one in force; returns its number."""
    active = unit.configs.active()
    digest = matcher.digest(shared)
    if active is not None and active.digest == digest:
        return active.id
    config_id = unit.configs.by_digest(digest)
    if config_id is None:
        config_id = unit.counters.take("config")
        unit.configs.add(_config(config_id, matcher, shared, unit.commit_no))
    unit.configs.flip(unit.counters.take("epoch"), config_id, unit.commit_no)
    return config_id


def _config(number: int, matcher: Matcher, shared: SharedValues, commit_no: int) -> dict[str, Any]:
    thresholds = matcher.model.thresholds
    return {
        "id": number,
        "digest": matcher.digest(shared),
        "model_name": matcher.model.name,
        "model_version": matcher.model.version,
        "model_digest": matcher.model.digest,
        "standardizer": matcher.model.standardizer,
        "thresholds": orjson.dumps(
            {
                "link": thresholds.link,
                "review": thresholds.review,
                "margin": thresholds.margin,
                "cohesion": thresholds.cohesion,
            }
        ).decode(),
        "lists": shared.to_text(),
        "created_commit": commit_no,
    }


def _plan(
    unit: ReadUnit, settlement: Settlement, matcher: Matcher, lists: Lists, *, applied: bool
) -> ReclusterPlan:
    changes = list(_lines(unit, settlement))
    moved = sum(
        settlement.current.get(record) != bearer.person
        for bearer in settlement.bearers
        for record in bearer.records
    )
    touched = {eid for change in changes for eid in change.eids}
    return ReclusterPlan(
        records=sum(len(bearer.records) for bearer in settlement.bearers),
        persons=len(settlement.bearers),
        keep=len(set(settlement.current.values())) - len(touched),
        mint=sum(bearer.person is None for bearer in settlement.bearers),
        merge=sum(change.kind == "merge" for change in changes),
        split=sum(change.kind == "split" for change in changes),
        moved=moved,
        tasks=len(settlement.tasks),
        changes=tuple(changes),
        model=matcher.model.ref,
        lists=lists,
        applied=applied,
    )


def _lines(unit: ReadUnit, settlement: Settlement) -> list[Change]:
    numbers = set(settlement.current.values()) | {
        b.person for b in settlement.bearers if b.person is not None
    }
    eids = {number: person.eid for number, person in unit.persons.get(numbers).items()}
    losing: dict[int, list[int]] = {}
    lines: list[Change] = []
    for bearer in settlement.bearers:
        before = {r: settlement.current[r] for r in bearer.records if r in settlement.current}
        movers = sum(person != bearer.person for person in before.values())
        others = sorted({p for p in before.values() if p != bearer.person and p in settlement.retired})
        if bearer.person is None and not before:
            lines.append(Change("mint", (), len(bearer.records)))
        if bearer.revived and bearer.person is not None:
            lines.append(Change("revive", (eids[bearer.person],), len(bearer.records)))
        if bearer.person is not None and others:
            merged = (eids[bearer.person], *(eids[p] for p in others))
            lines.append(Change("merge", merged, movers))
        for person in before.values():
            if person != bearer.person and person not in settlement.retired:
                losing.setdefault(person, []).append(bearer.person or 0)
    lines += [Change("split", (eids[person],), len(to)) for person, to in sorted(losing.items())]
    return lines
