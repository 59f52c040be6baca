"""Shared helpers for tests of standardize: one secret, one clock, and records from raw fields."""

from datetime import UTC, datetime

from mpi.domain.features import Features
from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.record import CanonicalRecord
from mpi.standardize.record_validation import ValidatedRecord, validate_record
from mpi.standardize.standardizer import standardize

SEAL = KeyedHash(b"s" * 32)
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


def validate(**fields: object) -> ValidatedRecord:
    """Validate a record; its local ID is ``r1`` unless another is given."""
    return validate_record({"local_id": "r1", **fields}, SEAL, NOW)


def record_of(**fields: object) -> CanonicalRecord:
    return validate(**fields).record


def features_of(**fields: object) -> Features:
    return standardize(record_of(**fields), "sis", SEAL)


def issues_of(**fields: object) -> set[tuple[str, str]]:
    return {(issue.field, issue.code) for issue in validate(**fields).issues}
