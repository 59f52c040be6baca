"""Reasons for a refusal: stable codes with a sentence for people."""

from enum import StrEnum
from types import MappingProxyType


class ReasonCode(StrEnum):
    """Reason of a decision: a stable code of API and ledger."""

    PERMITTED = "permitted"
    UNKNOWN_PURPOSE = "unknown-purpose"
    PURPOSE_MISSING = "purpose-missing"
    NO_AGREEMENT = "no-agreement"
    AGREEMENT_DRAFT = "agreement-draft"
    AGREEMENT_SCHEDULED = "agreement-scheduled"
    AGREEMENT_SUSPENDED = "agreement-suspended"
    AGREEMENT_EXPIRED = "agreement-expired"
    AGREEMENT_ENDED = "agreement-ended"
    PARTY_UNKNOWN = "party-unknown"
    ACTION_NOT_GRANTED = "action-not-granted"
    PURPOSE_OUTSIDE_ROLE = "purpose-outside-role"
    ACTION_OUTSIDE_PURPOSE = "action-outside-purpose"
    PURPOSE_OUTSIDE_AGREEMENT = "purpose-outside-agreement"
    SCOPE_OUTSIDE_AGREEMENT = "scope-outside-agreement"
    SOURCE_OUTSIDE_AGREEMENT = "source-outside-agreement"
    NO_LEGAL_RESPONSIBILITY = "no-legal-responsibility"
    NO_CASE_PLAN_ACCESS = "no-case-plan-access"
    NOT_ENROLLED = "not-enrolled"
    BREAK_GLASS_NOT_GRANTED = "break-glass-not-granted"
    BREAK_GLASS_REASON_MISSING = "break-glass-reason-missing"
    BREAK_GLASS_ENDED = "break-glass-ended"


SENTENCES = MappingProxyType({
    ReasonCode.PERMITTED: "The policy permits the request.",
    ReasonCode.UNKNOWN_PURPOSE: "The policy has no such purpose of use: name one that docs/api.md lists.",
    ReasonCode.PURPOSE_MISSING: "The agreement asks for a purpose of use: name one in Purpose-Of-Use.",
    ReasonCode.NO_AGREEMENT: "No agreement covers the caller: ask the operator to bind one.",
    ReasonCode.AGREEMENT_DRAFT: "The agreement is not approved yet.",
    ReasonCode.AGREEMENT_SCHEDULED: "The agreement is not in force yet.",
    ReasonCode.AGREEMENT_SUSPENDED: "The agreement is suspended: ask the privacy officer.",
    ReasonCode.AGREEMENT_EXPIRED: "The agreement has expired: it has to be renewed.",
    ReasonCode.AGREEMENT_ENDED: "The agreement has ended.",
    ReasonCode.PARTY_UNKNOWN: "The caller's sources and role name no single party of the agreement.",
    ReasonCode.ACTION_NOT_GRANTED: "The caller was not granted this action.",
    ReasonCode.PURPOSE_OUTSIDE_ROLE: "The caller's role does not have this purpose.",
    ReasonCode.ACTION_OUTSIDE_PURPOSE: "This purpose does not need this action.",
    ReasonCode.PURPOSE_OUTSIDE_AGREEMENT: "The agreement does not permit this purpose.",
    ReasonCode.SCOPE_OUTSIDE_AGREEMENT: "Only house, or the owner of the scope, covers a whole index.",
    ReasonCode.SOURCE_OUTSIDE_AGREEMENT: "No grant of the agreement covers this record.",
    ReasonCode.NO_LEGAL_RESPONSIBILITY: "The caller's agency is not legally responsible for the child today.",
    ReasonCode.NO_CASE_PLAN_ACCESS: "The caller has no right of access to the child's case plan.",
    ReasonCode.NOT_ENROLLED: "The child is not enrolled in the caller's district today.",
    ReasonCode.BREAK_GLASS_NOT_GRANTED: "Emergency access was not granted to the caller by name.",
    ReasonCode.BREAK_GLASS_REASON_MISSING: "Emergency access needs a reason: state it in Break-Glass-Reason.",
    ReasonCode.BREAK_GLASS_ENDED: "This emergency access is over, and its review is open.",
})  # fmt: skip
"""One sentence for each reason, without any fact of a person."""
