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


_STEWARD_ACTIONS = frozenset({
    Action.RECORD_READ, Action.PERSON_READ, Action.PERSON_SEARCH, Action.CROSSWALK_READ, Action.TASK_READ,
    Action.TASK_WORK, Action.DECISION_READ, Action.DECIDE, Action.LINK_REPORT, Action.QUALITY_READ,
    Action.DISCLOSURE_READ,
})  # fmt: skip

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
}  # fmt: skip
"""Actions of each role, on the sources that the account names.

An operator sees no record and no child; so not the items of a proposal either, which name both.
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
}
"""Purposes of use for which each role may sign in, default first."""
