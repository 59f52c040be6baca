"""Viewers, and the access policy that decides what each may do."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from mpi.domain.errors import AccessDenied, RefusedCall

PURPOSES = (
    "enrolment_coordination", "school_stability", "credit_transfer", "case_planning",
    "special_education_coordination", "court_report", "transport", "reporting_federal",
    "program_evaluation", "data_quality", "system_admin", "subject_access", "emergency_breakglass",
)  # fmt: skip
"""Purposes of use that a call may name (see docs/api.md)."""


class Action(StrEnum):
    """Action that a caller of the index may be permitted."""

    RECORD_WRITE = "record.write"
    RECORD_SEAL = "record.seal"
    RECORD_EXPUNGE = "record.expunge"
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
    """Read who received answers that a step of the caller takes back."""
    LEDGER_READ = "ledger.read"
    """Read the whole disclosure ledger and the refused requests."""
    TASK_WORK = "task.work"
    QUESTION_ANSWER = "question.answer"
    QUALITY_READ = "quality.read"
    ACCOUNT_ADMIN = "account.admin"
    AGREEMENT_READ = "agreement.read"
    AGREEMENT_ADMIN = "agreement.admin"
    BREAK_GLASS = "break.glass"
    """Read under the purpose ``emergency_breakglass``."""
    CONSENT_RECORD = "consent.record"
    """Record and revoke families' consents to disclose records of the party's own sources."""
    SUBPOENA_MANAGE = "subpoena.manage"
    """Open subpoena cases, and release what counsel decided."""
    SUBPOENA_DECIDE = "subpoena.decide"
    """Decide, as counsel, what a subpoena case releases."""
    RIGHTS_MANAGE = "rights.manage"
    """Open rights cases, place legal holds, and plan what is destroyed."""
    RIGHTS_DECIDE = "rights.decide"
    """Decide, as the second person, about rights cases, holds and destruction."""
    ROSTER_READ = "roster.read"
    """Read the list of a district's own students who are in care."""
    CASELOAD_READ = "caseload.read"
    """Read the list of a caseworker's children, with their schools."""
    ROSTER_EXPORT = "roster.export"
    """Take such a list away as a file."""
    SCHOOL_EXPORT = "school.export"
    """Take the schools of an agency's children in care away as a file."""
    CHARTS_EXPORT = "charts.export"
    """Take Splink's charts of the model, and of records that one may read, away as files."""
    LOCAL_MATCH = "local.match"
    """Ask whether an own student is the child of a placement letter."""
    ENROLLMENT_READ = "enrollment.read"
    """Read what a school needs to enroll a student whom a placement letter confirmed."""
    REPORT_READ = "report.read"
    """Read the published reports on children, which hide small counts."""


ACTIONS_GRANTED_BY_NAME = frozenset({
    Action.RECORD_SEAL, Action.RECORD_EXPUNGE, Action.BREAK_GLASS, Action.SUBPOENA_MANAGE,
    Action.SUBPOENA_DECIDE, Action.CONSENT_RECORD, Action.RIGHTS_MANAGE, Action.RIGHTS_DECIDE,
    Action.ROSTER_EXPORT, Action.SCHOOL_EXPORT, Action.CHARTS_EXPORT,
})  # fmt: skip
"""Actions that hide, destroy, open or copy records, such as seals, subpoenas and lists as files.

No role and no client holds one that was not granted it by name; the first client does not either.
"""

ACTIONS_GRANTED_TO_PEOPLE = ACTIONS_GRANTED_BY_NAME | {Action.RECORD_WRITE}
"""Actions that an account can be granted by name: also to enter records by hand."""

SINGLE_SIGN_ON = "single-sign-on"
"""Name on commits that a sign-in with an identity provider makes."""
FIRST_START = "first-start"
"""Name on the commit that makes the first administrator's account."""
RESERVED_NAMES = frozenset({
    SINGLE_SIGN_ON, FIRST_START, "operator", "nobody", "index", "demo-steward", "demo-approver",
    "demo-source-owner", "demo-operator",
    "demo-caseworker", "demo-point-of-contact", "demo-homeless-liaison", "demo-analyst", "demo-auditor",
    "demo-privacy-officer", "demo-agency-head", "demo-registrar",
})  # fmt: skip
"""Names on commits that no account or client may have.

They are the command line's, the index's own, and those of a demonstration.
"""

_ALL_SOURCES_ACTIONS = frozenset({Action.DISCLOSURE_READ, Action.LEDGER_READ, Action.AGREEMENT_ADMIN})
"""Actions permitted only to clients of all sources.

That an agency asked about a child shows that it knows the child. Which agreements other agencies have is not
for an agency to know.
"""


