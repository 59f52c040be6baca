"""Following of the change feed, and the file that keeps a cursor."""

import json
import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

from mpi.client.calls import read_events
from mpi.client.errors import ConflictError, CursorFileError, FeedRestoredError, InvalidAnswerError
from mpi.client.feed_page import EventPage, FeedCursor
from mpi.client.flows import Emit, Flow, Pause, Work
from mpi.client.session import Session

_RESTORED = (
    "the index was restored from a backup and its change feed began anew: drop what you built from the feed, "
    "forget the cursor, and follow the feed from its beginning"
)


@runtime_checkable
class CursorStore(Protocol):
    """Place where a follower of the feed keeps its cursor."""

    def load(self) -> FeedCursor | None:
        """Return the cursor that was saved last; None at first."""

    def save(self, cursor: FeedCursor) -> None:
        """Save a cursor durably."""


class CursorFile:
    """File that keeps a cursor of the change feed, for one follower.

    Args:
        path: the file, in a folder that exists.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def load(self) -> FeedCursor | None:
        """Return the saved cursor; None if there is no file.

        Raises:
            CursorFileError: the file holds something else.
        """
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            text = ""
        cursor = _parse_cursor(text)
        if cursor is None:
            raise CursorFileError(
                f"{self._path} is not the file of a feed cursor: name another file, or delete it and build "
                "your copy anew"
            )
        return cursor

    def save(self, cursor: FeedCursor) -> None:
        """Replace the saved cursor; a crash leaves the old or new one."""
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        try:
            with new.open("w", encoding="utf-8") as file:
                json.dump({"generation": cursor.generation, "after": cursor.after}, file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except BaseException:  # an interrupt too leaves no half file
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise

    def forget(self) -> None:
        """Delete the cursor, so that the feed is followed from its beginning."""
        self._path.unlink(missing_ok=True)


def _parse_cursor(text: str) -> FeedCursor | None:
    """Return the cursor of a file's text; None for anything else."""
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(members, dict):
        return None
    generation, after = members.get("generation"), members.get("after")
    if not isinstance(generation, str) or type(after) is not int or after < 0:
        return None
    return FeedCursor(generation, after)


def follow(
    session: Session,
    start: FeedCursor | CursorStore | None,
    *,
    limit: int,
    poll_s: float | None,
    purpose: str | None,
) -> Flow[None]:
    """Emit the pages of the change feed after a cursor.

    A kept cursor moves on only when the caller asks for the next page: what the caller did not finish is
    emitted again.

    Args:
        session: the client's session.
        start: the cursor, or where it is kept; None begins at the beginning.
        limit: number of events of a page, about.
        poll_s: seconds between two reads at the end of the feed; None ends there.
        purpose: purpose of use.

    Raises:
        FeedRestoredError: the feed began anew.
    """
    store = start if isinstance(start, CursorStore) else None
    position: FeedCursor | None = (yield Work(store.load)) if store is not None else start  # type: ignore[assignment]
    while True:
        page = yield from _read_page(session, position, limit, purpose)
        if page.events:
            yield Emit(page)
            position = page.position
            if store is not None:
                yield Work(partial(store.save, position))
        elif poll_s is None:
            return
        else:
            yield Pause(poll_s)


def _read_page(
    session: Session, position: FeedCursor | None, limit: int, purpose: str | None
) -> Flow[EventPage]:
    """Read the page after a position, of the same generation."""
    after = 0 if position is None else position.after
    is_ahead = False
    try:
        page = yield from session.exchange(read_events(after, limit), purpose)
    except ConflictError:
        # Either the cursor is ahead of a restored index, or something else is wrong: the generation tells.
        if position is None:
            raise
        page = yield from session.exchange(read_events(0, 1), purpose)
        if page.generation == position.generation:
            raise
        is_ahead = True
    if is_ahead or (position is not None and after and page.generation != position.generation):
        raise FeedRestoredError(_RESTORED)
    if page.events and page.cursor <= after:
        raise InvalidAnswerError("the page of the change feed does not move its cursor on")
    return page
