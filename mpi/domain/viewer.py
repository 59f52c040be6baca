"""Who is asking, and what the policy lets them do: the one place that says yes."""

from dataclasses import dataclass, field
from enum import StrEnum

from mpi.domain.errors import AccessDenied

PURPOSES = (
    "enrolment_coordination", "school_stability", "credit_transfer", "case_planning",
    "special_education_coordination", "court_report", "transport", "reporting_federal",
    "program_evaluation", "data_quality", "system_admin", "subject_access", "emergency_breakglass",
)  # fmt: skip
"""Purposes of use that a call may name (see docs/api.md)."""


class Action(StrEnum):
    """Everything the index can be asked to do."""

    RECORD_WRITE = "record.write"
    RECORD_READ = "record.read"
    PERSON_READ = "person.read"
    PERSON_SEARCH = "person.search"
    CROSSWALK_READ = "crosswalk.read"
    CROSSWALK_EXPORT = "crosswalk.export"
    TASK_READ = "task.read"
    SOURCE_ADMIN = "source.admin"
    LOAD = "load"
    RECLUSTER = "recluster"
    REPORT = "report"
    DECISION_READ = "decision.read"
    DECIDE = "decide"
    APPROVE = "approve"
    CONSENT = "consent"
    LINK_REPORT = "link.report"
    CLIENT_ADMIN = "client.admin"
    DISCLOSURE_READ = "disclosure.read"
    TASK_WORK = "task.work"
    QUESTION_ANSWER = "question.answer"
    QUALITY_READ = "quality.read"
    ACCOUNT_ADMIN = "account.admin"


RESERVED_NAMES = frozenset(
    {"operator", "nobody", "index", "demo-steward", "demo-approver", "demo-source-owner", "demo-operator"}
)
"""Names on commits that are no account and no client: the command line's, ours, and a demonstration's."""

_ALL_SOURCES_ACTIONS = frozenset({Action.DISCLOSURE_READ})
"""What only a client of all sources may do: that an agency asked about a child tells that it knows them."""


class SecondApprover(StrEnum):
    """Which steps of a steward wait for a second one."""

    NEVER = "never"
    CROSS_AGENCY = "cross-agency"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class IdempotentCall:
    """That a call must not be done twice.

    Args:
        key: the caller's idempotency key.
        request: what is asked, whole: method, path and body; only a keyed hash of it is kept.
    """

    key: str
    request: bytes


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks, for what purpose, and which actions their key carries.

    Args:
        client: the name of the client or account, or the operator; goes on every commit.
        purpose: purpose of use, one of PURPOSES, or None where the caller gave none.
        actions: what the client was granted.
        sources: codes of the sources it may write and read; None for all.
        idempotent_call: set where the call bears an idempotency key.
    """

    client: str
    purpose: str | None = None
    actions: frozenset[Action] = frozenset()
    sources: frozenset[str] | None = frozenset()
    idempotent_call: IdempotentCall | None = field(default=None, compare=False, repr=False)

    def may_see(self, source: str) -> bool:
        """Whether records of the source exist for this viewer at all (law 7)."""
        return self.sources is None or source in self.sources


def is_source_owner(viewer: Viewer, source: str) -> bool:
    """Whether the viewer speaks for the owner of a source: named for it, and granted to consent.

    Who was given all sources was given none as its owner.
    """
    return Action.CONSENT in viewer.actions and viewer.sources is not None and source in viewer.sources


def make_operator(name: str = "operator") -> Viewer:
    """The person at the machine's own command line, who holds the database file itself."""
    return Viewer(name, "system_admin", frozenset(Action), None)


def is_allowed(viewer: Viewer, action: Action) -> bool:
    """Whether the policy lets the viewer do it: for what is left out of an answer, instead of refusing it."""
    return action in viewer.actions and (viewer.sources is None or action not in _ALL_SOURCES_ACTIONS)


def require_permission(viewer: Viewer, action: Action, source: str | None = None) -> None:
    """Let the call pass, or raise: the policy, deny unless granted.

    Raises:
        AccessDenied: the client was not granted the action, or not on this source.
    """
    if not is_allowed(viewer, action):
        raise AccessDenied(f"client {viewer.client!r} may not do {action.value!r}")
    if source is not None and not viewer.may_see(source):
        raise AccessDenied(f"client {viewer.client!r} has no access to this source")
