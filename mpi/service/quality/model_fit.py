"""Whether records are like those of the model, as measured daily.

The verdict is *published*: it follows from one count with noise, the number of records by which the farthest
share passes its limit. That count follows from single records, never from links. Which shares are far off is
*named*, for readers of every record and question.
"""

import json
from dataclasses import dataclass, replace
from enum import StrEnum

from mpi.domain import clock
from mpi.domain.viewer import Viewer
from mpi.matching.model.data_profile import ProfileDifference
from mpi.service.core.index import Index
from mpi.service.quality.figure_access import sees_every_question
from mpi.service.quality.model_measurement import name_count
from mpi.service.quality.publication import MODEL_FIT, SUMMARY, read_publication
from mpi.storage.unit_of_work.units import ReadUnit

OUTGROWN_FACTOR = 2
"""Records for each that a model was fitted for, from which an index has outgrown it."""
_ANONYMOUS = Viewer("nobody")


class Verdict(StrEnum):
    """Whether the records are like those that the model was fitted on."""

    ALIKE = "alike"
    UNLIKE = "unlike"
    UNKNOWN = "unknown"
    """Not measured yet, or of too few records."""


@dataclass(frozen=True, slots=True)
class ModelFit:
    """How well the model fits the records, for a reader of figures.

    Args:
        model: name and version of the model in force.
        verdict: whether the records are like those of the model.
        outgrown: whether the index holds at least twice the records that the model was fitted for.
        differences: shares that are far from the model's, in steps of 5 %; empty for a reader of published
            figures.
    """

    model: str
    verdict: Verdict
    outgrown: bool
    differences: tuple[ProfileDifference, ...] = ()


def read_model_fit(unit: ReadUnit, index: Index) -> ModelFit:
    """Return how well the model fits the records, for a unit's reader."""
    published = _read_published_fit(unit, index)
    return _read_named_fit(unit, published) if sees_every_question(unit.viewer) else published


def read_public_model_fit(index: Index) -> ModelFit:
    """Return the published verdict, for anybody."""
    with index.database.read(_ANONYMOUS) as unit:
        return _read_published_fit(unit, index)


def _read_published_fit(unit: ReadUnit, index: Index) -> ModelFit:
    """Return the published verdict, which is the same for all readers."""
    model = index.matcher.model
    publication = read_publication(unit, index, MODEL_FIT)
    count = None if publication is None else publication.counts.get(name_count(model.ref))
    verdict = Verdict.UNKNOWN
    if count is not None:
        is_far_off = count >= index.settings.publication_rules.smallest_shown
        verdict = Verdict.UNLIKE if is_far_off else Verdict.ALIKE
    summary = read_publication(unit, index, SUMMARY)
    records = 0 if summary is None else summary.counts.get("records.active", 0)
    return ModelFit(model.ref, verdict, records >= OUTGROWN_FACTOR * model.index_size)


def _read_named_fit(unit: ReadUnit, published: ModelFit) -> ModelFit:
    """Return the latest measurement, for a reader of every record."""
    stored = unit.published_reports.latest(MODEL_FIT, clock.today())
    details = {} if stored is None else json.loads(stored.content)["details"]
    if details.get("model") != published.model or details["differences"] is None:
        return replace(published, verdict=Verdict.UNKNOWN)
    differences = tuple(ProfileDifference(**each) for each in details["differences"])
    verdict = Verdict.UNLIKE if differences else Verdict.ALIKE
    return replace(published, verdict=verdict, differences=differences)
