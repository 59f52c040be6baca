"""The public page: permitted uses, published figures, and whom to ask."""

from dataclasses import dataclass, replace

from mpi.domain import clock
from mpi.domain.statistics.sampling import Estimate
from mpi.domain.viewer import Viewer
from mpi.service.agreements.papers import PublicPaper, read_public_paper
from mpi.service.core.index import Index, PublicPageSettings
from mpi.service.quality.dashboard import MatchRate, build_published_rate
from mpi.service.quality.figure_access import permit_figures
from mpi.service.quality.publication import (
    QUALITY,
    SUMMARY,
    Publication,
    PublicationDay,
    find_next_day,
    read_months,
    read_publication,
)
from mpi.storage.unit_of_work.units import ReadUnit

_ANYBODY = Viewer("public")


@dataclass(frozen=True, slots=True)
class PublicFigures:
    """Published figures on the page for the public.

    A count or share is None if it is too small to be shown, or not known.

    Args:
        publication: when they are shown, and of which day they are; None before the first publication.
        next_publication: day on which the next ones are published, ``YYYY-MM-DD``.
        records: active records.
        persons: active persons.
        match_rate: children in care whose school record is found; None before the first publication.
        month: month of precision and recall, ``YYYY-MM``; None if no month has enough verdicts.
        precision: precision of automatic links with its 95 % interval.
        recall: recall among compared pairs with its 95 % interval.
    """

    publication: PublicationDay | None
    next_publication: str
    records: int | None = None
    persons: int | None = None
    match_rate: MatchRate | None = None
    month: str | None = None
    precision: Estimate | None = None
    recall: Estimate | None = None


@dataclass(frozen=True, slots=True)
class PublicPage:
    """Content of the page for the public.

    Args:
        day: day on which it was made, ``YYYY-MM-DD``.
        paper: permitted and excluded uses, without the name of a party.
        figures: published figures; None where the state does not show them to the public.
        settings: office that answers questions, and its address.
    """

    day: str
    paper: PublicPaper
    figures: PublicFigures | None
    settings: PublicPageSettings


def read_public_page(index: Index) -> PublicPage:
    """Return the public page, with figures only if a setting shows them."""
    return _build_page(index, has_figures=index.settings.public_page.shows_figures)


def read_page_to_publish(index: Index, viewer: Viewer) -> PublicPage:
    """Return the page with figures, for who publishes it as a file.

    Raises:
        AccessDenied: the viewer may not read figures of the whole index.
    """
    permit_figures(viewer)
    return _build_page(index, has_figures=True)


def _build_page(index: Index, *, has_figures: bool) -> PublicPage:
    """Build the page from agreements, settings and stored figures."""
    paper = read_public_paper(index)
    figures = _read_figures(index, paper.smallest_count) if has_figures else None
    return PublicPage(clock.today(), paper, figures, index.settings.public_page)


def _read_figures(index: Index, smallest: int) -> PublicFigures:
    """Read the figures that are published today; nothing is counted.

    Args:
        index: the open index.
        smallest: smallest count above 0 that agreements let the public be told.
    """
    with index.database.read(_ANYBODY) as unit:
        next_day = find_next_day(unit, index)
        quality = _read_publication(unit, index, QUALITY, smallest)
        summary = _read_publication(unit, index, SUMMARY, smallest)
    if quality is None or summary is None:
        return PublicFigures(None, next_day)
    months = read_months(quality)
    latest = months[0] if months else None
    return PublicFigures(
        publication=quality.day,
        next_publication=next_day,
        records=summary.count("records.active"),
        persons=summary.count("persons.active"),
        match_rate=build_published_rate(quality),
        month=None if latest is None else latest.month,
        precision=None if latest is None else latest.precision,
        recall=None if latest is None else latest.recall,
    )


def _read_publication(unit: ReadUnit, index: Index, name: str, smallest: int) -> Publication | None:
    """Read a report that is published today, and raise its smallest count."""
    publication = read_publication(unit, index, name)
    if publication is None:
        return None
    smallest_shown = max(publication.day.smallest_shown, smallest)
    return replace(publication, day=replace(publication.day, smallest_shown=smallest_shown))
