"""Repository of published reports on children."""

from collections.abc import Collection
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, delete, insert, select, update

from mpi.storage.tables import CounterRow, ReportReleaseRow, table_of

_release = table_of(ReportReleaseRow)
_counter = table_of(CounterRow)
ERASURES = "report-erasure"
"""Name of the counter of transactions that destroyed reports."""
FORGOTTEN = "null"
"""Earlier cells of a release that was made again, after its readers forgot them."""
_NONE = "[]"
OPEN_RECORDS = "open_records"
"""Member of a moment with the records about which a question was open."""
DESTROYED_ON = "destroyed_on"
"""Member of a moment with the day on which the reports were destroyed, ``YYYY-MM-DD``."""


@dataclass(frozen=True, slots=True)
class StoredRelease:
    """Reports on children that were published together.

    Args:
        number: their number, from 1.
        day: day on which they were published, ``YYYY-MM-DD``.
        request: JSON of what was asked.
        made_by: client that published them.
        cells: JSON of the counts of all cells, without those that are hidden.
        reports: JSON of the reports; empty after a record was sealed or expunged, until they are made again.
        moment: JSON of how the reports are made again; empty if they cannot be.
        earlier: JSON of the cells of the reports that were destroyed, as readers may remember them;
            ``FORGOTTEN`` once they are forgotten.
    """

    number: int
    day: str
    request: str
    made_by: str
    cells: str
    reports: str
    moment: str = ""
    earlier: str = _NONE

    @property
    def is_restored(self) -> bool:
        """Return whether the release was made again after its reports were destroyed."""
        return self.earlier != _NONE


class ReportReleases:
    """Repository of releases by number."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def latest(self, count: int, last_day: str | None = None) -> list[StoredRelease]:
        """Return the latest releases, latest first.

        Args:
            count: the greatest number of them.
            last_day: last day of publication; None for today.
        """
        query = select(_release).order_by(_release.c.number.desc()).limit(count)
        if last_day is not None:
            query = query.where(_release.c.day <= last_day)
        rows = self._connection.execute(query)
        return [StoredRelease(*row) for row in rows]

    def get(self, number: int) -> StoredRelease:
        """Return a release, which exists."""
        return StoredRelease(
            *self._connection.execute(select(_release).where(_release.c.number == number)).one()
        )

    def add(self, release: StoredRelease) -> None:
        """Add a release, whose number is new."""
        values = {name: getattr(release, name) for name in StoredRelease.__slots__}
        self._connection.execute(insert(_release).values(values))

    def replace(self, number: int, cells: str, reports: str, earlier: str) -> None:
        """Store a release made again, and what readers may remember of it."""
        self._connection.execute(
            update(_release)
            .where(_release.c.number == number)
            .values(cells=cells, reports=reports, earlier=earlier)
        )

    def count_erasures(self) -> int:
        """Return a number that grows whenever reports are destroyed."""
        found = self._connection.execute(select(_counter.c.next).where(_counter.c.name == ERASURES)).scalar()
        return 1 if found is None else int(found)

    def forget_records(self, record_ids: Collection[int], day: str) -> None:
        """Destroy the reports of all releases, as records are sealed or destroyed.

        Those of all are destroyed, so that none tells that it counted one of the records. The counts stay
        without the small ones, as later releases are protected against them.

        Args:
            record_ids: the records.
            day: today, ``YYYY-MM-DD``.
        """
        forgotten = set(record_ids)
        query = select(_release.c.number, _release.c.moment, _release.c.reports).where(
            _release.c.moment != ""
        )
        for number, text, reports in self._connection.execute(query).all():
            moment = orjson.loads(text)
            moment[OPEN_RECORDS] = [record for record in moment[OPEN_RECORDS] if record not in forgotten]
            if reports:
                moment[DESTROYED_ON] = day
            self._connection.execute(
                update(_release)
                .where(_release.c.number == number)
                .values(moment=orjson.dumps(moment, option=orjson.OPT_SORT_KEYS).decode())
            )
        self._connection.execute(update(_release).where(_release.c.reports != "").values(reports=""))

    def forget_before(self, number: int, kept: Collection[int]) -> None:
        """Forget what readers no longer remember of releases before a number.

        A destroyed release is deleted, with its counts.

        Args:
            number: the first release that is remembered.
            kept: numbers of releases that frozen reports name.
        """
        is_earlier = _release.c.number < number
        self._connection.execute(update(_release).where(is_earlier).values(moment=""))
        was_restored = _release.c.earlier != _NONE
        self._connection.execute(update(_release).where(is_earlier, was_restored).values(earlier=FORGOTTEN))
        self._connection.execute(
            delete(_release).where(is_earlier, _release.c.reports == "", _release.c.number.not_in(list(kept)))
        )
