"""Errors of the index, as one class tree.

MpiError
├── InputError            the input is wrong: the message says where, and what to do
│   ├── RecordError       one canonical record: which field, and why
│   ├── FileError         a whole file cannot be read
│   ├── MappingError      a mapping file, or a column that no mapping accounts for
│   ├── SurvivorshipError a survivorship file: which line and key
│   ├── EidError          not an enterprise ID
│   └── ReusedKeyError    an idempotency key was used before for another call
├── NotFoundError         no such source, record or person (for this viewer)
│   └── UnmetConditionError  the policy hides the child from this viewer
├── ConflictError         the present state does not allow it
│   ├── AgreementLapsed   no agreement that covers a source is in force
│   ├── ModelMovedError   another process has moved the index to another model
│   ├── DecisionConflict  contradicts a decision in force
│   ├── ClaimedError      somebody else has claimed the question, until when
│   ├── SearchLimitError  the client has searched for persons too often, and when it may again
│   └── StaleError        the data has changed since the caller read it
├── NotAuthenticated      the caller is not known
├── AccessDenied          the policy does not permit the call
├── LoadHeld              a load guard stopped a file; nothing of it was applied
├── ModelError            a model folder is missing, corrupt or cannot be compiled
├── EngineError           the requested engine is missing, or failed
├── RemoteSystemError     another system cannot be reached, refuses, or answers what cannot be read
└── StoreError            the database is missing, locked, full, or of another version

A message says what was wrong, where, and what to do. It never holds a value of a person's record.
"""

from dataclasses import dataclass


class MpiError(Exception):
    """Base class of all errors that the index raises on purpose."""

    code = "error"
    """Stable machine-readable name; the tail of the problem+json ``type``."""


class InputError(MpiError):
    """Error: input from a caller is wrong."""

    code = "invalid-input"


class RecordError(InputError):
    """Error: one record of a source is refused.

    Args:
        field: the canonical field at fault, or ``"record"`` for the whole.
        reason: stable reason code (``missing``, ``too-long``, ``not-text``, …).
        detail: one sentence for a person, without the value.
    """

    code = "invalid-record"

    def __init__(self, field: str, reason: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.reason = reason
        self.detail = detail


class FileError(InputError):
    """Error: a file cannot be read in its stated format."""

    code = "unreadable-file"


class MappingError(InputError):
    """Error: a file-to-fields mapping is wrong, or leaves a column unexplained."""

    code = "invalid-mapping"


class SurvivorshipError(InputError):
    """Error in a file of golden-record rules; names file, line and key."""

    code = "invalid-survivorship"


class EidError(InputError):
    """Error: a text is not an enterprise ID."""

    code = "invalid-enterprise-id"


class NotFoundError(MpiError):
    """Error: nothing of that name exists that the caller may see."""

    code = "not-found"


@dataclass(frozen=True, slots=True)
class RefusedCall:
    """Who was refused which action, without any fact of a person.

    Args:
        client: name of the client or account.
        action: the action that was asked for.
        purpose: purpose of use; None where none was named.
        agreement: code of the agreement that the client acts under.
    """

    client: str
    action: str
    purpose: str | None
    agreement: str | None


class UnmetConditionError(NotFoundError):
    """Error: a child who is unknown to this viewer, or hidden.

    Both are answered in the same words and recorded as refusals, so that a caller cannot tell them apart.

    Args:
        detail: the sentence about an unknown child.
        reason: stable reason code for the record of refusals; it is not answered.
        call: who was refused.
    """

    def __init__(self, detail: str, reason: str, call: RefusedCall) -> None:
        super().__init__(detail)
        self.reason = reason
        self.call = call


class ConflictError(MpiError):
    """Error: the present state of the index does not allow a call."""

    code = "conflict"


class ModelMovedError(ConflictError):
    """Error: another process has moved the index to another model."""


class AgreementLapsed(ConflictError):  # noqa: N818 - the field's word
    """Error: no agreement that covers a source is in force.

    Args:
        detail: one sentence for a person.
        reason: stable reason code (docs/reference/policy.md).
        call: who was refused what, for the record of refusals; None where that is not known.
    """

    code = "agreement-lapsed"
    reason = code

    def __init__(self, detail: str, reason: str = reason, call: RefusedCall | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.call = call


class DecisionConflict(ConflictError):  # noqa: N818 - the field's word
    """Error: a new decision about records contradicts decisions in force.

    Args:
        detail: one sentence for a person.
        chain: numbers of the decisions that together say the contrary, all of which the viewer may see.
    """

    code = "decision-conflict"

    def __init__(self, detail: str, chain: tuple[int, ...] = ()) -> None:
        super().__init__(detail)
        self.chain = chain


class ClaimedError(ConflictError):
    """Error: another steward has claimed the clerical-review question.

    Args:
        claimed_by: name of that steward; None where the caller may not know.
        until: when the claim ends by itself (ISO timestamp, UTC); None likewise.
    """

    code = "claimed"

    def __init__(self, claimed_by: str | None, until: str | None) -> None:
        claimant = "somebody" if claimed_by is None else repr(claimed_by)
        end = "" if until is None else f" until {until[:16].replace('T', ' ')} UTC"
        super().__init__(f"{claimant} has claimed the question{end}")
        self.claimed_by = claimed_by
        self.until = until


class SearchLimitError(ConflictError):
    """Error: a client has searched, or found one person, too often.

    Args:
        detail: one sentence for a person, without a value.
        retry_after_s: seconds until one search more is within the limit.
    """

    code = "too-many-searches"

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class StaleError(ConflictError):
    """Error: data has changed since the caller read it."""

    code = "stale"


class ReusedKeyError(InputError):
    """Error: an idempotency key was used before for another call."""

    code = "idempotency-key-reused"


class NotAuthenticated(MpiError):  # noqa: N818 - the field's word
    """Error: a call has no API key, or an invalid one."""

    code = "not-authenticated"


class AccessDenied(MpiError):  # noqa: N818 - the field's word
    """Error: the access policy does not permit a call.

    Args:
        detail: one sentence for a person.
        reason: stable reason code (docs/reference/policy.md).
        call: who was refused what, for the record of refusals; None where that is not known.
    """

    code = "access-denied"
    reason = "action-not-granted"

    def __init__(self, detail: str, reason: str = reason, call: RefusedCall | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.call = call


class LoadHeld(MpiError):  # noqa: N818 - the field's word
    """Error: a safety check stopped a file; nothing of it was applied."""

    code = "load-held"


class ModelError(MpiError):
    """Error: a model folder is missing, corrupt, or cannot be compiled."""

    code = "model-unusable"


class EngineError(MpiError):
    """Error: the scoring engine is not installed, does not start, or failed."""

    code = "engine-unusable"


class RemoteSystemError(MpiError):
    """Error: another system cannot be reached, refuses, or answers nonsense."""

    code = "remote-system"


class StoreError(MpiError):
    """Error: the database is missing, full, locked, or of another version."""

    code = "store-unusable"


def describe_origin(error: BaseException) -> str:
    """Describe where an error was raised, for the log, caller first.

    The message of an error may hold a value of a record, so the log gets this instead. Notes of an
    ``MpiError`` (PEP 678) are included: they say where the error was raised in another process.
    """
    frames = []
    traceback = error.__traceback__
    while traceback is not None:
        frames.append(f"{traceback.tb_frame.f_code.co_qualname}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    notes: list[str] = getattr(error, "__notes__", []) if isinstance(error, MpiError) else []
    return "; ".join([" > ".join(frames), *notes])
