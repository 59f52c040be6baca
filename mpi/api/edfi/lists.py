"""Answers to unique IDs and searches, at once or by token."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mpi.api.edfi.mapping import PROPERTIES, to_canonical, to_identity
from mpi.api.edfi.outcomes import PERFECT_SCORE, IdentityStatus, Outcome
from mpi.api.edfi.schemas import IdentitySearchRequest
from mpi.api.request.refusals import record_denied_call
from mpi.domain.errors import NotFoundError, RecordError, SearchLimitError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.persons.found_records import search_golden_records
from mpi.service.persons.golden_record import GoldenRecord, look_up_golden_record
from mpi.service.persons.search import SearchResult
from mpi.service.records.birth_order import TwinRelation, needs_birth_order, relate
from mpi.service.records.identities import find_enterprise_id, find_unique_id
from mpi.service.records.identity_batches import (
    Batch,
    BatchKind,
    begin_batch,
    load_batch,
    save_progress,
)
from mpi.storage.repositories.persons.persons import PersonStatus

RESULTS_PATH = "/identity/v2/identities/results/"
HIGHEST_SEARCH_SCORE = 99.99
"""Highest score of a search: only a unique ID itself scores 100."""
TWIN_SCORE = 50.0
"""Highest score of a person whose birth order differs from the one that was sent."""
_PAUSE_S = 1
"""Seconds between two calls for results, where no limit asks for more."""
_LONGEST_WAIT_S = 60
"""Longest wait for a search that a call for results asks of its client; beyond it the search is refused."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person as the caller may see it.

    Args:
        unique_id: the active person's unique ID; None where it has none yet.
        values: single values of the golden record by attribute.
    """

    unique_id: str | None
    values: Mapping[str, Any]


class IdentityReader:
    """Reader of the identities of one answer; it reads each person once.

    Args:
        index: the open index.
        viewer: who asks.
    """

    def __init__(self, index: Index, viewer: Viewer) -> None:
        self.index = index
        self.viewer = viewer
        self._persons: dict[str, Person | None] = {}

    def read_person(self, enterprise_id: str) -> Person | None:
        """Return an enterprise ID's present person, if the viewer may see it.

        A retired ID leads to its survivor. One whose records several persons hold leads to none: that would
        be a guess.

        Raises:
            AccessDenied: the viewer may not read persons and records.
            StoreError: the store cannot be used.
        """
        if enterprise_id not in self._persons:
            self._persons[enterprise_id] = self._look_up(enterprise_id)
        return self._persons[enterprise_id]

    def search(self, fields: Mapping[str, object]) -> tuple[SearchResult, ...]:
        """Search for persons, and read those that were not read before.

        Raises:
            RecordError: a field is wrong, or there is too little to search by.
            SearchLimitError: the client has searched too often.
            AccessDenied: the viewer may not search, or not read persons and records.
            StoreError: the store cannot be used.
        """
        found = search_golden_records(self.index, self.viewer, fields, self._persons)
        for enterprise_id, refusal in found.refusals.items():
            record_denied_call(self.index, refusal)
            self._persons[enterprise_id] = None
        for enterprise_id, record in found.records.items():
            self._persons[enterprise_id] = self._identify(record)
        return found.results

    def _look_up(self, enterprise_id: str) -> Person | None:
        try:
            record = look_up_golden_record(self.index, self.viewer, enterprise_id)
            if record.status != PersonStatus.ACTIVE and len(record.now) == 1:
                record = look_up_golden_record(self.index, self.viewer, record.now[0])
        except NotFoundError as error:
            record_denied_call(self.index, error)
            return None
        return self._identify(record)

    def _identify(self, record: GoldenRecord) -> Person | None:
        """Return the active person of a golden record, with the unique ID."""
        if record.status != PersonStatus.ACTIVE:
            return None
        try:
            unique_id = find_unique_id(self.index, self.viewer, record.enterprise_id)
        except NotFoundError as error:
            record_denied_call(self.index, error)
            return None
        return Person(unique_id, {value.attribute: value.value for value in record.values})

    def find_enterprise_id(self, unique_id: str) -> str | None:
        """Return a unique ID's enterprise ID, if the viewer may see it."""
        try:
            return find_enterprise_id(self.index, self.viewer, unique_id)
        except NotFoundError as error:
            record_denied_call(self.index, error)
            return None

    def build_identities(self, scores: Iterable[tuple[str, float]]) -> list[dict[str, object]]:
        """Return the identities of enterprise IDs, with their scores.

        An enterprise ID without a present person that the viewer may see is left out.
        """
        persons = ((self.read_person(enterprise_id), score) for enterprise_id, score in scores)
        return [
            to_identity(person.values, person.unique_id, score)
            for person, score in persons
            if person is not None
        ]


def get_identity(index: Index, viewer: Viewer, unique_id: str) -> Outcome:
    """Return the identity of a unique ID."""
    reader = IdentityReader(index, viewer)
    enterprise_id = reader.find_enterprise_id(unique_id)
    identities = [] if enterprise_id is None else reader.build_identities([(enterprise_id, PERFECT_SCORE)])
    return Outcome(IdentityStatus.SUCCESS, identities[0]) if identities else Outcome(IdentityStatus.NOT_FOUND)


