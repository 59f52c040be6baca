"""Rights of a person to inspect a record and to amend it.

The days follow 34 CFR 99.10(b), 45 days for inspection [K], and 99.20 to 99.22, a reasonable time to decide
about an amendment [K]. What the law of a state says otherwise is configuration. This is not legal advice.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from mpi.domain.errors import ConflictError, InputError
from mpi.domain.source import EDUCATION_KINDS
from mpi.policy.tiers import POPULATION_TIERS, Tier

AGE_OF_RIGHTS = 18
"""Age in years from which the rights are the student's: 34 CFR 99.3 and 99.5 [K]."""
MAX_TEXT_LENGTH = 200
MAX_STATEMENT_LENGTH = 4_000
NOTICE_DAYS = (14, 7, 1)
"""Days before the end of a clock at which a warning is due."""
MAX_DAYS = 45
"""Most days that a clock for inspection may have: 34 CFR 99.10(b) [K]."""

INSPECTED_FIELDS = frozenset({
    "first_name", "middle_name", "last_name", "suffix", "preferred_name", "other_names", "birth_date", "sex",
    "birth_city", "birth_state", "birth_country", "race", "ethnicity", "as_of",
})  # fmt: skip
"""Fields that a report may hold of each record that may be inspected."""

OWN_INSPECTED_FIELDS = frozenset({
    "enrollments", "school_id", "district_id", "grade", "entry_date", "exit_date",
})  # fmt: skip
"""Further fields of the asked source's own records, if no restriction withholds whereabouts.

Addresses, contacts, caregivers, households and placements are in no report: they tell where a child is, or
are data of other persons.
"""

INSPECTED_ITEMS = frozenset({"decision_maker_role", "best_interest_decision", "best_interest_date"})
"""Columns of a child's items that a report may hold of each record that may be inspected.

The name and telephone of a decision-maker, and who brings the child, are data of other persons. A contact
restriction may be against who asks.
"""

OWN_INSPECTED_ITEMS = frozenset({
    "school_of_origin", "transport_begins", "records_requested", "records_received",
})  # fmt: skip
"""Further columns of items of the asked source's own records, if no restriction withholds whereabouts."""

INSPECTED_POPULATIONS = frozenset(
    population for population, tier in POPULATION_TIERS.items() if tier <= Tier.DEMOGRAPHIC
)
"""Populations whose flags a report may hold."""


class CaseKind(StrEnum):
    """What a person asks for."""

    INSPECT = "inspect"
    AMEND = "amend"


class Relation(StrEnum):
    """Who asks, in relation to the child."""

    PARENT = "parent"
    """A parent with rights, also one without custody unless an order says otherwise: 34 CFR 99.4 [K]."""
    STUDENT = "student"
    """The child, from 18 years of age."""
    ACTING_PARENT = "acting_parent"
    """A person who acts as a parent in the absence of one: 34 CFR 99.3 [K]."""
    AGENCY = "agency"
    """The agency that is legally responsible for the child."""


class Identification(StrEnum):
    """How it was made sure who asks."""

    PHOTO_ID = "photo_id"
    KNOWN_TO_STAFF = "known_to_staff"
    NOTARIZED = "notarized"
    COURT_ORDER = "court_order"


class Check(StrEnum):
    """What the second person attests before a release."""

    IDENTITY = "identity"
    """The identification was looked at."""
    RIGHTS = "rights"
    """No order ends or limits the rights of who asks."""
    PROTECTION = "protection"
    """No protective order and no confidential address stands against who asks."""
    AGE = "age"
    """The age was looked up, since no record tells it."""


REQUIRED_CHECKS = frozenset({Check.IDENTITY, Check.RIGHTS, Check.PROTECTION})


class RefusalReason(StrEnum):
    """Why a request is refused, which no letter tells."""

    IDENTITY = "identity"
    NOT_ENTITLED = "not_entitled"
    PROTECTED = "protected"
    NO_RECORD = "no_record"
    NOT_INACCURATE = "not_inaccurate"
    """The record is not inaccurate, misleading or in violation of privacy."""
    OTHER = "other"


class Inspection(StrEnum):
    """In which reports the records of a source stand."""

    NONE = "none"
    OWN = "own"
    """In reports of requests to this source."""
    LINKED = "linked"
    """In reports of requests to other sources too, where the records are linked."""


class RightsState(StrEnum):
    """State of a case."""

    OPEN = "open"
    """Nobody has decided."""
    RELEASED = "released"
    REFUSED = "refused"
    GRANTED = "granted"
    """The source was asked to correct its record, which it has not done."""
    CORRECTED = "corrected"
    HEARING = "hearing"
    """A hearing was asked for: 34 CFR 99.21 [K]."""
    UPHELD = "upheld"
    """The hearing changed nothing; a statement may be attached: 34 CFR 99.21(b)(2) [K]."""


@dataclass(frozen=True, slots=True)
class SourceRule:
    """What a source's law permits, and how long records are kept.

    Args:
        inspection: in which reports its records stand.
        citation: the law that says so, for the report.
        inspection_days: days within which a request to inspect is to be answered.
        amendment_days: days within which a request to amend is to be decided, and corrected.
        hearing_days: days within which a hearing may be asked for, and is to be held.
        appeal_office: office to which a person may turn after a refusal.
        retention_days: days after which a record is due to be destroyed; None to keep it.
        retention_begins: event from which they count.
        retention_agreement: code of the agreement whose end begins the retention.
    """

    inspection: Inspection = Inspection.NONE
    citation: str = ""
    inspection_days: int = MAX_DAYS
    amendment_days: int = 45
    hearing_days: int = 45
    appeal_office: str = "the privacy office of this agency"
    retention_days: int | None = None
    retention_begins: str = "exit"
    retention_agreement: str | None = None


