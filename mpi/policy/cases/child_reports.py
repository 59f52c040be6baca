"""Who may read which published report on children: roles, purposes, agreements."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from mpi.domain.roles import Role
from mpi.domain.viewer import Refusal
from mpi.policy.agreement import Agreement
from mpi.policy.parties import ALL


@dataclass(frozen=True, slots=True)
class ReportRule:
    """Who may read a published report.

    Args:
        roles: roles of people who may read it; a client needs the action alone.
        purposes: purposes of use that need it.
        population: the children whom it counts: the agreement must disclose all of them. ``ALL`` for every
            child.
    """

    roles: frozenset[Role]
    purposes: frozenset[str]
    population: str


@dataclass(frozen=True, slots=True)
class ReportReader:
    """Who asks for a report.

    Args:
        role: role of a person; None for a client.
        purpose: purpose of use; None where there is none.
        party: code of the party of the agreement for which the reader acts; None where there is none.
    """

    role: Role | None
    purpose: str | None
    party: str | None


class ReportReason(StrEnum):
    """Reason why a published report is not shown, a stable code."""

    ROLE = "report-outside-role"
    PURPOSE = "report-outside-purpose"
    AGREEMENT = "report-outside-agreement"
    SMALL_COUNTS = "report-shows-small-counts"


_READERS = frozenset({Role.ANALYST, Role.AGENCY_HEAD})
_STATISTICS = frozenset({"program_evaluation", "reporting_federal", "data_quality"})

REPORT_RULES: Mapping[str, ReportRule] = MappingProxyType({
    "waterfall": ReportRule(_READERS, _STATISTICS, "foster_care"),
    "populations": ReportRule(_READERS, _STATISTICS, ALL),
    "combinations": ReportRule(_READERS, _STATISTICS, ALL),
    "outcomes": ReportRule(_READERS, _STATISTICS, ALL),
})  # fmt: skip
"""Rule of each published report. A report without a row is shown to nobody."""

_SENTENCES = MappingProxyType({
    ReportReason.ROLE: "Your role does not have this report.",
    ReportReason.PURPOSE: "Your purpose of use does not need this report.",
    ReportReason.AGREEMENT: "Your agreement does not cover all the children whom this report counts.",
})  # fmt: skip


def find_report_refusal(
    report: str, smallest_shown: int, reader: ReportReader, agreement: Agreement | None
) -> Refusal | None:
    """Return why a published report is refused to a reader, or None.

    Args:
        report: name of the report.
        smallest_shown: smallest count above 0 that it shows.
        reader: who asks.
        agreement: the terms to which the reader is bound; None where there are none.
    """
    rule = REPORT_RULES.get(report)
    if rule is None or (reader.role is not None and reader.role not in rule.roles):
        return _refuse(ReportReason.ROLE)
    if reader.purpose not in rule.purposes:
        return _refuse(ReportReason.PURPOSE)
    if agreement is None or not _covers(rule, reader, agreement):
        return _refuse(ReportReason.AGREEMENT)
    if agreement.small_cell > smallest_shown:
        return Refusal(
            ReportReason.SMALL_COUNTS,
            f"Your agreement hides counts below {agreement.small_cell}, and this report shows counts from "
            f"{smallest_shown}. Ask your privacy officer.",
        )
    return None


def _covers(rule: ReportRule, reader: ReportReader, agreement: Agreement) -> bool:
    """Return whether an agreement discloses all counted children to the reader.

    A grant by consent covers only those who consented.
    """
    return any(
        grant.recipient == reader.party
        and (reader.purpose in grant.purposes or ALL in grant.purposes)
        and grant.population in {ALL, rule.population}
        and not grant.needs_consent
        for grant in agreement.grants
    )


def _refuse(reason: ReportReason) -> Refusal:
    return Refusal(reason, _SENTENCES[reason])
