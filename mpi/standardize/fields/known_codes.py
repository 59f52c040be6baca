"""Codes of values that can hold no name of a person.

Sources: CEDS elements 001943 (race), 000144 (ethnicity) and 000100 (grade); Ed-Fi 5.2 descriptors Race and
GradeLevel; AFCARS 2020, elements 113 to 120 (living arrangements); ISO 3166-1 alpha-2 (countries); USPS
Publication 28, appendix B (states); docs/reference/flags.md (definitions of populations).
"""

import re
from collections.abc import Callable, Mapping

from mpi.standardize.fields.codes import STATE_CODES, parse_country, parse_state
from mpi.standardize.text_folding import squeeze

_POSTAL_CODE = re.compile(r"[0-9]{5}")

_RACES = {
    **dict.fromkeys(
        ("AMERICANINDIANORALASKANATIVE", "AMERICANINDIANALASKANATIVE"), "AmericanIndianOrAlaskaNative"
    ),
    "ASIAN": "Asian",
    **dict.fromkeys(("BLACKORAFRICANAMERICAN", "BLACKAFRICANAMERICAN"), "BlackOrAfricanAmerican"),
    **dict.fromkeys(
        (
            "NATIVEHAWAIIANOROTHERPACIFICISLANDER", "NATIVEHAWAIIANORPACIFICISLANDER",
            "NATIVEHAWAIIANPACIFICISLANDER",
        ),
        "NativeHawaiianOrOtherPacificIslander",
    ),
    "WHITE": "White",
    **dict.fromkeys(("TWOORMORERACES", "DEMOGRAPHICRACETWOORMORERACES"), "DemographicRaceTwoOrMoreRaces"),
    "HISPANICORLATINO": "HispanicOrLatino",
    "MIDDLEEASTERNORNORTHAFRICAN": "MiddleEasternOrNorthAfrican",
    "CHOOSENOTTORESPOND": "ChooseNotToRespond",
    **dict.fromkeys(("RACEANDETHNICITYUNKNOWN", "UNKNOWN"), "RaceAndEthnicityUnknown"),
    "OTHER": "Other",
}  # fmt: skip
_ETHNICITIES = {
    **dict.fromkeys(("HISPANIC", "HISPANICORLATINO", "YES", "Y"), "HispanicOrLatino"),
    **dict.fromkeys(("NOTHISPANIC", "NOTHISPANICORLATINO", "NONHISPANIC", "NO", "N"), "NotHispanicOrLatino"),
    **dict.fromkeys(("UNKNOWN", "U"), "Unknown"),
}
_ORDINALS = (
    "FIRST", "SECOND", "THIRD", "FOURTH", "FIFTH", "SIXTH", "SEVENTH", "EIGHTH", "NINTH", "TENTH", "ELEVENTH",
    "TWELFTH",
)  # fmt: skip
_GRADES = {
    **{text: f"{number:02}" for number in range(1, 14) for text in (f"{number}", f"{number:02}")},
    **{f"GRADE{number}": f"{number:02}" for number in range(1, 14)},
    **{f"{ordinal}GRADE": f"{number:02}" for number, ordinal in enumerate(_ORDINALS, 1)},
    **dict.fromkeys(("IT", "INFANTTODDLER"), "IT"),
    **dict.fromkeys(("PR", "PRESCHOOL"), "PR"),
    **dict.fromkeys(("PK", "PREK", "PREKINDERGARTEN", "PRESCHOOLPREKINDERGARTEN"), "PK"),
    **dict.fromkeys(("TK", "TRANSITIONALKINDERGARTEN"), "TK"),
    **dict.fromkeys(("KG", "K", "KINDERGARTEN"), "KG"),
    **dict.fromkeys(("PS", "POSTSECONDARY"), "PS"),
    **dict.fromkeys(("UG", "UNGRADED"), "UG"),
    **dict.fromkeys(("AE", "ADULTEDUCATION"), "AE"),
    **dict.fromkeys(("EE", "EARLYEDUCATION"), "EE"),
    "OUTOFSCHOOL": "OutOfSchool",
    "NOGRADELEVEL": "NoGradeLevel",
    "OTHER": "Other",
}
_PLACEMENT_TYPES = {
    squeeze(code): code
    for code in (
        "foster_home", "foster_family_home", "relative_foster_home", "kin_foster_home", "kinship",
        "therapeutic_foster_home", "preadoptive_home", "group_home", "family_operated_group_home",
        "staff_operated_group_home", "shelter_care", "residential_treatment_center",
        "qualified_residential_treatment_program", "child_care_institution", "supervised_independent_living",
        "juvenile_justice_facility", "medical_or_rehabilitative_facility", "psychiatric_hospital",
        "trial_home_visit", "placed_at_home", "runaway", "whereabouts_unknown", "other",
    )
}  # fmt: skip
_FLAG_DEFINITIONS = {
    squeeze(code): code
    for code in (
        "ESSA", "AFCARS", "AFCARS 2020", "McKinney-Vento", "IDEA", "Section 504", "ESEA Title III",
        "ESEA Title I-C", "ESEA Title I-D", "Perkins", "NSLP", "LCFF", "Ed-Fi 5.2", "source",
    )
}  # fmt: skip
_COUNTRIES = frozenset("""
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW
    BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI
    FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN
    IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME
    MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF
    PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV
    SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE
    YT ZA ZM ZW
""".split())  # fmt: skip  # noqa: SIM905 - 249 codes


def _read(codes: Mapping[str, str]) -> Callable[[str], str | None]:
    return lambda text: codes.get(squeeze(text))


def _read_state(text: str) -> str | None:
    state = parse_state(text)
    return state if state in STATE_CODES else None


def _read_country(text: str) -> str | None:
    country = parse_country(text)
    return country if country in _COUNTRIES else None


def _read_postal_code(text: str) -> str | None:
    digits = text[:5]
    return digits if _POSTAL_CODE.fullmatch(digits) else None


_READERS: Mapping[str, Callable[[str], str | None]] = {
    "race": _read(_RACES),
    "ethnicity": _read(_ETHNICITIES),
    "grade": _read(_GRADES),
    "placement_type": _read(_PLACEMENT_TYPES),
    "flag_definition": _read(_FLAG_DEFINITIONS),
    "state": _read_state,
    "country": _read_country,
    "postal_code": _read_postal_code,
}


def find_known_code(code_list: str, text: str) -> str | None:
    """Return the known code of a value, or None.

    Args:
        code_list: name of the list, such as ``grade``; a list that is not known has no codes.
        text: the value as its source sent it.
    """
    reader = _READERS.get(code_list)
    return None if reader is None else reader(text)
