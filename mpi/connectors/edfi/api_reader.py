"""Reader of the collections of an Ed-Fi API.

It loses nothing that changes while it reads.

Pages of a collection that changes are no whole: a deleted or updated item moves others over the edge of a
page. So a collection is read in windows of change versions, the oldest first, each so narrow that one answer
holds it. An item that changes meanwhile gets a newer version, and comes in a later window.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx

from mpi.connectors.api_session import ApiAnswer, ApiSession
from mpi.connectors.edfi.discovery import EdfiApi
from mpi.connectors.edfi.options import EdfiOptions
from mpi.domain.errors import RemoteSystemError
from mpi.intake.edfi.items import Item, read_text

_ANSWERS = frozenset({httpx.codes.OK, httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND})
_MOST_PASSES = 5
"""Most times that a collection is read again from its beginning."""
_WINDOW_FILL = 0.7
"""Share of a page that a window of change versions is meant to fill."""
_MOST_GROWTH = 8
"""Most times that a window is as wide as the one before it."""


@dataclass(frozen=True, slots=True)
class ChangeVersions:
    """Change versions that an API can tell about.

    Args:
        oldest: the first one from which changes are complete.
        newest: the last one that was given out.
    """

    oldest: int
    newest: int


@dataclass(frozen=True, slots=True)
class _Page:
    """One page of a collection.

    Args:
        items: its items.
        total: number of items of the collection, where the API says it.
        token: token of the next page; empty where there is none.
    """

    items: list[Item]
    total: int | None
    token: str


class ApiReader:
    """Reader of one Ed-Fi API.

    Args:
        session: the session with the API.
        name: name of the connection, for messages.
        api: what the API offers.
        options: options of the connection.
    """

    def __init__(self, session: ApiSession, name: str, api: EdfiApi, options: EdfiOptions) -> None:
        self._session = session
        self._name = name
        self._api = api
        self._page_size = options.page_size
        self._headers = {"Use-Snapshot": "true"} if options.use_snapshot else {}
        self._uses_snapshot = options.use_snapshot

    def find_versions(self) -> ChangeVersions | None:
        """Return the API's change versions; None without Change Queries."""
        answer = self._get(f"{self._api.changes_path}/availableChangeVersions", {}, "change versions")
        if answer is None:
            if self._uses_snapshot:
                raise RemoteSystemError(
                    f"{self._name}: the API has no snapshot, or no Change Queries; "
                    "leave out options.use_snapshot"
                )
            return None
        versions = answer.json()
        versions = (
            {name.lower(): value for name, value in versions.items()} if isinstance(versions, dict) else {}
        )
        oldest, newest = versions.get("oldestchangeversion", 0), versions.get("newestchangeversion")
        if not isinstance(oldest, int) or not isinstance(newest, int):
            raise RemoteSystemError(f"{self._name}: the API's answer does not state its change versions")
        return ChangeVersions(oldest, newest)

    def read_versions(self, resource: str, first: int, last: int) -> Iterator[Item]:
        """Yield the items with change versions in a range, oldest first.

        Args:
            resource: a resource, its ``deletes`` or its ``keyChanges``.
            first: first change version.
            last: last one. Items that get a newer one meanwhile are not yielded.
        """
        width = last - first + 1
        while first <= last:
            end = min(first + width - 1, last)
            window = {"minChangeVersion": str(first), "maxChangeVersion": str(end)}
            page = self._read_page(resource, {**window, "totalCount": "true", "limit": str(self._page_size)})
            width = end - first + 1
            if page.total is None:
                is_whole = len(page.items) < self._page_size
            else:
                is_whole = page.total <= len(page.items)
            if not is_whole and width > 1:
                total = max(page.total or 0, len(page.items) + 1)
                width = min(width // 2, self._fit(width, total))
                continue
            # Items of one version only leave it, and then have a newer one.
            yield from page.items if is_whole else self.read_all(resource, window)
            first, width = end + 1, min(width * _MOST_GROWTH, self._fit(width, len(page.items)))

    def _fit(self, width: int, count: int) -> int:
        """Return the width of the next window.

        It fills a page as far as is meant, judged by the last width and its number of items.
        """
        return max(1, int(width * self._page_size * _WINDOW_FILL / max(count, 1)))

    def read_everything(self, resource: str) -> Iterator[Item]:
        """Yield all items of a resource, in windows where possible.

        The windows need Change Queries. What changes meanwhile may be missing.
        """
        versions = self.find_versions()
        if versions is None:
            yield from self.read_all(resource, {})
        else:
            yield from self.read_versions(resource, 0, versions.newest)

    def read_all(self, resource: str, filters: Mapping[str, str]) -> list[Item]:
        """Return all items of a collection, or those that filters leave.

        Raises:
            RemoteSystemError: the collection never stands still while it is read, and the API has no tokens
                of pages, which do not mind.
        """
        for _ in range(_MOST_PASSES):
            items, stood_still = self._walk(resource, filters)
            if stood_still:
                return items
        raise RemoteSystemError(
            f"{self._name}: {resource}: the collection changes while it is read; pull when fewer people "
            "write, or ask the API's host for Change Queries"
        )

    def _walk(self, resource: str, filters: Mapping[str, str]) -> tuple[list[Item], bool]:
        """Read a collection page by page, by tokens where possible.

        Returns:
            the items; and whether all are there, as far as their number tells.
        """
        found: dict[str, Item] = {}
        totals: set[int | None] = set()
        read, has_tokens = 0, False
        page = self._read_page(resource, {**filters, "totalCount": "true", "limit": str(self._page_size)})
        while True:
            read += len(page.items)
            found |= {read_text(item, "id") or repr(item): item for item in page.items}
            if not has_tokens:
                totals.add(page.total)
                if page.total is not None and read >= page.total:
                    return list(found.values()), totals == {len(found)}
            has_tokens = has_tokens or bool(page.token)
            if page.token:
                position = {"pageToken": page.token, "pageSize": str(self._page_size)}
            elif has_tokens or len(page.items) < (self._page_size if page.total is None else 1):
                return list(found.values()), has_tokens or totals == {None}
            else:
                position = {"totalCount": "true", "limit": str(self._page_size), "offset": str(read)}
            page = self._read_page(resource, {**filters, **position})

    def read_of(self, resource: str, key: str, value: str) -> list[Item]:
        """Return a resource's items in which a property has a value."""
        return self.read_all(resource, {key: value})

    def _read_page(self, resource: str, parameters: Mapping[str, str]) -> _Page:
        answer = self._get(f"{self._api.data_path}/ed-fi/{resource}", parameters, resource)
        if answer is None:
            raise RemoteSystemError(
                f"{self._name}: the API has no {resource}; check the url and the version of the data standard"
            )
        items = answer.json()
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise RemoteSystemError(f"{self._name}: {resource}: the answer is no list of objects")
        total = answer.headers.get("Total-Count", "")
        return _Page(
            items, int(total) if total.isdecimal() else None, answer.headers.get("Next-Page-Token", "")
        )

    def _get(self, path: str, parameters: Mapping[str, str], resource: str) -> ApiAnswer | None:
        """Return an answer; None where the API knows no such path.

        Raises:
            RemoteSystemError: the client may not read the resource; the message names it.
        """
        answer = self._session.get(path, parameters, accepted=_ANSWERS, headers=self._headers)
        if answer.status == httpx.codes.FORBIDDEN:
            action = "ReadChanges" if resource.endswith(("/deletes", "/keyChanges")) else "Read"
            raise RemoteSystemError(
                f"{self._name}: the client's claim set does not allow {action} of {resource}; "
                "ask the API's host for it, or leave its part out by options.parts"
            )
        return None if answer.status == httpx.codes.NOT_FOUND else answer
