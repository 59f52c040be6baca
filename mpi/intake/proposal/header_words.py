"""Meaning of a column by its name."""

import re
from dataclasses import dataclass

from mpi.policy.never_ingested import find_never_ingested_topic
from mpi.standardize.fields.field_synonyms import find_near_synonym, find_synonym

LIKELY, NEAR = 0.95, 0.65
"""Confidence in a name that is a common word for a field, and in one that is nearly such a word."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ABBREVIATIONS = {
    "NM": "NAME", "DT": "DATE", "NBR": "NUMBER", "NUM": "NUMBER", "NO": "NUMBER", "ADDR": "ADDRESS",
    "FST": "FIRST", "LST": "LAST", "MID": "MIDDLE", "TEL": "PHONE", "PH": "PHONE", "SCH": "SCHOOL",
    "DIST": "DISTRICT", "STU": "STUDENT", "STDNT": "STUDENT", "ETHN": "ETHNICITY", "GRD": "GRADE",
    "ENRL": "ENROLLMENT", "ENROLL": "ENROLLMENT", "BRTH": "BIRTH", "PREF": "PREFERRED", "LVL": "LEVEL",
    "REL": "RELATIONSHIP", "PLCMNT": "PLACEMENT", "IND": "INDICATOR", "LN": "LAST", "CNTY": "COUNTY",
}  # fmt: skip
_NOISE = frozenset((
    "STUDENT", "CHILD", "PERSON", "CLIENT", "PUPIL", "THE", "OF", "S", "CODE", "CD", "TXT", "DESC",
    "DESCRIPTOR", "CURRENT", "PRIMARY", "DEMOGRAPHICS", "YOUTH", "PARTICIPANT", "LEARNER", "INDICATOR",
))  # fmt: skip
"""Words that say whose the value is, or how it is stored, and not what it means."""

_CARETAKERS = {
    "MOTHER": "mother", "FATHER": "father", "GUARDIAN": None, "PARENT": None, "CAREGIVER": None,
    "MOM": "mother",
    "DAD": "father", "CONTACT": None,
}  # fmt: skip
_OTHER_CONTACTS = frozenset(("EMERGENCY", "DOCTOR", "PHYSICIAN", "DENTIST", "TEACHER", "COUNSELOR", "WORKER"))
_STATE_ID = re.compile(
    r"(?:STATE|SS|UNIQUESTATE|ST)(?:STUDENT|ASSIGNED|UNIQUE|TESTING|SCHOOL)*(?:ID|NUMBER|IDENTIFIER|IDNUMBER)\Z"
    r"|SSID\Z|SASID\Z|STATEUNIQUESTUDENTID\Z|CSISSTUDENTID\Z|SUID\Z|STN\Z|FLEID\Z|PEIMSID\Z|PEARSONSSID\Z"
    r"|STUDENTSTATEID\Z|STATESTUDENTIDENTIFIER\Z|MARSSNUMBER\Z|CID\Z"
)
_FLAGS = {
    "foster_care": ("FOSTER", "FOSTERCARE", "INFOSTERCARE", "FOSTERCHILD", "ISFOSTER"),
    "homeless": ("HOMELESS", "HOMELESSSTATUS", "MCKINNEYVENTO", "ISHOMELESS", "HOMELESSFLAG"),
    "english_learner": (
        "ELL", "EL", "LEP", "ENGLISHLEARNER", "ENGLISHLANGUAGELEARNER", "ESL", "ELSTATUS",
        "LIMITEDENGLISHPROFICIENCY", "ISELL",
    ),
    "disability": (
        "IEP", "SPED", "SPECIALED", "SPECIALEDUCATION", "DISABILITY", "HASIEP", "SPEDSTATUS", "SPECED",
        "DISABLED",
    ),
    "section_504": ("504", "SECTION504", "PLAN504", "504PLAN", "HAS504", "IS504"),
    "migrant": ("MIGRANT", "MIGRANTSTATUS", "ISMIGRANT"),
    "military_connected": ("MILITARY", "MILITARYCONNECTED", "MILITARYFAMILY"),
}  # fmt: skip
_FLAG_OF_WORD = {word: population for population, words in _FLAGS.items() for word in words}
_IDENTIFIERS = {
    "MEDICAIDID": "medicaid_id", "MEDICAIDNUMBER": "medicaid_id", "CCWISID": "ccwis_person_id",
    "CCWISPERSONID": "ccwis_person_id", "SACWISID": "ccwis_person_id",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a column probably means.

    Args:
        target: canonical field, ``full_name``, ``identifiers.SYSTEM``, ``flags.POPULATION`` or
            ``guardians.NUMBER.KEY``; None where the name says nothing.
        confidence: from 0 to 1.
        reason: why, in some words.
        relationship: for a guardian, what the name says, such as ``mother``.
    """

    target: str | None
    confidence: float
    reason: str
    relationship: str | None = None


