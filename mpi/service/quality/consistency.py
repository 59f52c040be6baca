"""How often linked records of two agencies agree, as published daily.

That another agency holds a record is its secret, and a count with noise says nothing of one child. The
figures are for who may see every source of both sides.
"""

from collections.abc import Sequence
from dataclasses import replace

from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.data_quality.consistency_score import Consistency, FieldConsistency
from mpi.service.data_quality.issues import may_list_issues
from mpi.service.data_quality.scorecard import MOST_RECORDS, Scorecard, read_scorecard
from mpi.service.holdings.settings import find_limited_sources
from mpi.service.quality.consistency_counts import FIELDS, FLAGS, find_consistency_rules
from mpi.service.quality.publication import CONSISTENCY, find_smallest_count, read_publication
from mpi.service.quality.published_counts import estimate_share_of_parts
from mpi.storage.unit_of_work.units import ReadUnit


def read_whole_scorecard(
    index: Index, viewer: Viewer, source_code: str, most: int = MOST_RECORDS
) -> Scorecard:
    """Return a source's scorecard, with how often other agencies agree with it.

    Args:
        index: the open index.
        viewer: who asks.
        source_code: the source.
        most: most records that are read.

    Raises:
        NotFoundError: there is no such source.
        AccessDenied: the viewer is neither data owner nor sender of the source.
    """
    card = read_scorecard(index, viewer, source_code, most)
    if card.hidden:
        return card
    with index.database.read(viewer) as unit:
        return replace(card, consistency=_read_consistency(unit, index, viewer, source_code))


def _read_consistency(unit: ReadUnit, index: Index, viewer: Viewer, source_code: str) -> Consistency | None:
    """Return the published figures of a source, or None.

    They are None where none are published, or where the viewer sees only one side.
    """
    partners = _list_visible_partners(unit, viewer, source_code)
    publication = read_publication(unit, index, CONSISTENCY)
    if not partners or publication is None:
        return None
    rules = find_consistency_rules(index.settings.publication_rules)
    smallest = find_smallest_count(viewer, rules)
    fields = []
    for partner in partners:
        for field in _list_visible_fields(viewer, source_code, partners[partner]):
            agree, differ = (
                publication.counts.get(f"{source_code}|{partner}|{field}.{name}", 0)
                for name in ("agree", "differ")
            )
            if agree + differ >= smallest:
                # The count of equal values is not told: it, or the rest, may be a small one.
                share = estimate_share_of_parts(agree, differ, rules)
                fields.append(FieldConsistency(partner, field, agree + differ, share))
    return Consistency(publication.day.as_of, publication.details["every"], tuple(fields))


def _list_visible_partners(unit: ReadUnit, viewer: Viewer, source_code: str) -> dict[str, list[str]]:
    """Return the sources of each other kind that the viewer sees whole.

    A kind counts if the viewer may see all of its sources, and the source itself.
    """
    kinds: dict[str, list[str]] = {}
    own_kind = unit.sources.get_by_code(source_code).kind
    for source in unit.sources.all():
        if source.kind != own_kind:
            kinds.setdefault(source.kind, []).append(source.code)
    limited = find_limited_sources(unit)
    return {
        kind: codes
        for kind, codes in sorted(kinds.items())
        if all(viewer.may_see(code) for code in (source_code, *codes))
        and not any(code in limited and not may_list_issues(viewer, code) for code in codes)
    }


def _list_visible_fields(viewer: Viewer, source_code: str, partners: Sequence[str]) -> list[str]:
    """Return fields and flags that the viewer may compare across these sources."""
    if viewer.rights is None:
        return [*FIELDS, *FLAGS]
    allowed = [viewer.rights.find_comparable_fields(code) for code in (source_code, *partners)]
    fields = [field for field in FIELDS if all(each is None or field in each for each in allowed)]
    return [*fields, *(FLAGS if viewer.rights.carries_all_flags else ())]
