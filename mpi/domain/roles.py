"""Roles of people who sign in, with the actions of each.

A person may do what a role permits, and nothing else.
"""

from enum import StrEnum

from mpi.domain.viewer import Action

APPROVER_ASSIGNEE = "role:approver"
"""Assignee of an escalated question; no client or account can have this name."""


class Role(StrEnum):
    """Role of a user, as a set of permitted actions."""

    STEWARD = "steward"
    APPROVER = "approver"
    SOURCE_OWNER = "source-owner"
    OPERATOR = "operator"
    CASEWORKER = "caseworker"
    POINT_OF_CONTACT = "point-of-contact"
    """Foster care point of contact of a district (ESSA section 1112(c)(5)(A))."""
    REGISTRAR = "registrar"
    """Registrar of a school, who enrolls a child with a placement letter."""
    HOMELESS_LIAISON = "homeless-liaison"
    """McKinney-Vento liaison of a district."""
    ANALYST = "analyst"
    AUDITOR = "auditor"
    PRIVACY_OFFICER = "privacy-officer"
    AGENCY_HEAD = "agency-head"
    """Head of an agency: figures of the whole state, and no child."""


_STEWARD_ACTIONS = frozenset({
    Action.RECORD_READ, Action.PERSON_READ, Action.PERSON_SEARCH, Action.CROSSWALK_READ, Action.TASK_READ,
    Action.TASK_WORK, Action.DECISION_READ, Action.DECIDE, Action.LINK_REPORT, Action.QUALITY_READ,
    Action.DISCLOSURE_READ,
})  # fmt: skip

_CHILD_ACTIONS = frozenset({Action.RECORD_READ, Action.PERSON_READ, Action.CROSSWALK_READ})
"""Actions on one child at a time: without a search, nobody can browse."""
_LETTER_ACTIONS = frozenset({Action.LOCAL_MATCH, Action.ENROLLMENT_READ})
"""Actions about an own student and the placement letter that came with the child."""

ACTIONS_BY_ROLE: dict[Role, frozenset[Action]] = {
    Role.STEWARD: _STEWARD_ACTIONS,
    Role.APPROVER: _STEWARD_ACTIONS | {
        Action.APPROVE, Action.RECLUSTER, Action.REPORT, Action.AGREEMENT_READ,
    },
    Role.SOURCE_OWNER: frozenset({
        Action.RECORD_READ, Action.QUESTION_ANSWER, Action.LINK_REPORT, Action.CONSENT,
    }),
    Role.OPERATOR: frozenset({
        Action.SOURCE_ADMIN, Action.LOAD, Action.REPORT, Action.QUALITY_READ, Action.CLIENT_ADMIN,
        Action.ACCOUNT_ADMIN, Action.AGREEMENT_READ, Action.AGREEMENT_ADMIN,
    }),
    Role.CASEWORKER: _CHILD_ACTIONS | {Action.CASELOAD_READ},
    Role.POINT_OF_CONTACT: _CHILD_ACTIONS | {Action.ROSTER_READ} | _LETTER_ACTIONS,
    Role.REGISTRAR: _LETTER_ACTIONS,
    Role.HOMELESS_LIAISON: _CHILD_ACTIONS,
    Role.ANALYST: frozenset({Action.QUALITY_READ, Action.REPORT_READ}),
    Role.AUDITOR: frozenset({Action.LEDGER_READ}),
    Role.PRIVACY_OFFICER: frozenset({
        Action.LEDGER_READ, Action.QUALITY_READ, Action.AGREEMENT_READ, Action.AGREEMENT_ADMIN,
    }),
    Role.AGENCY_HEAD: frozenset({Action.QUALITY_READ, Action.REPORT_READ}),
}  # fmt: skip
"""Actions of each role, on the sources that the account names.

A caseworker, a point of contact and a liaison see one child at a time, if the policy's conditions hold. The
first two have a list of the children for whom they hold. A registrar sees no child, and is told of an own
student alone who comes with a placement letter.
An operator sees no record and no child; so not the items of a proposal either, which name both. The ledger is
read by those who watch over stewards, and by no steward.
"""

_CARE_PURPOSES = (
    "data_quality", "enrolment_coordination", "school_stability", "credit_transfer", "case_planning",
    "special_education_coordination", "court_report", "transport", "subject_access",
)  # fmt: skip

PURPOSES_BY_ROLE: dict[Role, tuple[str, ...]] = {
    Role.STEWARD: _CARE_PURPOSES,
    Role.APPROVER: _CARE_PURPOSES,
    Role.SOURCE_OWNER: ("data_quality", "subject_access"),
    Role.OPERATOR: ("system_admin", "data_quality"),
    Role.CASEWORKER: (
        "case_planning",
        "school_stability",
        "enrolment_coordination",
        "credit_transfer",
        "special_education_coordination",
        "court_report",
        "transport",
    ),
    Role.POINT_OF_CONTACT: (
        "school_stability",
        "enrolment_coordination",
        "credit_transfer",
        "special_education_coordination",
        "transport",
    ),
    Role.REGISTRAR: ("enrolment_coordination", "school_stability", "credit_transfer"),
    Role.HOMELESS_LIAISON: ("enrolment_coordination", "school_stability", "transport"),
    Role.ANALYST: ("program_evaluation", "reporting_federal"),
    Role.AUDITOR: ("system_admin",),
    Role.PRIVACY_OFFICER: ("system_admin", "subject_access"),
    Role.AGENCY_HEAD: ("program_evaluation", "reporting_federal"),
}
"""Purposes of use for which each role may sign in, default first."""
