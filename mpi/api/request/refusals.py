"""Record of calls that the access policy refused, before the refusal is answered."""

from mpi.domain.errors import AccessDenied, UnmetConditionError
from mpi.domain.viewer import Viewer
from mpi.service.agreements.refusals import record_refusal
from mpi.service.core.index import Index


def record_denied_call(index: Index, error: Exception) -> None:
    """Record a call that the policy refused; do nothing for other errors.

    Raises:
        StoreError: the refusal could not be recorded.
    """
    if isinstance(error, (AccessDenied, UnmetConditionError)) and error.call is not None:
        call = error.call
        viewer = Viewer(call.client, call.purpose, agreement=call.agreement)
        record_refusal(index, viewer, call.action, error.reason)