def read_header(name: str) -> Meaning:
    """Return what a column probably means by its name alone."""
    if find_never_ingested_topic(name) is not None:
        return Meaning(None, 1.0, "never stored by the index")
    words = [_ABBREVIATIONS.get(word, word) for word in (part.upper() for part in _WORD.findall(name))]
    joined = "".join(words)
    if _STATE_ID.match(joined):
        return Meaning("identifiers.state_student_id", LIKELY, "the student ID of the state")
    if joined in _IDENTIFIERS:
        return Meaning(f"identifiers.{_IDENTIFIERS[joined]}", LIKELY, "a number of another system")
    flag = _FLAG_OF_WORD.get(joined) or _FLAG_OF_WORD.get(
        joined.removesuffix("STATUS").removesuffix("FLAG").removesuffix("INDICATOR")
    )
    if flag is not None:
        return Meaning(f"flags.{flag}", LIKELY, "a special population")
    guardian = _read_guardian(words)
    if guardian is not None:
        return guardian
    return _read_field(name, words)


def is_known_name(name: str) -> bool:
    """Return whether a text is exactly a common name of a column."""
    return read_header(name).confidence >= LIKELY


def _read_field(name: str, words: list[str]) -> Meaning:
    """Return the canonical field that a name means."""
    kept = [word for word in words if word not in _NOISE]
    for text in (name, "".join(words), "".join(kept)):
        field = find_synonym(text) if text else None
        if field is not None:
            return Meaning(field, LIKELY, "a common name for it")
    field = find_near_synonym("".join(kept) or name)
    if field is not None:
        return Meaning(field, NEAR, "nearly a common name for it")
    return Meaning(None, 0.0, "no known name")


def _read_guardian(words: list[str]) -> Meaning | None:
    """Return the part of a guardian that a name means, or None."""
    if _OTHER_CONTACTS & {*words}:
        return Meaning(None, 1.0, "a contact who is no caregiver")
    caretakers = [word for word in words if word in _CARETAKERS]
    if not caretakers:
        return None
    relationship = next((_CARETAKERS[word] for word in caretakers if _CARETAKERS[word]), None)
    number = next((word for word in words if word.isdigit()), None)
    group = f"{caretakers[0]}{number or ''}"
    rest = "".join(
        word for word in words if word not in _CARETAKERS and word not in _NOISE and not word.isdigit()
    )
    keys = {
        "": "guardian_full_name", "NAME": "guardian_full_name", "FULLNAME": "guardian_full_name",
        "LASTFIRST": "guardian_full_name", "FIRSTNAME": "guardian_first_name", "FIRST": "guardian_first_name",
        "LASTNAME": "guardian_last_name", "LAST": "guardian_last_name", "SURNAME": "guardian_last_name",
        "RELATIONSHIP": "guardian_relationship", "RELATION": "guardian_relationship",
    }  # fmt: skip
    if rest in keys:
        return Meaning(f"guardians.{group}.{keys[rest]}", LIKELY, "a parent or guardian", relationship)
    if "EMAIL" in rest:
        return Meaning("email", NEAR + 0.2, "the email of a guardian")
    if "PHONE" in rest or "CELL" in rest or "MOBILE" in rest:
        return Meaning("phone", NEAR + 0.2, "the phone of a guardian")
    return Meaning(None, 0.0, "about a guardian")
