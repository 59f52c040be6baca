"""Lists of a OneRoster API, page by page.

The system may change them meanwhile.

Lists are sorted by ``sourcedId``, and each page begins with the last item of the page before. If that item
is not there, items before it were deleted, and the reader steps back; a list that moves too far is read
again. So an item that is there all the time is never missed. It may be given twice.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs, quote, urljoin, urlsplit

import httpx

from mpi.connectors.api_session import ApiAnswer, ApiSession
from mpi.domain import clock
from mpi.domain.errors import RemoteSystemError
from mpi.intake.oneroster.items import Item, read_text

MAX_ITEMS = 50_000_000
"""Most items of one list, repeated ones counted."""
_MAX_READS = 3
"""How often a list is read that moves while it is read."""
_MAX_LINKS = 8_000
"""Most characters of the header that says where other pages are."""
_MAX_IDLE = 20
"""Most pages without a new item, one after the other."""
_MAX_STEPS = 100
"""How often one list is stepped back in."""
_NEXT_LINK = re.compile(r'<([^>]*)>\s*;[^,]*\brel\s*=\s*"?next\b', re.IGNORECASE)

ItemCount = Callable[[int, int | None], None]
"""Receives the number of items that were read, and of all, where known."""


class _ListMovedError(Exception):
    """Error: a page does not go on where the one before ended."""


@dataclass(frozen=True, slots=True)
class _Page:
    """One page of a list.

    Args:
        items: its items.
        total: number of all items, where the system says it.
        has_links: whether the system says where the next page is, if there is one.
        next_url: address of the next page.
    """

    items: list[Item]
    total: int | None
    has_links: bool
    next_url: str | None

    @property
    def ids(self) -> list[str | None]:
        """The ``sourcedId`` of each item."""
        return [read_text(item, "sourcedId") for item in self.items]

    @property
    def follows_links(self) -> bool:
        """Whether only the system knows where the next page is."""
        return self.next_url is not None and "offset" not in parse_qs(urlsplit(self.next_url).query)

    def is_last(self, offset: int, *, has_new_items: bool) -> bool:
        """Return whether no page follows.

        Where the system does not say so, a page that holds nothing but the last item of the one before is
        the last.
        """
        if self.has_links:
            return self.next_url is None
        if self.total is not None:
            return offset + len(self.items) >= self.total
        return not has_new_items and len(self.items) <= 1


@dataclass(slots=True)
class _Place:
    """Where a list is read.

    Args:
        offset: items before the page.
        link: address of the page, where only the system knows it; None to ask by offset.
        last: ``sourcedId`` of the item that was read last; None where pages do not overlap.
        page_length: items of the page that was read last.
        has_stepped_back: whether the page is before the place where the list was left.
        step_count: how often it was stepped back.
        idle_count: pages without a new item, one after the other. Items that were added shift the others.
    """

    offset: int = 0
    link: str | None = None
    last: str | None = None
    page_length: int = 0
    has_stepped_back: bool = False
    step_count: int = 0
    idle_count: int = 0

    def find_new_items(self, page: _Page) -> list[Item] | None:
        """Return the items after the one that was read last.

        Returns:
            None if that item is not there, so that a page before has to be read.

        Raises:
            _ListMovedError: it is not in the page before either.
        """
        if self.link is not None or self.last is None:
            return page.items
        if self.last in page.ids:
            return page.items[len(page.ids) - page.ids[::-1].index(self.last) :]
        if self.has_stepped_back or self.step_count == _MAX_STEPS:
            raise _ListMovedError
        self.offset = max(0, self.offset - self.page_length)
        self.has_stepped_back = True
        self.step_count += 1
        return None

    def go_on(self, page: _Page, *, has_new_items: bool) -> None:
        """Go on to the next page.

        It begins with the last item of this one.
        """
        length = len(page.items)
        overlaps = length > 1 and page.ids[-1] is not None
        self.last = page.ids[-1] if overlaps else None
        self.offset += length - overlaps
        self.page_length, self.has_stepped_back = length, False
        self.idle_count = 0 if has_new_items else self.idle_count + 1
        self.link = page.next_url if page.follows_links else None


class ListReader:
    """Reader of the lists of an API.

    Args:
        session: calls the system.
        address: address of the connection.
        base_path: path of the API below the address of the connection.
        page_size: items that are asked for at a time.

    Attributes:
        began: time of the system's first answer, by its own clock.
    """

    def __init__(self, session: ApiSession, address: str, base_path: str, page_size: int) -> None:
        self._session = session
        self._address = address
        self._base_path = base_path
        self._page_size = page_size
        self.began: datetime | None = None

    def read(
        self, resource: str, since: str | None, count: ItemCount, *, refusal: str = ""
    ) -> Iterator[Item]:
        """Yield the items of a list.

        Args:
            resource: name of the list, such as ``students``.
            since: time (ISO, UTC) from which on a listed item has changed; None for all items.
            count: is told how far the list is.
            refusal: what to say if the system refuses the list; empty for its status alone.

        Raises:
            RemoteSystemError: the system cannot be reached, refuses, or its pages do not continue each other.
        """
        for _ in range(_MAX_READS):
            try:
                yield from self._read_once(resource, since, count, refusal)
            except _ListMovedError:
                continue
            return
        raise RemoteSystemError(
            f"{self._base_path}/{resource}: the list changed {_MAX_READS} times while it was read: pull "
            "again when the system is quiet"
        )

    def get_one(self, resource: str, key: str, *, refusal: str = "") -> Item | None:
        """Return one item; None if the system does not know it.

        Args:
            resource: name of its list.
            key: its ``sourcedId``.
            refusal: as for ``read``.

        Raises:
            RemoteSystemError: the system cannot be reached or refuses.
        """
        path = f"{self._base_path}/{resource}/{_quote(key)}"
        accepted = frozenset({httpx.codes.OK, httpx.codes.NOT_FOUND})
        answer = self._get(path, {}, refusal, accepted)
        if answer.status == httpx.codes.NOT_FOUND:
            return None
        content = answer.json()
        values = content.values() if isinstance(content, dict) else ()
        items = [value for value in values if isinstance(value, dict)]
        if len(items) != 1:
            raise RemoteSystemError(f"{self._base_path}/{resource}: the answer holds no item")
        return items[0]

    def _read_once(self, resource: str, since: str | None, count: ItemCount, refusal: str) -> Iterator[Item]:
        """Yield the items of a list once.

        Raises:
            _ListMovedError: it moved farther than a page while it was read.
        """
        place, given = _Place(), 0
        seen_links: set[str] = set()
        while True:
            page = self._get_page(resource, since, place, refusal)
            new_items = place.find_new_items(page)
            if new_items is None:
                continue
            yield from new_items
            given += len(new_items)
            count(given, page.total)
            if page.is_last(place.offset, has_new_items=bool(new_items)):
                return
            place.go_on(page, has_new_items=bool(new_items))
            if place.idle_count > _MAX_IDLE or given > MAX_ITEMS or page.next_url in seen_links:
                raise RemoteSystemError(
                    f"{self._base_path}/{resource}: its pages do not continue each other after {given:,} "
                    "items"
                )
            seen_links.update(link for link in [place.link] if link)

    def _get_page(self, resource: str, since: str | None, place: _Place, refusal: str) -> _Page:
        """Return one page of a list."""
        path = f"{self._base_path}/{resource}"
        parameters = {
            "limit": str(self._page_size),
            "offset": str(place.offset),
            "sort": "sourcedId",
            "orderBy": "asc",
        }
        if since is not None:
            parameters["filter"] = f"dateLastModified>='{since}'"
        answer = self._get(place.link or path, {} if place.link else parameters, refusal)
        links = answer.headers.get("Link")
        return _Page(
            _read_items(answer, path),
            _read_total(answer),
            links is not None,
            None if links is None else _read_next_link(links, f"{self._address}{path}"),
        )

    def _get(
        self,
        path: str,
        parameters: Mapping[str, str],
        refusal: str,
        accepted: frozenset[int] = frozenset({httpx.codes.OK}),
    ) -> ApiAnswer:
        """Return an answer, and note the system's time of the first one."""
        refused = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND)
        explained = frozenset(refused) - accepted if refusal else frozenset()
        answer = self._session.get(path, parameters, accepted=accepted | explained)
        if answer.status in explained:
            raise RemoteSystemError(f"{path}: status {answer.status}: {refusal}")
        if self.began is None:
            self.began = _read_date(answer) or clock.now()
        return answer


