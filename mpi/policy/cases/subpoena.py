"""Subpoena cases: what a court asks for, and what counsel decides.

A case is no purpose of use. Nothing is looked up for it. It releases the fields and records that counsel
decided, and nothing before that.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from mpi.domain.errors import ConflictError, InputError
from mpi.domain.record import SENT_FIELDS
from mpi.policy.agreement import OUTPUT_FIELDS
from mpi.policy.tiers import ITEM_FIELDS, OWN_FIELDS

RELEASABLE_FIELDS = OUTPUT_FIELDS - OWN_FIELDS - ITEM_FIELDS
"""Fields that a case may ask for, all of a record: numbers of Social Security and restrictions never."""

MAX_RECORDS = 100
"""Most records that one case asks for."""
MAX_TEXT_LENGTH = 200


class CounselVerdict(StrEnum):
    """What counsel decides about a case."""

    RELEASE = "release"
    """All that was asked for."""
    NARROW = "narrow"
    """Some of the records or fields."""
    REFUSE = "refuse"
    """Nothing."""


class CaseState(StrEnum):
    """State of a subpoena case."""

    OPEN = "open"
    """Counsel has not decided."""
    DECIDED = "decided"
    """Counsel permits a release, which has not happened."""
    RELEASED = "released"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class CaseScope:
    """Records and fields of a subpoena case.

    Args:
        record_ids: numbers of the records.
        fields: canonical fields.
    """

    record_ids: frozenset[int]
    fields: frozenset[str]


@dataclass(frozen=True, slots=True)
class Subpoena:
    """A subpoena or court order as it was served.

    Args:
        source: code of the source whose records it asks for; the agency that keeps them.
        court: court that issued it.
        reference: the court's own number.
        served_by: office that served it.
        received: day on which it was received.
        due: day by which it is to be answered.
        notice_forbidden: whether the order forbids to notify the parents.
    """

    source: str
    court: str
    reference: str
    served_by: str
    received: date
    due: date
    notice_forbidden: bool = False


@dataclass(frozen=True, slots=True)
class CounselDecision:
    """Counsel's decision about a case.

    Args:
        verdict: what counsel decided.
        counsel: name of the attorney.
        reason: why, in a few words; nothing of a child.
        scope: what may be released; None where nothing may.
    """

    verdict: CounselVerdict
    counsel: str
    reason: str
    scope: CaseScope | None = None


@dataclass(frozen=True, slots=True)
class SubpoenaCase:
    """A subpoena with what became of it.

    Args:
        code: code of the case.
        subpoena: what was served.
        asked: records and fields that it asks for.
        opened_by: who opened the case.
        opened_commit: number of the commit that opened it.
        notified: day on which the parents were notified, or an effort to do so was made.
        decision: counsel's decision; None while the case is open.
        is_released: whether records were released.
    """

    code: str
    subpoena: Subpoena
    asked: CaseScope
    opened_by: str
    opened_commit: int
    notified: date | None = None
    decision: CounselDecision | None = None
    is_released: bool = False

    @property
    def state(self) -> CaseState:
        """The state of the case."""
        if self.decision is None:
            return CaseState.OPEN
        if self.decision.scope is None:
            return CaseState.REFUSED
        return CaseState.RELEASED if self.is_released else CaseState.DECIDED

    def find_obstacle(self) -> str | None:
        """Return why nothing may be released, or None.

        Source: 34 CFR 99.31(a)(9)(ii), a reasonable effort to notify the parent or eligible student before
        compliance, unless the order forbids it. The duty is applied to the records of every agency.
        """
        if self.decision is None:
            return "counsel has not decided about this case"
        if self.decision.scope is None:
            return "counsel decided to release nothing"
        if self.notified is None and not self.subpoena.notice_forbidden:
            return "the parents were not notified: record the day of the notice first"
        return None

    def require_release(self) -> CaseScope:
        """Return what may be released.

        Raises:
            ConflictError: nothing may be; the message says why.
        """
        obstacle = self.find_obstacle()
        if obstacle is not None or self.decision is None or self.decision.scope is None:
            raise ConflictError(f"nothing was released: {obstacle}")
        return self.decision.scope


def decide_scope(
    case: SubpoenaCase, verdict: CounselVerdict, record_ids: frozenset[int], fields: frozenset[str]
) -> CaseScope | None:
    """Return what a verdict lets a case release.

    Args:
        case: the case.
        verdict: counsel's verdict.
        record_ids: records that a narrower release keeps; empty for all.
        fields: fields that it keeps; empty for all.

    Raises:
        InputError: records or fields are named with another verdict, are not asked for, or leave out nothing.
    """
    if verdict is not CounselVerdict.NARROW:
        if record_ids or fields:
            raise InputError("local_ids, fields: name them only with the verdict narrow")
        return case.asked if verdict is CounselVerdict.RELEASE else None
    scope = CaseScope(record_ids or case.asked.record_ids, fields or case.asked.fields)
    if not scope.record_ids <= case.asked.record_ids or not scope.fields <= case.asked.fields:
        raise InputError("local_ids, fields: counsel can leave out, and add nothing to what is asked for")
    if scope == case.asked:
        raise InputError("local_ids, fields: name what is kept, or decide to release all")
    return scope


def check_subpoena(subpoena: Subpoena, today: date) -> None:
    """Refuse a subpoena whose texts or days are wrong.

    Raises:
        InputError: a text is empty or too long, or a day is not possible.
    """
    check_text("court", subpoena.court)
    check_text("served_by", subpoena.served_by)
    if subpoena.received > today:
        raise InputError("received: the day has not come")
    if subpoena.due < subpoena.received:
        raise InputError("due: the day is before the one on which it was received")


def check_fields(fields: Iterable[str]) -> frozenset[str]:
    """Return the fields that a case asks for, after checking them.

    Raises:
        InputError: none is named, or one cannot be released.
    """
    named = frozenset(fields)
    if not named:
        raise InputError("fields: name at least one field of a record")
    for field in sorted(named - RELEASABLE_FIELDS):
        why = f"{field!r} is never released" if field in SENT_FIELDS else "one is not a field of a record"
        raise InputError(f"fields: {why} (docs/canonical-record.md)")
    return named


def check_text(name: str, text: str) -> None:
    """Refuse a text that is empty or too long.

    Raises:
        InputError: names the member, never its value.
    """
    if not text.strip() or len(text) > MAX_TEXT_LENGTH or not text.isprintable():
        raise InputError(f"{name}: 1 to {MAX_TEXT_LENGTH} characters that can be seen, in one line")
