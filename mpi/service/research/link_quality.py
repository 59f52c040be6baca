"""Quality of the links that hold the records of an extract together.

Only records and decisions of the extract count. A link by another agency's record, or by a number that is not
in the extract, so looks like any other that the records at hand do not explain.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mpi.clustering.union_find import UnionFind
from mpi.domain.decision import Authority, DecisionKind
from mpi.service.research.children import LinkedChildren
from mpi.service.research.rows import ExtractRow
from mpi.storage.unit_of_work.units import ReadUnit

SINGLE, OTHER = "single", "other"
BANDS = ("12+", "6-12", "3-6", "0-3", OTHER, SINGLE)
"""Bits of the weakest link above the link threshold, strongest first.

``other``: no chain of pairs above the threshold joins the child's rows; a person's decision, or evidence
outside the extract, does. ``single``: the child has one row.
"""
_LEAST_BITS = {"12+": 12.0, "6-12": 6.0, "3-6": 3.0, "0-3": 0.0}


@dataclass(frozen=True, slots=True)
class LinkQuality:
    """How well the rows of one child are linked.

    Args:
        band: band of the weakest link that holds the rows together, one of ``BANDS``.
        records: number of rows of the child.
        is_reviewed: whether a steward decided that rows of the child are one child.
    """

    band: str
    records: int
    is_reviewed: bool


def measure_links(
    unit: ReadUnit, children: LinkedChildren, rows: Sequence[ExtractRow]
) -> dict[int, LinkQuality]:
    """Return the quality of each child's links, by the child's number.

    The weakest link is that of the strongest chains of pairs: the lightest edge of a maximum spanning tree
    (Kruskal 1956).
    """
    person_of = {row.record: row.person for row in rows}
    sizes: dict[int, int] = {}
    for person in person_of.values():
        sizes[person] = sizes.get(person, 0) + 1
    link = children.pairs.link
    joining = (
        (children.weigh_alone(*pair, bits), pair)
        for pair, bits in children.pairs.edges.items()
        if pair[0] in person_of and person_of[pair[0]] == person_of.get(pair[1])
    )
    inside = ((bits, pair) for bits, pair in joining if bits >= link)
    weakest = _find_weakest_links(inside, person_of, sizes)
    reviewed = _find_reviewed(unit, person_of)
    return {
        person: LinkQuality(
            SINGLE if size == 1 else _find_band(weakest.get(person), link), size, person in reviewed
        )
        for person, size in sizes.items()
    }


def _find_weakest_links(
    edges: Iterable[tuple[float, tuple[int, int]]], person_of: Mapping[int, int], sizes: Mapping[int, int]
) -> dict[int, float]:
    """Return the weakest link's weight for children whose rows are joined."""
    sets, joins, weakest = UnionFind(), dict[int, int](), dict[int, float]()
    for bits, (left, right) in sorted(edges, reverse=True):
        if sets.join(left, right):
            person = person_of[left]
            joins[person] = joins.get(person, 0) + 1
            weakest[person] = bits
    return {person: bits for person, bits in weakest.items() if joins[person] == sizes[person] - 1}


def _find_band(bits: float | None, link: float) -> str:
    if bits is None:
        return OTHER
    return next(band for band, least in _LEAST_BITS.items() if bits - link >= least)


def _find_reviewed(unit: ReadUnit, person_of: Mapping[int, int]) -> set[int]:
    """Return the persons about whose rows a steward's decision is in force."""
    return {
        person_of[min(named.record_ids)]
        for named in unit.decisions_in_force.all_in_force()
        if named.decision.kind is DecisionKind.SAME
        and named.decision.authority is Authority.STEWARD
        and all(record in person_of for record in named.record_ids)
    }