def answer_find(index: Index, viewer: Viewer, unique_ids: Sequence[str]) -> Outcome:
    """Answer a list of unique IDs, or begin to."""
    return _begin(index, viewer, Batch(BatchKind.FIND, tuple(unique_ids)))


def answer_search(index: Index, viewer: Viewer, searches: Iterable[IdentitySearchRequest]) -> Outcome:
    """Answer a list of searches, or begin to.

    Raises:
        SearchLimitError: the client has to wait before its first search.
        TooManyBatchesError: the client has too many unfinished lists.
        AccessDenied: the viewer may not search.
        StoreError: the store cannot be used.
    """
    return _begin(index, viewer, Batch(BatchKind.SEARCH, tuple(map(to_canonical, searches))))


def _begin(index: Index, viewer: Viewer, batch: Batch) -> Outcome:
    """Answer a list at once, or by token if it is long."""
    if len(batch.items) <= index.settings.identities.answer_size:
        reader = IdentityReader(index, viewer)
        batch, limit = _work(reader, batch)
        if limit is None:
            return Outcome(IdentityStatus.SUCCESS, _render(reader, batch))
        if not batch.answers:
            raise limit
    token = begin_batch(index, viewer, batch)
    return Outcome(IdentityStatus.SUCCESS, location=RESULTS_PATH + token)


def answer_results(index: Index, viewer: Viewer, token: str) -> Outcome:
    """Continue the list of a token; answer it once it is complete.

    Raises:
        NotFoundError: the client has no such token, or it has expired.
        AccessDenied: the viewer may no longer search or read.
        StoreError: the store cannot be used.
    """
    reader = IdentityReader(index, viewer)
    earlier = load_batch(index, viewer, token)
    batch, limit = _work(reader, earlier)
    save_progress(index, viewer, token, earlier, batch)
    if batch.is_complete:
        return Outcome(IdentityStatus.SUCCESS, _render(reader, batch))
    return Outcome(
        IdentityStatus.INCOMPLETE,
        {"Status": "Incomplete", "SearchResponses": []},
        location=RESULTS_PATH + token,
        retry_after_s=_PAUSE_S if limit is None else limit.retry_after_s,
    )


def _work(reader: IdentityReader, batch: Batch) -> tuple[Batch, SearchLimitError | None]:
    """Answer as many of a list's next items as one call may.

    Returns:
        The list, and the limit that the client has reached, if it has.
    """
    for item in batch.items[: reader.index.settings.identities.answer_size]:
        try:
            answer = (
                reader.find_enterprise_id(item) if batch.kind is BatchKind.FIND else _search(reader, item)
            )
        except SearchLimitError as limit:
            if limit.retry_after_s <= _LONGEST_WAIT_S:
                return batch, limit
            answer = _refuse(limit.code, str(limit))
        batch = batch.add_answer(answer)
    return batch, None


def _search(reader: IdentityReader, fields: Mapping[str, object]) -> dict[str, object]:
    """Search for one student.

    Returns:
        Enterprise IDs with their scores, best first, and whether birth order would tell twins apart; or why
        no search was made.
    """
    try:
        results = reader.search(fields)
    except RecordError as error:
        return _refuse(error.reason, f"{PROPERTIES.get(error.field, error.field)}: {error.detail}")
    persons = {result.enterprise_id: reader.read_person(result.enterprise_id) for result in results}
    known = {eid: person.values for eid, person in persons.items() if person is not None}
    scores = [
        (
            result.enterprise_id,
            compute_score(result.probability, relate(fields, known[result.enterprise_id])),
        )
        for result in results
        if result.enterprise_id in known
    ]
    return {
        "scores": sorted(scores, key=lambda scored: -scored[1]),
        "asks": needs_birth_order(fields, known.values()),
    }


def compute_score(probability: float, relation: TwinRelation) -> float:
    """Return the score of a search result.

    It is 100 times the probability that both are one student, rounded down to two decimals, and at most
    ``HIGHEST_SEARCH_SCORE``. A person whose birth order is another one has at most ``TWIN_SCORE``.

    Args:
        probability: the match weight of the person's closest record as a probability.
        relation: what birth order tells.
    """
    score = min(math.floor(probability * 10_000) / 100, HIGHEST_SEARCH_SCORE)
    return min(score, TWIN_SCORE) if relation is TwinRelation.TWIN else score


def _refuse(code: str, description: str) -> dict[str, object]:
    return {"errors": [{"Code": code, "Description": description}]}


def _render(reader: IdentityReader, batch: Batch) -> dict[str, object]:
    """Return a complete list as an Ed-Fi ``IdentitySearchResponse``."""
    return {
        "Status": "Complete",
        "SearchResponses": [_render_answer(reader, batch.kind, answer) for answer in batch.answers],
    }


def _render_answer(reader: IdentityReader, kind: BatchKind, answer: Any) -> dict[str, object]:  # noqa: ANN401 - plain values of a stored list
    if kind is BatchKind.FIND:
        scores = [] if answer is None else [(answer, PERFECT_SCORE)]
        return {"Responses": reader.build_identities(scores)}
    if "errors" in answer:
        return {"Responses": [], "Errors": answer["errors"]}
    responses = reader.build_identities(answer["scores"])
    return {"Responses": responses, **({"AskFor": ["BirthOrder"]} if answer["asks"] else {})}
