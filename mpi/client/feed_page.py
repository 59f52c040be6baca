"""Pages and positions of the change feed, and crosswalks made from it."""

from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass

from mpi.client.results import RecordRef


@dataclass(frozen=True, slots=True)
class FeedCursor:
    """Position in the change feed.

    Args:
        generation: generation of the feed, which changes when the index is restored from a backup.
        after: the last commit that was read.
    """

    generation: str
    after: int


@dataclass(frozen=True, slots=True)
class Event:
    """Change of the person that one record belongs to.

    Args:
        commit: number of the commit; events of one commit happened together.
        seq: position among the events of the commit.
        at: time.
        cause: operation, such as ``upsert``, ``load`` or ``withdraw``; ``settled`` changes nothing and tells
            that a pending ID is final; ``renamed`` tells that a record left a local ID or got one.
        source: code of the record's source.
        local_id: the record's local ID.
        before: enterprise ID of the record before; None where it had none.
        after: enterprise ID of the record after; None where it has none.
    """

    commit: int
    seq: int
    at: str
    cause: str
    source: str
    local_id: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class EventPage:
    """Page of the change feed, made of whole commits in order.

    Args:
        generation: generation of the feed.
        cursor: the last commit of the page.
        events: the events; none at the present end of the feed.
    """

    generation: str
    cursor: int
    events: tuple[Event, ...]

    @property
    def position(self) -> FeedCursor:
        """Where to read on once the page is processed."""
        return FeedCursor(self.generation, self.cursor)


def apply_events(crosswalk: MutableMapping[RecordRef, str], events: Iterable[Event]) -> None:
    """Bring a copy of the crosswalk up to date.

    Events may be applied again, in their order: the copy is then the same.

    Args:
        crosswalk: enterprise ID of each record; it is changed.
        events: events of the change feed, in order.
    """
    for event in events:
        record = RecordRef(event.source, event.local_id)
        if event.after is None:
            crosswalk.pop(record, None)
        else:
            crosswalk[record] = event.after
