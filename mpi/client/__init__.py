"""Python client of the Master Person Index, installable without the index.

It imports nothing of the rest of ``mpi``, and of other libraries only httpx. ``Client`` and ``AsyncClient``
have the same methods. ``mpi.client.webhooks`` is imported by itself, since it needs another library.
"""

from mpi.client.async_client import AsyncClient
from mpi.client.client import Client
from mpi.client.credentials import ApiKey, ClientCredentials
from mpi.client.errors import (
    AccessDeniedError,
    AgreementLapsedError,
    ClaimedError,
    ClientError,
    ConflictError,
    ConnectionFailedError,
    CursorFileError,
    DecisionConflictError,
    FeedRestoredError,
    InvalidAnswerError,
    InvalidRecordError,
    InvalidRequestError,
    NotAuthenticatedError,
    NotFoundError,
    Problem,
    ProblemError,
    ReusedKeyError,
    ServerFaultError,
    StaleError,
    TooManyCallsError,
    UnavailableError,
)
from mpi.client.feed import CursorFile, CursorStore
from mpi.client.feed_page import Event, EventPage, FeedCursor, apply_events
from mpi.client.results import (
    Answer,
    BulkAnswer,
    BulkProgress,
    Candidate,
    Contribution,
    Flag,
    Issue,
    Person,
    RecordRef,
    Resolved,
    StoredRecord,
)
from mpi.client.retries import RetryPolicy
from mpi.client.version import __version__

__all__ = [
    "AccessDeniedError",
    "AgreementLapsedError",
    "Answer",
    "ApiKey",
    "AsyncClient",
    "BulkAnswer",
    "BulkProgress",
    "Candidate",
    "ClaimedError",
    "Client",
    "ClientCredentials",
    "ClientError",
    "ConflictError",
    "ConnectionFailedError",
    "Contribution",
    "CursorFile",
    "CursorFileError",
    "CursorStore",
    "DecisionConflictError",
    "Event",
    "EventPage",
    "FeedCursor",
    "FeedRestoredError",
    "Flag",
    "InvalidAnswerError",
    "InvalidRecordError",
    "InvalidRequestError",
    "Issue",
    "NotAuthenticatedError",
    "NotFoundError",
    "Person",
    "Problem",
    "ProblemError",
    "RecordRef",
    "Resolved",
    "RetryPolicy",
    "ReusedKeyError",
    "ServerFaultError",
    "StaleError",
    "StoredRecord",
    "TooManyCallsError",
    "UnavailableError",
    "__version__",
    "apply_events",
]