def _read_items(answer: ApiAnswer, path: str) -> list[Item]:
    """Return the items of an answer, which holds one list.

    Raises:
        RemoteSystemError: it holds none, or an item is no object.
    """
    content = answer.json()
    values = content.values() if isinstance(content, dict) else ()
    lists = [value for value in values if isinstance(value, list)]
    if len(lists) != 1 or not all(isinstance(item, dict) for item in lists[0]):
        raise RemoteSystemError(f"{path}: the answer holds no list of items")
    return lists[0]


def _read_next_link(links: str, address: str) -> str | None:
    """Return the address of the next page.

    Raises:
        RemoteSystemError: the links are too long, or the next one is no address.
    """
    if len(links) > _MAX_LINKS:
        raise RemoteSystemError(
            f"{urlsplit(address).path}: its links are longer than {_MAX_LINKS:,} characters"
        )
    match = _NEXT_LINK.search(links)
    try:
        url = urljoin(address, match[1]) if match else None
        # Its query is read later.
        urlsplit(url or "")
    except ValueError:
        raise RemoteSystemError(
            f"{urlsplit(address).path}: the link to its next page is no address"
        ) from None
    return url


def _read_total(answer: ApiAnswer) -> int | None:
    text = answer.headers.get("X-Total-Count", "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ITEMS)) else None


def _read_date(answer: ApiAnswer) -> datetime | None:
    """Return the time of an answer by the system's clock."""
    try:
        moment = parsedate_to_datetime(answer.headers.get("Date", ""))
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _quote(key: str) -> str:
    """Return an ID as one segment of a path."""
    return quote(key, safe="")
