"""Publication of figures: measured once a day, shown some days later.

A measurement reads the whole index in one snapshot and stores each report once a day. Every reader gets the
same figures until the next day. A day on which no process measured is missing: the figures before it stay.
"""

import json
import logging
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import MpiError
from mpi.domain.quality_rules import PublicationRules
from mpi.domain.statistics.sampling import Estimate
from mpi.domain.viewer import Action, Viewer, make_operator, require_permission
from mpi.service.core.index import Index
from mpi.service.quality import exact_counts
from mpi.service.quality.consistency_counts import (
    choose_every,
    count_consistency,
    find_consistency_rules,
)
from mpi.service.quality.live_accuracy import MonthlyAccuracy, measure_recent_accuracy
from mpi.service.quality.model_measurement import measure_model_fit
from mpi.service.quality.new_records import count_new_records
from mpi.service.quality.published_counts import publish_counts, round_estimate, show_count
from mpi.service.quality.throughput import compute_minutes_per_answer, measure_throughput
from mpi.storage.repositories.review.published_reports import StoredReport
from mpi.storage.unit_of_work.units import ReadUnit

_log = logging.getLogger("mpi.publication")

QUALITY, SUMMARY, SOURCES, OVERLAP = "quality", "summary", "sources", "overlap"
"""Names of the reports that are published."""
CREATES = "creates"
"""Name of the report of records that clients sent as new."""
CONSISTENCY = "consistency"
"""Name of the report of how often linked records of two agencies agree."""
MODEL_FIT = "model_fit"
"""Name of the report of how records differ from those of the model; only its verdict is published."""


@dataclass(frozen=True, slots=True)
class PublicationDay:
    """When published figures are shown, and of which day they are.

    Args:
        day: day on which they are shown, ``YYYY-MM-DD``.
        as_of: day on which they were measured.
        missed_days: later days for which none were measured.
        base: multiple to which counts are rounded.
        smallest_shown: smallest count that is shown.
    """

    day: str
    as_of: str
    missed_days: int
    base: int
    smallest_shown: int


@dataclass(frozen=True, slots=True)
class Publication:
    """A published report.

    Args:
        day: when it is shown, and of which day it is.
        counts: counts by name, with noise and rounded; small ones too, which are not to be shown.
        details: what else the report holds: in the quality report, months, minutes and the sample's month; in
            that of the model, shares for readers of every record.
        computed_at: time of the measurement (ISO, UTC).
    """

    day: PublicationDay
    counts: Mapping[str, int]
    details: Mapping[str, Any]
    computed_at: str

    def count(self, name: str) -> int | None:
        """Return a count, or None if unknown or too small to show."""
        return show_count(self.counts.get(name), self.day.smallest_shown)

    @property
    def sample_month(self) -> str | None:
        """Month of the latest blind sample, ``YYYY-MM``; None before the first."""
        month: str | None = self.details["sample_month"]
        return month

    @property
    def minutes_per_answer(self) -> float | None:
        """Minutes of one answer, in halves; None if they were not measured."""
        minutes: float | None = self.details["minutes"]
        return minutes


def read_months(publication: Publication) -> tuple[MonthlyAccuracy, ...]:
    """Return the published precision and recall by month, latest first."""
    return tuple(
        MonthlyAccuracy(
            month["month"], _read_estimate(month["precision"]), _read_estimate(month["recall"]), ()
        )
        for month in publication.details["months"]
    )


def _read_estimate(stored: Mapping[str, float] | None) -> Estimate | None:
    """Return an estimate as it was stored."""
    return None if stored is None else Estimate(**stored)


def read_publication(unit: ReadUnit, index: Index, name: str) -> Publication | None:
    """Return the report that is published today, or None before the first."""
    rules = index.settings.publication_rules
    today = clock.now().date()
    newest_shown = today - timedelta(days=rules.lag_days)
    stored = unit.published_reports.latest(name, newest_shown.isoformat())
    if stored is None:
        return None
    content = json.loads(stored.content)
    day = PublicationDay(
        day=today.isoformat(),
        as_of=stored.day,
        missed_days=(newest_shown - date.fromisoformat(stored.day)).days,
        base=rules.base,
        smallest_shown=find_smallest_count(unit.viewer, rules),
    )
    return Publication(day, content["counts"], content["details"], stored.computed_at)


def find_smallest_count(viewer: Viewer, rules: PublicationRules) -> int:
    """Return the smallest published count that is shown to a viewer.

    The viewer's agreement may ask for a larger one than the index.
    """
    return max(rules.smallest_shown, 1 if viewer.rights is None else viewer.rights.smallest_count)


def find_next_day(unit: ReadUnit, index: Index) -> str:
    """Return the day on which the next figures are published, ``YYYY-MM-DD``.

    If none are measured yet, it is the day for a measurement today.
    """
    lag = timedelta(days=index.settings.publication_rules.lag_days)
    today = clock.now().date()
    measured = unit.published_reports.first_day_after(QUALITY, (today - lag).isoformat())
    return ((today if measured is None else date.fromisoformat(measured)) + lag).isoformat()