class SecondApprover(StrEnum):
    """Which steps of a steward need a second person's approval."""

    NEVER = "never"
    CROSS_AGENCY = "cross-agency"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class IdempotentCall:
    """API call that must take effect only once, however often repeated.

    Args:
        key: the caller's idempotency key.
        request: method, path and body; only a keyed hash of them is kept.
    """

    key: str
    request: bytes


OTHER_POPULATIONS = "other"
"""Stands for every population that ``NAMED_POPULATIONS`` does not name."""

NAMED_POPULATIONS = frozenset({
    "adopted", "awaiting_foster_care", "disability", "economic_disadvantage", "english_learner",
    "foster_care", "homeless", "juvenile_justice", "kinship_care", "migrant", "military_connected",
    "neglected_or_delinquent", "pregnant_or_parenting", "runaway", "section_504", "tribal_affiliation",
    "unaccompanied_youth",
})  # fmt: skip
"""Special populations that the policy decides about one by one."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the policy refuses an action.

    Args:
        code: stable reason code (docs/reference/policy.md).
        sentence: the reason for people, without any fact of a person.
    """

    code: str
    sentence: str


StatedPopulations = frozenset[tuple[str, str]]
"""Populations of a child, each as code of the source that states it, and population."""


@dataclass(frozen=True, slots=True)
class ConsentScope:
    """What a consent permits to disclose of one record.

    Args:
        agreement: code of the agreement under which it is disclosed.
        recipient: code of the party that may receive it.
        purposes: codes of the purposes.
        fields: canonical fields that an answer may hold, or ``flags.POPULATION``.
    """

    agreement: str
    recipient: str
    purposes: frozenset[str]
    fields: frozenset[str]


StatedFacts = frozenset[tuple[str, str] | ConsentScope]
"""Populations of a child, and scopes of the consents in force to disclose one of its records."""


class RecordAccess(StrEnum):
    """The policy's decision on a source's record of one child."""

    OWN = "own"
    """The caller is named for the source, and its party owns it by name.

    Of a party that owns all sources, only a caller who is named for one source alone owns it.
    """
    DISCLOSED = "disclosed"
    """The agreement covers the source and the child."""
    HIDDEN = "hidden"
    """Not covered: no answer may tell that the record exists."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What an answer may hold of a source's records of one child.

    Args:
        fields: canonical fields and golden-record attributes.
        populations: populations whose flags it may hold; ``other`` for those that the policy does not name.
    """

    fields: frozenset[str]
    populations: frozenset[str]

    def has_flag(self, population: str) -> bool:
        """Return whether the answer may hold the flags of a population."""
        if population in self.populations:
            return True
        return OTHER_POPULATIONS in self.populations and population not in NAMED_POPULATIONS


class AccessRights(Protocol):
    """Rights of a caller under the policy, for a purpose and day."""

    @property
    def granted_sources(self) -> frozenset[str] | None:
        """Codes of the sources granted for any purpose; None for all."""

    @property
    def conditions(self) -> Collection[str]:
        """Conditions on a child before anything of it is shown."""

    @property
    def needs_populations(self) -> bool:
        """Whether a decision depends on the child's populations or on a consent."""

    @property
    def needs_consents(self) -> bool:
        """Whether a decision depends on a consent to disclose the record."""

    @property
    def carries_all_flags(self) -> bool:
        """Whether answers about review may hold all flags of all sources."""

    @property
    def forbids_redisclosure(self) -> bool:
        """Whether answers hold others' records that may not be passed on."""

    @property
    def smallest_count(self) -> int:
        """Smallest count above 0 that the agreement lets the caller be told."""

    @property
    def granted_actions(self) -> frozenset[Action]:
        """Actions that the caller has for any purpose."""

    @property
    def role(self) -> str | None:
        """Role of a person; None for a client."""

    def find_report_refusal(self, report: str, smallest_shown: int) -> Refusal | None:
        """Return why a published report on children is not shown, or None."""

    def find_clock(self, name: str) -> int | None:
        """Return the days of a clock of the agreement, or None."""

    def find_refusal(self, action: Action, source: str | None = None) -> Refusal | None:
        """Return why an action is refused, or None if it is permitted."""

    def owns(self, source: str) -> bool:
        """Return whether a source is of the caller's party."""

    def find_access(self, source: str, stated: StatedFacts = frozenset()) -> RecordAccess:
        """Return whether a child's record is own, disclosed or hidden."""

    def carried(self, action: Action, source: str, stated: StatedFacts = frozenset()) -> Carried:
        """Return the fields and flags of a record that may be answered."""

    def find_comparable_fields(self, source: str, stated: StatedFacts = frozenset()) -> frozenset[str] | None:
        """Return the fields that an answer may compare; None for all."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """The caller of the index, with purpose of use and permitted actions.

    Args:
        client: name of the client or account, or the operator; stored with every commit.
        purpose: purpose of use, one of PURPOSES, or None where the caller gave none.
        actions: actions that the client was granted.
        sources: codes of the sources that the client may read and write; None for all.
        idempotent_call: set where the call has an idempotency key.
        agreement: code of the agreement that the client acts under; None for none.
        rights: what the policy permits; None for the command line and the index itself, which hold the
            database. ``actions`` and ``sources`` hold no more than it.
    """

    client: str
    purpose: str | None = None
    actions: frozenset[Action] = frozenset()
    sources: frozenset[str] | None = frozenset()
    idempotent_call: IdempotentCall | None = field(default=None, compare=False, repr=False)
    agreement: str | None = None
    rights: AccessRights | None = field(default=None, compare=False, repr=False)

    def may_see(self, source: str) -> bool:
        """Return whether the caller may know of a source's records (law 7)."""
        return self.sources is None or source in self.sources


