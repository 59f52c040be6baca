"""Classes of actions by their answers, and the purposes that need them."""

from enum import StrEnum
from types import MappingProxyType

from mpi.domain.viewer import Action


class AnswerClass(StrEnum):
    """What the answer to an action holds."""

    OWN = "own"
    """The caller's own records as sent, and their enterprise IDs."""
    PERSON = "person"
    """A person or the values of a record."""
    REVIEW = "review"
    """Questions, decisions and proposals about records."""
    EXPORT = "export"
    """The whole index."""
    FIGURES = "figures"
    """Counts and rates, no person."""
    LEDGER = "ledger"
    """Who received what, no value."""
    ADMINISTRATION = "administration"
    """Settings, clients and accounts, no person."""
    ROSTER = "roster"
    """The children in care of one district or one caseworker, or one of them with a placement letter."""
    LEGAL = "legal"
    """A case about the party's own records: a subpoena, or a right of the person."""


ACTION_CLASSES = MappingProxyType({
    Action.RECORD_WRITE: AnswerClass.OWN,
    Action.RECORD_SEAL: AnswerClass.OWN,
    Action.RECORD_EXPUNGE: AnswerClass.OWN,
    Action.LOAD: AnswerClass.OWN,
    Action.RECORD_READ: AnswerClass.PERSON,
    Action.PERSON_READ: AnswerClass.PERSON,
    Action.PERSON_SEARCH: AnswerClass.PERSON,
    Action.CROSSWALK_READ: AnswerClass.PERSON,
    Action.ROSTER_READ: AnswerClass.ROSTER,
    Action.CASELOAD_READ: AnswerClass.ROSTER,
    Action.ROSTER_EXPORT: AnswerClass.ROSTER,
    Action.SCHOOL_EXPORT: AnswerClass.ROSTER,
    Action.LOCAL_MATCH: AnswerClass.ROSTER,
    Action.ENROLLMENT_READ: AnswerClass.ROSTER,
    Action.CROSSWALK_EXPORT: AnswerClass.EXPORT,
    Action.CHARTS_EXPORT: AnswerClass.EXPORT,
    Action.RECLUSTER: AnswerClass.REVIEW,
    Action.TASK_READ: AnswerClass.REVIEW,
    Action.TASK_WORK: AnswerClass.REVIEW,
    Action.DECISION_READ: AnswerClass.REVIEW,
    Action.DECIDE: AnswerClass.REVIEW,
    Action.APPROVE: AnswerClass.REVIEW,
    Action.CONSENT: AnswerClass.REVIEW,
    Action.LINK_REPORT: AnswerClass.REVIEW,
    Action.QUESTION_ANSWER: AnswerClass.REVIEW,
    Action.REPORT: AnswerClass.FIGURES,
    Action.REPORT_READ: AnswerClass.FIGURES,
    Action.QUALITY_READ: AnswerClass.FIGURES,
    Action.DISCLOSURE_READ: AnswerClass.LEDGER,
    Action.LEDGER_READ: AnswerClass.LEDGER,
    Action.SOURCE_ADMIN: AnswerClass.ADMINISTRATION,
    Action.CLIENT_ADMIN: AnswerClass.ADMINISTRATION,
    Action.ACCOUNT_ADMIN: AnswerClass.ADMINISTRATION,
    Action.AGREEMENT_READ: AnswerClass.ADMINISTRATION,
    Action.AGREEMENT_ADMIN: AnswerClass.ADMINISTRATION,
    Action.BREAK_GLASS: AnswerClass.PERSON,
    Action.CONSENT_RECORD: AnswerClass.OWN,
    Action.SUBPOENA_MANAGE: AnswerClass.LEGAL,
    Action.SUBPOENA_DECIDE: AnswerClass.LEGAL,
    Action.RIGHTS_MANAGE: AnswerClass.LEGAL,
    Action.RIGHTS_DECIDE: AnswerClass.LEGAL,
})  # fmt: skip
"""Class of each action's answer. An action without a row is refused."""

WHOLE_INDEX_ACTIONS = frozenset({Action.CROSSWALK_EXPORT, Action.RECLUSTER})
"""Actions whose answers are about the records of all parties."""

_CARE = frozenset({
    AnswerClass.OWN, AnswerClass.PERSON, AnswerClass.REVIEW, AnswerClass.FIGURES, AnswerClass.LEDGER,
    AnswerClass.ROSTER,
})  # fmt: skip
_STATISTICS = frozenset({AnswerClass.FIGURES, AnswerClass.EXPORT})

CLASSES_BY_PURPOSE = MappingProxyType({
    "enrolment_coordination": _CARE,
    "school_stability": _CARE,
    "credit_transfer": _CARE,
    "case_planning": _CARE,
    "special_education_coordination": _CARE,
    "court_report": _CARE,
    "transport": _CARE,
    "reporting_federal": _STATISTICS,
    "program_evaluation": _STATISTICS,
    "data_quality": frozenset(AnswerClass),
    "system_admin": frozenset(AnswerClass) - {
        AnswerClass.PERSON, AnswerClass.REVIEW, AnswerClass.LEGAL, AnswerClass.ROSTER,
    },
    "subject_access": frozenset(AnswerClass) - {
        AnswerClass.EXPORT, AnswerClass.ADMINISTRATION, AnswerClass.LEGAL, AnswerClass.ROSTER,
    },
    "emergency_breakglass": frozenset({AnswerClass.PERSON}),
})  # fmt: skip
"""Classes of answers that each purpose of use needs."""

CLASSES_WITHOUT_PURPOSE = frozenset({AnswerClass.OWN, AnswerClass.ADMINISTRATION, AnswerClass.LEGAL})
"""Classes of answers that hold no other party's person, so that a call needs no purpose.

A subpoena is a case, never a purpose of use.
"""

CLASSES_OF_OWN_RECORDS = frozenset({AnswerClass.OWN, AnswerClass.LEGAL})
"""Classes of answers about records of the party's own sources alone."""

CLASSES_OF_ADDED_PURPOSE = frozenset({AnswerClass.PERSON})
"""Classes of answers that a purpose needs which a state added."""