def publish_figures(index: Index, viewer: Viewer) -> bool:
    """Measure the figures of today and store them, unless that is done.

    A measurement that passes midnight is dropped. Of several processes one stores its figures.

    Returns:
        Whether this call stored them.

    Raises:
        AccessDenied: the viewer may not read reports.
    """
    require_permission(viewer, Action.REPORT)
    now = clock.now()
    day = now.date().isoformat()
    with index.database.read(viewer) as unit:
        if unit.published_reports.has(day):
            return False
        reports = _measure_reports(unit, index, now)
    with index.database.write(viewer, "publish") as unit:
        if clock.today() != day or unit.published_reports.has(day):
            return False
        unit.published_reports.add(reports)
    return True


def _measure_reports(unit: ReadUnit, index: Index, now: datetime) -> list[StoredReport]:
    """Measure every published report from one snapshot."""
    months = measure_recent_accuracy(unit, now)
    measured: dict[str, tuple[Mapping[str, int], Mapping[str, object]]] = {
        QUALITY: (exact_counts.count_quality(unit, now, months), _measure_details(unit, now, months)),
        SUMMARY: (exact_counts.count_summary(unit), {}),
        SOURCES: (exact_counts.count_sources(unit), {}),
        CREATES: (count_new_records(unit, index, now), {}),
        OVERLAP: (exact_counts.count_overlap(unit), {}),
        MODEL_FIT: measure_model_fit(unit, index),
    }
    reports = {
        name: _make_report(unit, index, now, name, exact, details)
        for name, (exact, details) in measured.items()
    }
    every = choose_every(json.loads(reports[SUMMARY].content)["counts"]["persons.active"])
    agreement = count_consistency(unit, index.keyed_hash, every)
    return [
        *reports.values(),
        _make_report(unit, index, now, CONSISTENCY, agreement, {"every": every}),
    ]


def _make_report(
    unit: ReadUnit,
    index: Index,
    now: datetime,
    name: str,
    exact: Mapping[str, int],
    details: Mapping[str, object],
) -> StoredReport:
    """Make a report of one day from its exact counts."""
    day = now.date().isoformat()
    previous = unit.published_reports.latest(name, day)
    rules = index.settings.publication_rules
    counts = publish_counts(
        index.keyed_hash,
        f"{name}|{day}",
        exact,
        {} if previous is None else json.loads(previous.content)["counts"],
        find_consistency_rules(rules) if name == CONSISTENCY else rules,
    )
    content = json.dumps({"counts": counts, "details": details}, sort_keys=True)
    return StoredReport(day, name, content, clock.format_timestamp(now))


def _measure_details(unit: ReadUnit, now: datetime, months: tuple[MonthlyAccuracy, ...]) -> dict[str, object]:
    """Measure the parts of the quality report that are no counts.

    Precision and recall are of months that are over, so that they do not move from day to day.
    """
    since = clock.format_timestamp(now - timedelta(days=exact_counts.THROUGHPUT_DAYS))
    minutes = compute_minutes_per_answer(measure_throughput(unit, since))
    this_month = now.strftime("%Y-%m")
    return {
        "months": [
            {
                "month": month.month,
                "precision": _store_estimate(month.precision),
                "recall": _store_estimate(month.recall),
            }
            for month in months
            if month.month < this_month and month.has_enough_verdicts
        ],
        "sample_month": months[0].month if months else None,
        "minutes": None if minutes is None else max(round(minutes * 2) / 2, 0.5),
    }


def _store_estimate(estimate: Estimate | None) -> dict[str, float] | None:
    """Return an estimate in whole percents as it is stored."""
    rounded = round_estimate(estimate)
    return None if rounded is None else asdict(rounded)


class FigurePublisher:
    """Server thread that measures the published figures once a day.

    Args:
        index: returns the open index, which another model may replace.
    """

    def __init__(self, index: Callable[[], Index]) -> None:
        self._index = index
        self._stop_requested = threading.Event()
        self._thread = threading.Thread(target=self._work, name="publication", daemon=True)

    def start(self) -> None:
        """Start the thread of daily measurements."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread after the current measurement."""
        self._stop_requested.set()
        self._thread.join()

    def _work(self) -> None:
        interval_s = self._index().tuning.request.publication_poll_s
        # At a random moment, so that of several processes one measures and the others find it done.
        self._stop_requested.wait(random.uniform(0, interval_s))  # noqa: S311 - no secret
        while not self._stop_requested.wait(interval_s):
            try:
                if publish_figures(self._index(), make_operator("worker")):
                    _log.info("the figures of %s are measured", clock.today())
            except MpiError as error:
                _log.warning("the figures of the day could not be measured: %s", error.code)
