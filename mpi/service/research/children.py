"""Children of a research extract, by the partition that its terms name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mpi.policy.agreement import LinkedBy
from mpi.service.core.index import Index
from mpi.service.quality.calibration import LinkedPairs
from mpi.service.recluster.research_partition import compute_research_partition
from mpi.storage.unit_of_work.units import ReadUnit

WeighPair = Callable[[int, int, float], float]


@dataclass(frozen=True, slots=True)
class LinkedChildren:
    """Children of all active records, and the links that hold them together.

    Args:
        linked_by: the partition.
        child_of: number of each record's child.
        texts: text of each record; the first one of a child's rows makes its research ID.
        pairs: pairs of records for estimates of linkage error.
        weigh_alone: returns the bits of a pair as its two records alone tell them.
    """

    linked_by: LinkedBy
    child_of: Mapping[int, int]
    texts: Mapping[int, str]
    pairs: LinkedPairs
    weigh_alone: WeighPair


def find_children(unit: ReadUnit, index: Index, linked_by: LinkedBy) -> LinkedChildren:
    """Return the children of a partition.

    Args:
        unit: the transaction.
        index: the open index.
        linked_by: the partition.
    """
    if linked_by is LinkedBy.STATISTICAL:
        return _compute_statistical_children(unit, index)
    child_of = unit.persons.all_current_persons()
    edges = unit.derived_data.all_edges(index.config_id(unit))
    pairs = LinkedPairs(child_of, edges, index.matcher.model.thresholds.link)
    eids = {person.id: person.eid for person in unit.persons.all()}
    texts = {record: eids[person] for record, person in child_of.items()}
    return LinkedChildren(linked_by, child_of, texts, pairs, lambda _left, _right, bits: bits)


def _compute_statistical_children(unit: ReadUnit, index: Index) -> LinkedChildren:
    """Compute the children of the research partition.

    A research ID follows from the child's rows in the extract: the first key of the whole cluster may be that
    of a record of which the project must not learn.
    """
    partition = compute_research_partition(unit, index)
    numbers = {key: number for number, key in enumerate(sorted(set(partition.first_keys.values())))}
    child_of = {record: numbers[key] for record, key in partition.first_keys.items()}
    pairs = LinkedPairs(
        child_of,
        partition.edges,
        index.matcher.model.statistical.link,
        shift=partition.shift_weight,
        has_answers=False,
    )
    texts = {record: f"{LinkedBy.STATISTICAL}|{key}" for record, key in partition.keys.items()}
    return LinkedChildren(LinkedBy.STATISTICAL, child_of, texts, pairs, partition.shift_for_sources)
