"""Everything the index refuses, as one tree.

MpiError
├── InputError            what was sent is wrong: say where, and what to do
│   ├── RecordError       one canonical record: which field, and why
│   ├── FileError         a whole file cannot be read
│   ├── MappingError      a mapping file, or a column it does not account for
│   ├── SurvivorshipError a survivorship file: which line and key
│   └── EidError          not an enterprise ID
├── NotFoundError         no such source, record or person (for this viewer)
├── ConflictError         the state does not allow it
│   ├── ModelMovedError   another process has moved the index to another model
│   ├── DecisionConflict  contradicts a decision in force
│   ├── ClaimedError      somebody else has claimed the question, until when
│   └── StaleError        what it was read from has changed since
├── NotAuthenticated      nobody knows who asks
├── AccessDenied          the policy says no
├── LoadHeld              a load guard stopped a file; nothing of it was applied
├── ModelError            a model folder is missing, corrupt or cannot be compiled
├── EngineError           the engine that was asked for is missing, or failed
└── StoreError            the database is missing, locked, full, or of another version

A message says what was wrong, where, and what to do. It never holds a value of a person's record.
"""


class MpiError(Exception):
    """The index could not do what was asked."""

    code = "error"
    """Stable machine-readable name; the tail of the problem+json ``type``."""


class InputError(MpiError):
    """What was sent is wrong."""

    code = "invalid-input"


class RecordError(InputError):
    """One canonical record is refused.

    Args:
        field: the canonical field at fault, or ``"record"`` for the whole.
        reason: a stable reason code (``missing``, ``too-long``, ``not-text``, …).
        detail: one sentence for a person, without the value.
    """

    code = "invalid-record"

    def __init__(self, field: str, reason: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.reason = reason
        self.detail = detail


class FileError(InputError):
    """A file cannot be read as what it is said to be."""

    code = "unreadable-file"


class MappingError(InputError):
    """A mapping file is wrong, or a column has no place in it."""

    code = "invalid-mapping"


class SurvivorshipError(InputError):
    """A survivorship file says what cannot be; the message names the file, the line and the key."""

    code = "invalid-survivorship"


class EidError(InputError):
    """The text is not an enterprise ID."""

    code = "invalid-enterprise-id"


class NotFoundError(MpiError):
    """There is no such thing that this viewer may know of."""

    code = "not-found"


class ConflictError(MpiError):
    """The present state does not allow it."""

    code = "conflict"


class ModelMovedError(ConflictError):
    """Another process has moved the index to another model than the one that this one was opened on."""


class DecisionConflict(ConflictError):  # noqa: N818 - the field's word
    """It contradicts a decision in force.

    Args:
        detail: one sentence for a person.
        chain: numbers of the decisions that together say the contrary, all of which the viewer may see.
    """

    code = "decision-conflict"

    def __init__(self, detail: str, chain: tuple[int, ...] = ()) -> None:
        super().__init__(detail)
        self.chain = chain


class ClaimedError(ConflictError):
    """Somebody else has claimed the question.

    Args:
        claimed_by: who; None where the caller may not know.
        until: the moment (ISO, UTC) at which the claim ends by itself; None as well.
    """

    code = "claimed"

    def __init__(self, claimed_by: str | None, until: str | None) -> None:
        who = "somebody" if claimed_by is None else repr(claimed_by)
        end = "" if until is None else f" until {until[:16].replace('T', ' ')} UTC"
        super().__init__(f"{who} has claimed the question{end}")
        self.claimed_by = claimed_by
        self.until = until


class StaleError(ConflictError):
    """What the caller read has changed since: read it again."""

    code = "stale"


class ReusedKeyError(InputError):
    """An idempotency key came again with another call."""

    code = "idempotency-key-reused"


class NotAuthenticated(MpiError):  # noqa: N818 - the field's word
    """The call bears no key, or one that is not known or was revoked."""

    code = "not-authenticated"


class AccessDenied(MpiError):  # noqa: N818 - the field's word
    """The policy does not permit it."""

    code = "access-denied"


class LoadHeld(MpiError):  # noqa: N818 - the field's word
    """A load guard held the file whole; nothing of it was applied."""

    code = "load-held"


class ModelError(MpiError):
    """A model folder is missing, corrupt, or says something that cannot be compiled."""

    code = "model-unusable"


class EngineError(MpiError):
    """The engine that was asked for is not installed, does not start, or failed."""

    code = "engine-unusable"


class StoreError(MpiError):
    """The database is missing, full, locked, or of another version."""

    code = "store-unusable"


def describe_origin(error: BaseException) -> str:
    """Where an error came from, the caller first: what may be logged, as its message may hold a value.

    Notes of an error of ours (PEP 678) are told too: where it came from in another process.
    """
    frames = []
    step = error.__traceback__
    while step is not None:
        frames.append(f"{step.tb_frame.f_code.co_qualname}:{step.tb_lineno}")
        step = step.tb_next
    notes: list[str] = getattr(error, "__notes__", []) if isinstance(error, MpiError) else []
    return "; ".join([" > ".join(frames), *notes])