def is_source_owner(viewer: Viewer, source: str) -> bool:
    """Return whether the caller speaks for the owner of a source.

    The viewer must be named for the source and may consent. Access to all sources makes no owner.
    """
    return Action.CONSENT in viewer.actions and viewer.sources is not None and source in viewer.sources


def is_own_source(viewer: Viewer, source: str) -> bool:
    """Return whether the records of a source are the caller's own.

    Being named for a source is not enough: a recipient is named for the sources of others that it reads.
    """
    if viewer.sources is None or source not in viewer.sources:
        return False
    return viewer.rights is None or viewer.rights.find_access(source) is RecordAccess.OWN


def sees_only_own(viewer: Viewer) -> bool:
    """Return whether the caller sees records of its own sources alone."""
    return viewer.sources is not None and all(is_own_source(viewer, source) for source in viewer.sources)


def make_operator(name: str = "operator") -> Viewer:
    """Make the caller who uses the command line and holds the database."""
    return Viewer(name, "system_admin", frozenset(Action), None)


def is_allowed(viewer: Viewer, action: Action) -> bool:
    """Return whether the access policy permits a caller an action.

    For what is left out of an answer; ``require_permission`` refuses a call.
    """
    return action in viewer.actions and (viewer.sources is None or action not in _ALL_SOURCES_ACTIONS)


def is_allowed_on(viewer: Viewer, action: Action, source: str) -> bool:
    """Return whether a caller may perform an action on a source."""
    if not is_allowed(viewer, action) or not viewer.may_see(source):
        return False
    return viewer.rights is None or viewer.rights.find_refusal(action, source) is None


def require_permission(viewer: Viewer, action: Action, source: str | None = None) -> None:
    """Raise unless the caller was granted the action.

    Raises:
        AccessDenied: the client was not granted the action, or not on this source.
    """
    if not is_allowed(viewer, action):
        raise _make_refusal(viewer, action, f"client {viewer.client!r} may not do {action.value!r}")
    if source is None:
        return
    refusal = None if viewer.rights is None else viewer.rights.find_refusal(action, source)
    if refusal is not None or not viewer.may_see(source):
        raise _make_refusal(viewer, action, f"client {viewer.client!r} has no access to this source", refusal)


def require_any_permission(viewer: Viewer, actions: Sequence[Action]) -> None:
    """Raise unless the caller was granted one of several actions.

    Args:
        viewer: the caller.
        actions: the actions; the refusal names the first.

    Raises:
        AccessDenied: the client was granted none of them.
    """
    if not any(is_allowed(viewer, action) for action in actions):
        require_permission(viewer, actions[0])


def _make_refusal(
    viewer: Viewer, action: Action, detail: str, refusal: Refusal | None = None
) -> AccessDenied:
    """Return the error of a refused action, with the policy's reason."""
    if refusal is None and viewer.rights is not None:
        refusal = viewer.rights.find_refusal(action)
    if refusal is not None and refusal.code != AccessDenied.reason:
        detail = f"{detail}: {refusal.sentence}"
    return AccessDenied(
        detail,
        AccessDenied.reason if refusal is None else refusal.code,
        RefusedCall(viewer.client, action.value, viewer.purpose, viewer.agreement),
    )
