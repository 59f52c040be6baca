"""What the tests of standardize share: one secret, one clock, and the way from sent to features."""

from datetime import UTC, datetime

from mpi.domain.features import Features
from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.record import CanonicalRecord
from mpi.standardize.record_validation import ValidatedRecord, validate_record
from mpi.standardize.standardizer import standardize

SEAL = KeyedHash(b"s" * 32)
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


def let_in(**sent: object) -> ValidatedRecord:
    """Send a record; its local ID is ``r1`` unless it says another."""
    return validate_record({"local_id": "r1", **sent}, SEAL, NOW)


def record_of(**sent: object) -> CanonicalRecord:
    return let_in(**sent).record


def features_of(**sent: object) -> Features:
    return standardize(record_of(**sent), "sis", SEAL)


def issues_of(**sent: object) -> set[tuple[str, str]]:
    return {(issue.field, issue.code) for issue in let_in(**sent).issues}
