"""Persons that a sent Patient might be, with grade and score."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from fhir.resources.R4B.patient import Patient

from mpi.api.fhir.match_quality import Element, compute_quality_score, find_agreements
from mpi.api.fhir.match_request import MatchRequest
from mpi.api.fhir.outcomes import FhirError, Issue
from mpi.api.fhir.patient_input import ELEMENTS, SentRecord, read_patient
from mpi.api.fhir.systems import IdentifierSystems
from mpi.api.request.refusals import record_denied_call
from mpi.domain.errors import RecordError
from mpi.domain.viewer import Viewer
from mpi.domain.weight import Band, Thresholds
from mpi.service.core.index import Index
from mpi.service.persons.found_records import FoundRecords, search_golden_records
from mpi.service.persons.golden_record import GoldenRecord
from mpi.service.persons.search import SearchResult
from mpi.service.records.birth_order import TwinRelation, needs_birth_order, relate
from mpi.storage.repositories.persons.persons import PersonStatus

HIGHEST_SCORE = 0.9999
"""Highest score of a match: a search is never sure."""
TWIN_SCORE = 0.5
"""Highest score of a person whose birth order differs from the one that was sent."""
_ASK_BIRTH_ORDER = Issue(
    "multiple-matches",
    "twins may be near: give the place in the order of the birth as multipleBirthInteger",
    "Patient.multipleBirth",
    "warning",
)
_UNKNOWN_SYSTEM = Issue(
    "not-supported",
    "an identifier was not compared: its system is unknown to this server",
    "Patient.identifier",
    "warning",
)


class Grade(StrEnum):
    """Grade of a match, as FHIR's ``match-grade`` names it."""

    CERTAIN = "certain"
    """The index would link the sent record to this person, and to no other."""
    PROBABLE = "probable"
    """The index would link it, but another person is about as likely."""
    POSSIBLE = "possible"
    """A person has to decide."""


@dataclass(frozen=True, slots=True)
class Match:
    """A person that the sent Patient might be.

    Args:
        record: the person's golden record, as the caller may see it.
        grade: how good the match is.
        score: score from 0 to 1.
        agreements: elements that agree.
    """

    record: GoldenRecord
    grade: Grade
    score: float
    agreements: frozenset[Element]


@dataclass(frozen=True, slots=True)
class MatchAnswer:
    """Matches, the most likely first, and warnings."""

    matches: tuple[Match, ...]
    warnings: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Person that a search found, with golden record and birth order."""

    result: SearchResult
    record: GoldenRecord
    relation: TwinRelation


def find_matches(index: Index, viewer: Viewer, systems: IdentifierSystems, patient: Patient) -> MatchAnswer:
    """Search for the persons that a Patient might be; nothing is stored.

    Raises:
        FhirError: an element is wrong, or there is too little to search by.
        SearchLimitError: the client has searched too often.
        AccessDenied: the viewer may not search or read.
        StoreError: the store cannot be used.
    """
    sent = read_patient(patient, systems)
    try:
        found = search_golden_records(index, viewer, sent.fields)
    except RecordError as error:
        element = ELEMENTS.get(error.field.partition(".")[0])
        code = "incomplete" if error.reason == "too-little" else "value"
        raise FhirError(Issue(code, error.detail, element)) from None
    for refusal in found.refusals.values():
        record_denied_call(index, refusal)
    candidates, is_twin_near = _relate_candidates(sent, found)
    thresholds = index.matcher.model.thresholds
    matches = [_build_match(sent, each, candidates, thresholds) for each in candidates]
    asks = [_ASK_BIRTH_ORDER] if is_twin_near else []
    if is_twin_near:
        matches = [replace(match, grade=_lower(match.grade)) for match in matches]
    warnings = (*asks, *([_UNKNOWN_SYSTEM] if sent.has_unknown_systems else []))
    return MatchAnswer(tuple(sorted(matches, key=lambda match: -match.score)), warnings)


def score_by_quality(answer: MatchAnswer) -> MatchAnswer:
    """Return an answer with the scores of IDI, in their order."""
    matches = [
        replace(match, score=compute_quality_score(match.agreements, match.score)) for match in answer.matches
    ]
    return replace(answer, matches=tuple(sorted(matches, key=lambda match: -match.score)))


def require_names(answer: MatchAnswer) -> MatchAnswer:
    """Lower the grade of matches whose first and last names disagree.

    Identity Matching (IDI) asks for both.
    """
    matches = [
        match if Element.NAMES in match.agreements else replace(match, grade=_lower(match.grade))
        for match in answer.matches
    ]
    return replace(answer, matches=tuple(matches))


def select_matches(answer: MatchAnswer, request: MatchRequest) -> MatchAnswer:
    """Return the matches that a request asks for.

    An answer without a match has no warning if only certain ones were asked for: PDQm wants it empty.
    """
    matches = answer.matches
    if request.only_certain:
        matches = tuple(match for match in matches if match.grade is Grade.CERTAIN)
    if request.only_single:
        is_tied = len(matches) > 1 and matches[0].score == matches[1].score
        matches = () if is_tied else matches[:1]
    if request.count is not None:
        matches = matches[: request.count]
    return MatchAnswer(matches, () if request.only_certain and not matches else answer.warnings)


def _relate_candidates(sent: SentRecord, found: FoundRecords) -> tuple[list[_Candidate], bool]:
    """Return the persons visible to the viewer, and whether twins are near."""
    candidates, known = [], []
    for result in found.results:
        record = found.records.get(result.enterprise_id)
        if record is not None and record.status == PersonStatus.ACTIVE:
            values = {value.attribute: value.value for value in record.values}
            known.append(values)
            candidates.append(_Candidate(result, record, relate(sent.fields, values)))
    return candidates, needs_birth_order(sent.fields, known)


def _build_match(
    sent: SentRecord, candidate: _Candidate, candidates: Sequence[_Candidate], thresholds: Thresholds
) -> Match:
    result = candidate.result
    score = min(math.floor(result.probability * 10_000) / 10_000, HIGHEST_SCORE)
    if candidate.relation is TwinRelation.TWIN:
        grade, score = Grade.POSSIBLE, min(score, TWIN_SCORE)
    elif result.band is not Band.LINK:
        grade = Grade.POSSIBLE
    elif _has_rival(candidate, candidates, thresholds.margin):
        grade = Grade.PROBABLE
    else:
        grade = Grade.CERTAIN
    agreements = find_agreements(sent, candidate.record, result.explanation)
    return Match(candidate.record, grade, score, agreements)


def _has_rival(candidate: _Candidate, candidates: Sequence[_Candidate], margin: float) -> bool:
    """Return whether another person is about as likely, or is likelier.

    A twin whose birth order differs is none.
    """
    floor = candidate.result.match_weight - margin
    return any(
        other.result.match_weight > floor
        for other in candidates
        if other is not candidate and other.relation is not TwinRelation.TWIN
    )


def _lower(grade: Grade) -> Grade:
    return Grade.PROBABLE if grade is Grade.CERTAIN else grade