_EDUCATION_RULE = SourceRule(Inspection.LINKED, "FERPA, 34 CFR 99.10")


def default_rule(source_kind: str) -> SourceRule:
    """Return the rule of a source for which none is configured.

    Education records may be inspected under FERPA (34 CFR 99.10 [K]). No law is assumed for other records.
    """
    return _EDUCATION_RULE if source_kind in EDUCATION_KINDS else SourceRule()


def to_details(rule: SourceRule) -> dict[str, Any]:
    """Return a rule as plain values for JSON."""
    return {**asdict(rule), "inspection": rule.inspection.value}


def from_details(details: Mapping[str, Any]) -> SourceRule:
    """Return the rule that plain values state."""
    return replace(SourceRule(**details), inspection=Inspection(details["inspection"]))


@dataclass(frozen=True, slots=True)
class Deadline:
    """A clock of a case.

    Args:
        name: ``inspection``, ``amendment``, ``correction`` or ``hearing``.
        due: last day.
    """

    name: str
    due: date

    def days_left(self, today: date) -> int:
        """Return the days until it is due, negative afterwards."""
        return (self.due - today).days

    def find_notice(self, today: date) -> int | None:
        """Return the warning that is due, in days.

        It is 14, 7 or 1, 0 once the last day is over, and None where no warning is due.
        """
        left = self.days_left(today)
        if left < 0:
            return 0
        return next((days for days in sorted(NOTICE_DAYS) if left <= days), None)


def add_days(day: date, days: int) -> date:
    """Return a day so many days later, at most the calendar's last."""
    return date.fromordinal(min(day.toordinal() + days, date.max.toordinal()))


def list_missing_checks(checks: Collection[Check], birth_date: str | None) -> list[Check]:
    """Return the checks that are still missing for a release, in order."""
    required = REQUIRED_CHECKS | ({Check.AGE} if birth_date is None else frozenset[Check]())
    return sorted(required - frozenset(checks))


def require_holder_of_rights(relation: Relation, birth_date: str | None, today: date) -> None:
    """Refuse a parent of a student of 18, and a younger student.

    Args:
        relation: who asks.
        birth_date: the child's birth date (ISO); None where no record tells it.
        today: the day of the release.

    Raises:
        ConflictError: the rights are not those of who asks.
    """
    if birth_date is None or relation is Relation.AGENCY:
        return
    is_of_age = is_of_age_of_rights(birth_date, today)
    if relation is Relation.STUDENT and not is_of_age:
        raise ConflictError(f"the rights are the parents' until the student is {AGE_OF_RIGHTS}")
    if relation is not Relation.STUDENT and is_of_age:
        raise ConflictError(f"the rights are the student's, who is {AGE_OF_RIGHTS} or older")


def is_of_age_of_rights(birth_date: str, today: date) -> bool:
    """Return whether a person is of the age at which rights pass."""
    born = date.fromisoformat(birth_date)
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return age >= AGE_OF_RIGHTS


def check_person(name: str, text: str) -> str:
    """Return the name of a person or office after checking its form.

    Raises:
        InputError: it is empty, too long or not printable; the message does not hold it.
    """
    cleaned = text.strip()
    if not cleaned or len(cleaned) > MAX_TEXT_LENGTH or not cleaned.isprintable():
        raise InputError(f"{name}: 1 to {MAX_TEXT_LENGTH} characters that can be seen, in one line")
    return cleaned


def check_statement(name: str, text: str) -> str:
    """Return what a person wrote after checking its form.

    Raises:
        InputError: it is empty, too long, or has a character that cannot be seen.
    """
    cleaned = text.replace("\r\n", "\n").strip()
    lines = cleaned.split("\n")
    if not cleaned or len(cleaned) > MAX_STATEMENT_LENGTH or not all(line.isprintable() for line in lines):
        raise InputError(f"{name}: 1 to {MAX_STATEMENT_LENGTH} characters that can be seen")
    return cleaned


def check_received(received: date, today: date) -> date:
    """Return the day on which a request was received, after checking it.

    Raises:
        InputError: the day has not come, or is more than a year ago.
    """
    if not today - timedelta(days=366) <= received <= today:
        raise InputError("received: give a day of the last year, up to today")
    return received


def format_refusal(appeal_office: str, *, with_hearing: bool = False) -> str:
    """Return the letter about a refusal, which tells nothing.

    It is the same whether there is a record or not, and whatever the reason is.
    """
    hearing = (
        " You may ask for a hearing. After it you may attach a statement to the record that says what you "
        "think is wrong."
        if with_hearing
        else ""
    )
    return (
        "We looked at your request and cannot do what it asks for. This letter does not say whether there is "
        f"any record.{hearing} If you think that this is wrong, write to {appeal_office} and ask for a "
        "review by somebody who did not decide. You may also file a complaint about education records with "
        "the Student Privacy Policy Office of the U.S. Department of Education (34 CFR 99.63)."
    )
