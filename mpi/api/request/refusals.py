"""Record of calls that the access policy refused."""

from mpi.domain.errors import AccessDenied, AgreementLapsed, UnmetConditionError
from mpi.service.agreements.refusals import record_refused_call
from mpi.service.core.index import Index

REFUSALS = (AccessDenied, UnmetConditionError, AgreementLapsed)
"""Errors by which the policy refuses a call."""


def record_denied_call(index: Index, error: Exception) -> None:
    """Record a call that the policy refused; do nothing for other errors.

    Raises:
        StoreError: the refusal could not be recorded.
    """
    if isinstance(error, REFUSALS) and error.call is not None:
        record_refused_call(index, error.call, error.reason)
