"""Purposes of use, and the uses that no purpose may have.

A state may register purposes of its own. ``check_purpose`` refuses those that serve an excluded use.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

from mpi.domain.errors import InputError

MAX_TITLE_LENGTH = 100
MAX_TEXT_LENGTH = 1000
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_RESERVED_CODES = frozenset({"all"})


@dataclass(frozen=True, slots=True)
class Purpose:
    """A purpose of use that a call names and an agreement permits.

    Args:
        code: stable code, such as ``school_stability``.
        title: name for people.
        vision: what the data is used for, in plain words.
        value: what a child gains by it, in plain words.
    """

    code: str
    title: str
    vision: str
    value: str


@dataclass(frozen=True, slots=True)
class ExcludedUse:
    """A use that no purpose may serve.

    Args:
        code: stable code, such as ``law_enforcement``.
        title: name for people.
        stems: beginnings of words, without spaces, by which the use is recognized in a code or title.
        reason: why it is excluded, in plain words.
    """

    code: str
    title: str
    stems: tuple[str, ...]
    reason: str


EXCLUDED_USES: dict[str, ExcludedUse] = {
    use.code: use
    for use in (
        ExcludedUse(
            "law_enforcement",
            "Law enforcement",
            ("lawenforcement", "police", "policing", "sheriff", "prosecut", "arrest", "criminal"),
            "Families and schools share data so that a child is cared for and taught, not investigated.",
        ),
        ExcludedUse(
            "immigration_enforcement",
            "Immigration enforcement",
            ("immigration", "deport", "bordercontrol", "borderpatrol", "customsenforcement"),
            "A family that fears deportation stays away from school and from help.",
        ),
        ExcludedUse(
            "risk_scoring",
            "Risk scoring",
            ("riskscor", "riskassess", "riskpredict", "riskmodel", "riskrating", "riskrank", "predictiverisk",
             "predictrisk", "threatassess", "threatscor"),
            "A link between two records says who a child is, never what the child or a parent may do.",
        ),
        ExcludedUse(
            "adverse_action",
            "Adverse action",
            ("adverseaction", "denialofbenefit", "terminationofbenefit", "sanction", "fraudinvestigation"),
            "A link can be wrong. Nobody loses a benefit or a right because of it.",
        ),
        ExcludedUse(
            "legal_process",
            "Subpoena or court order",
            ("subpoena", "searchwarrant"),
            "A subpoena is a single case that counsel decides, not a purpose for which data is shared.",
        ),
    )
}  # fmt: skip
"""Uses that cannot be registered as a purpose, by code."""

PURPOSES: dict[str, Purpose] = {
    purpose.code: purpose
    for purpose in (
        Purpose(
            "enrolment_coordination",
            "Enroll a child in school",
            "Caseworker and school enroll a child who enters care or moves, without waiting for papers.",
            "The child sits in class within days.",
        ),
        Purpose(
            "school_stability",
            "Keep a child in the same school",
            "Caseworker and school decide together whether the child stays in the school of origin.",
            "The child keeps teachers and friends when home changes.",
        ),
        Purpose(
            "credit_transfer",
            "Transfer credits and records",
            "The new school gets transcript and partial credits from the school before.",
            "Work that the child has done counts toward graduation.",
        ),
        Purpose(
            "case_planning",
            "Plan a child's case",
            "The caseworker keeps the education part of the case plan current.",
            "The plan knows how the child does at school and what is missing.",
        ),
        Purpose(
            "special_education_coordination",
            "Coordinate special education",
            "School and caseworker carry on services for a child with a disability after a move.",
            "Services go on without a new evaluation or a gap.",
        ),
        Purpose(
            "court_report",
            "Report to the dependency court",
            "The caseworker reports on the child's schooling to the court that oversees the care.",
            "The judge decides with current facts about the child's school.",
        ),
        Purpose(
            "transport",
            "Transport a child to school",
            "District and agency arrange and pay the way to the school of origin.",
            "The child gets to the same school from a new home.",
        ),
        Purpose(
            "reporting_federal",
            "Report to federal programs",
            "The state reports counts that federal law asks for, such as students in foster care.",
            "Programs for these children are funded and held to account.",
        ),
        Purpose(
            "program_evaluation",
            "Audit and evaluate programs",
            "Analysts measure what becomes of children whom a program serves, without naming a child.",
            "What helps is kept, and what does not help is changed.",
        ),
        Purpose(
            "data_quality",
            "Correct records and links",
            "Stewards and data owners find and correct wrong records, duplicates and wrong links.",
            "No child is taken for another one.",
        ),
        Purpose(
            "system_admin",
            "Operate the index",
            "Operators run, secure and repair the index.",
            "The answer is there on the morning when a school is needed.",
        ),
        Purpose(
            "subject_access",
            "Show people their own records",
            "A parent, guardian or former student inspects the record and who has seen it.",
            "The family can see and correct what is said about the child.",
        ),
        Purpose(
            "emergency_breakglass",
            "Protect a child in an emergency",
            "Named staff look up one child when health or safety is in danger. Each use is reviewed.",
            "A child in danger is found in time.",
        ),
    )
}
"""Purposes of use that every index knows, by code."""


def check_purpose(purpose: Purpose, registered_codes: Collection[str]) -> None:
    """Refuse a purpose that cannot be registered.

    Args:
        purpose: the purpose that a state wants to add.
        registered_codes: codes of the purposes that exist.

    Raises:
        InputError: the code is taken or malformed, a text is missing or too long, or the code or title
            names an excluded use.
    """
    if not _CODE.fullmatch(purpose.code) or purpose.code in _RESERVED_CODES:
        raise InputError(
            "a purpose's code starts with a lower-case letter, followed by up to 63 lower-case letters, "
            "digits and underscores; 'all' is reserved"
        )
    if purpose.code in registered_codes:
        raise InputError(f"there is a purpose {purpose.code!r} already")
    _check_text("title", purpose.title, MAX_TITLE_LENGTH)
    _check_text("vision", purpose.vision, MAX_TEXT_LENGTH)
    _check_text("value", purpose.value, MAX_TEXT_LENGTH)
    use = find_excluded_use(purpose)
    if use is not None:
        raise InputError(f"{use.title} cannot be a purpose of this index. {use.reason}")


def find_excluded_use(purpose: Purpose) -> ExcludedUse | None:
    """Return the excluded use that a code or title names, if any."""
    texts = [_squeeze(purpose.code), _squeeze(purpose.title)]
    for use in EXCLUDED_USES.values():
        if any(stem in text for stem in use.stems for text in texts):
            return use
    return None


def _squeeze(text: str) -> str:
    """Return a text's letters in lower case, without accents and spaces."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in decomposed if letter.isalpha())


def _check_text(name: str, text: str, max_length: int) -> None:
    is_printable = all(unicodedata.category(letter) not in ("Cc", "Cs", "Cf") for letter in text)
    if not text.strip() or len(text) > max_length or not is_printable:
        raise InputError(f"a purpose's {name} has 1 to {max_length} characters that can be seen, in one line")
