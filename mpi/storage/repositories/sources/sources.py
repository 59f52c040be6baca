"""Repository of agencies and sources."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.source import Holdings
from mpi.storage.driver.prefetch import prefetch
from mpi.storage.tables import AgencyRow, AgreementStepRow, SourceRow, table_of

_agency = table_of(AgencyRow)
_source = table_of(SourceRow)
_FEED, _NO_FEED = "delta", "none"
"""Values of ``feed_mode`` of a source that sends, and of one that is retired."""


_step = table_of(AgreementStepRow)
_LAST_AGREEMENT_STEP = select(func.max(_step.c.commit_no)).scalar_subquery().label("last_agreement_step")
_ALL = (
    select(_source, _agency.c.code.label("agency"), _LAST_AGREEMENT_STEP)
    .join(_agency, _agency.c.id == _source.c.agency_id)
    .order_by(_source.c.code)
)


@dataclass(frozen=True, slots=True)
class Source:
    """A data source: a system that contributes records.

    Args:
        id: number of the source.
        code: code of the source, such as ``CCWIS``.
        name: name of the source.
        agency: code of the agency that owns it.
        kind: kind of the source.
        group_id: visibility group of its records.
        paused: whether the source's new records are held and link nothing.
        duplicates_expected: whether one person may have several records.
        asks_consent: whether others' decisions about its records need its owner's consent.
        scope: code of the scope to which its records are sent; None where they are sent to this index.
        holdings: which of its records the index holds.
        is_retired: whether it sends nothing any more.
    """

    id: int
    code: str
    name: str
    agency: str
    kind: str
    group_id: int
    paused: bool
    duplicates_expected: bool = True
    asks_consent: bool = False
    scope: str | None = None
    holdings: Holdings = Holdings.ALL
    is_retired: bool = False


class Sources:
    """Repository of data sources and of the agencies that own them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: list[Source] | None = None
        self._last_agreement_step = 0

    def all(self) -> list[Source]:
        """Return every data source by code, cached for the transaction."""
        if self._known is None:
            rows = self._connection.execute(_ALL).all()
            self._last_agreement_step = (rows[0].last_agreement_step or 0) if rows else 0
            self._known = [
                Source(
                    id=row.id,
                    code=row.code,
                    name=row.name,
                    agency=row.agency,
                    kind=row.kind,
                    group_id=row.group_id,
                    paused=row.paused,
                    duplicates_expected=row.duplicates_expected,
                    asks_consent=row.asks_consent,
                    scope=row.scope,
                    holdings=Holdings(row.holdings),
                    is_retired=row.feed_mode == _NO_FEED,
                )
                for row in rows
            ]
        return self._known

    @property
    def last_agreement_step(self) -> int:
        """The commit of the last step of an agreement, or 0.

        It is read with the sources, so that a writer learns of a lapse without a query more.
        """
        self.all()
        return self._last_agreement_step

    def prefetch(self) -> None:
        """Send the query of ``all`` ahead of its use."""
        if self._known is None:
            prefetch(self._connection, _ALL)

    def get_by_code(self, code: str) -> Source:
        """Return the data source of a code.

        Raises:
            NotFoundError: there is none. The message names those that exist.
        """
        sources = self.all()
        for source in sources:
            if source.code == code:
                return source
        names = ", ".join(source.code for source in sources) or "none yet"
        raise NotFoundError(f"unknown source {code!r}: add it with mpi source add (there are: {names})")

    def add(self, number: int, agency_number: int, source: Source, commit_no: int) -> None:
        """Add a data source, and its agency if new.

        Raises:
            ConflictError: the code is taken.
        """
        if any(existing.code == source.code for existing in self.all()):
            raise ConflictError(f"there is a source {source.code!r} already")
        self._known = None
        agency_id = self._connection.execute(
            select(_agency.c.id).where(_agency.c.code == source.agency)
        ).scalar()
        if agency_id is None:
            agency_id = agency_number
            self._connection.execute(
                insert(_agency).values(id=agency_id, code=source.agency, name=source.agency)
            )
        self._connection.execute(
            insert(_source).values(
                id=number,
                code=source.code,
                name=source.name,
                agency_id=agency_id,
                kind=source.kind,
                group_id=source.group_id,
                duplicates_expected=source.duplicates_expected,
                asks_consent=source.asks_consent,
                scope=source.scope,
                holdings=source.holdings.value,
                created_commit=commit_no,
            )
        )

    def set_paused(self, numbers: Collection[int], *, paused: bool) -> None:
        """Pause or resume automatic linking for data sources."""
        self._connection.execute(update(_source).where(_source.c.id.in_(numbers)).values(paused=paused))
        self._known = None

    def set_name(self, number: int, name: str) -> None:
        """Set the name of a data source for people."""
        self._connection.execute(update(_source).where(_source.c.id == number).values(name=name))
        self._known = None

    def set_retired(self, number: int, *, is_retired: bool) -> None:
        """Set whether a data source sends nothing any more."""
        mode = _NO_FEED if is_retired else _FEED
        self._connection.execute(update(_source).where(_source.c.id == number).values(feed_mode=mode))
        self._known = None

    def set_asks_consent(self, number: int, *, asks_consent: bool) -> None:
        """Set whether decisions about a source's records need its owner's consent."""
        self._connection.execute(
            update(_source).where(_source.c.id == number).values(asks_consent=asks_consent)
        )
        self._known = None

    def set_scope(self, numbers: Collection[int], scope: str | None) -> None:
        """Set the scope to which the records of data sources are sent.

        Args:
            numbers: numbers of the sources.
            scope: code of the scope; None where they are sent to this index.
        """
        self._connection.execute(update(_source).where(_source.c.id.in_(numbers)).values(scope=scope))
        self._known = None

    def further_settings(self, number: int) -> dict[str, Any]:
        """Return the stored settings of a data source that ``Source`` leaves out."""
        columns = (_source.c.feed_mode, _source.c.trust, _source.c.complete_for)
        row = self._connection.execute(select(*columns).where(_source.c.id == number)).one()
        return dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name

    def set_further_settings(self, number: int, settings: Mapping[str, Any]) -> None:
        """Store settings of a data source that ``Source`` leaves out."""
        self._connection.execute(update(_source).where(_source.c.id == number).values(**settings))

    def set_holdings(self, number: int, holdings: Holdings) -> None:
        """Set which of a source's records the index holds."""
        self._connection.execute(
            update(_source).where(_source.c.id == number).values(holdings=holdings.value)
        )
        self._known = None

    def group_ids(self) -> list[int]:
        """Return every visibility group of data sources, ascending."""
        return sorted({source.group_id for source in self.all()})
