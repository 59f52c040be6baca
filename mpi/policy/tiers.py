"""Sensitivity tiers of populations and fields, and what each purpose may carry.

A tier says how much harm an answer can do. A purpose carries fields up to its highest tier, and the flags of
the populations that it names. What has no row here is restricted, or is not carried at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

from mpi.domain.children.items import ItemKind
from mpi.domain.record import SENT_FIELDS
from mpi.domain.viewer import OTHER_POPULATIONS


class Tier(IntEnum):
    """Sensitivity of a population's flag or of a field, least first."""

    DIRECTORY = 1
    """Identity and school, which a school directory holds."""
    DEMOGRAPHIC = 2
    """Demographic facts and contact details."""
    PROGRAM = 3
    """Program status that agencies share under an agreement."""
    SENSITIVE = 4
    """Needs a legal basis and a need to know."""
    RESTRICTED = 5
    """Needs a named purpose and a named role."""
    SEALED = 6
    """No answer carries it."""


POPULATION_TIERS = MappingProxyType({
    "english_learner": Tier.DEMOGRAPHIC,
    "military_connected": Tier.DEMOGRAPHIC,
    "economic_disadvantage": Tier.DEMOGRAPHIC,
    "foster_care": Tier.PROGRAM,
    "migrant": Tier.PROGRAM,
    "awaiting_foster_care": Tier.SENSITIVE,
    "disability": Tier.SENSITIVE,
    "homeless": Tier.SENSITIVE,
    "kinship_care": Tier.SENSITIVE,
    "section_504": Tier.SENSITIVE,
    "tribal_affiliation": Tier.SENSITIVE,
    "unaccompanied_youth": Tier.SENSITIVE,
    "juvenile_justice": Tier.RESTRICTED,
    "neglected_or_delinquent": Tier.RESTRICTED,
    "pregnant_or_parenting": Tier.RESTRICTED,
    "runaway": Tier.RESTRICTED,
    OTHER_POPULATIONS: Tier.RESTRICTED,
    "adopted": Tier.SEALED,
})  # fmt: skip
"""Tier of each special population.

Source: docs/reference/policy.md, after the codes of CEDS, Ed-Fi 5.2, AFCARS 2020 and EDFacts.
"""

POPULATIONS = frozenset(population for population, tier in POPULATION_TIERS.items() if tier < Tier.SEALED)
"""Populations whose flags an answer may carry."""

COURT_POPULATIONS = frozenset({"juvenile_justice", "neglected_or_delinquent"})
"""Populations that only an agreement that names them can disclose, since state juvenile law varies."""

_DIRECTORY_FIELDS = frozenset({
    "local_id", "first_name", "middle_name", "last_name", "suffix", "preferred_name", "other_names",
    "birth_date", "birth_date_quality", "previous_birth_dates", "sex", "multiple_birth", "birth_order",
    "subject", "school_id", "district_id", "grade", "entry_date", "exit_date", "enrollments", "as_of",
})  # fmt: skip
_DEMOGRAPHIC_FIELDS = frozenset({
    "address_line1", "address_line2", "city", "state", "postal_code", "county", "addresses", "phone", "email",
    "guardian_first_name", "guardian_last_name", "guardian_relationship", "guardians", "birth_city",
    "birth_state", "birth_country", "birth_place", "race", "ethnicity", "death_date",
})  # fmt: skip
CASEWORKER_FIELD = "caseworker"
"""Stands for a child's caseworker and how to reach them; no record holds it."""
_SENSITIVE_ITEMS = frozenset({ItemKind.CONTACT_RESTRICTION.value})
ITEM_FIELDS = frozenset(kind.value for kind in ItemKind)
"""Items of a child in care; no record holds them."""
_PROGRAM_FIELDS = frozenset({"identifiers", "household_ids", CASEWORKER_FIELD}) | (
    ITEM_FIELDS - _SENSITIVE_ITEMS
)
_SENSITIVE_FIELDS = frozenset({"placements"}) | _SENSITIVE_ITEMS
_UNCARRIED_FIELDS = frozenset({"ssn", "ssn_last4", "linkage_tokens"})
"""No record holds an SSN's digits, and no answer holds a linkage token."""

OWN_FIELDS = frozenset({"restrictions"})
"""Fields that a source reads of its own records under each purpose, and nobody else reads.

That a child has a protective order tells who is looked for.
"""

FLAGS_FIELD = "flags"
PLACEMENTS_FIELD = "placements"


def _list_field_tiers() -> dict[str, Tier]:
    tiers = dict.fromkeys((*SENT_FIELDS, "birth_place"), Tier.RESTRICTED)
    tiers |= dict.fromkeys(_DIRECTORY_FIELDS, Tier.DIRECTORY)
    tiers |= dict.fromkeys(_DEMOGRAPHIC_FIELDS, Tier.DEMOGRAPHIC)
    tiers |= dict.fromkeys(_PROGRAM_FIELDS, Tier.PROGRAM)
    tiers |= dict.fromkeys(_SENSITIVE_FIELDS, Tier.SENSITIVE)
    tiers |= dict.fromkeys(_UNCARRIED_FIELDS, Tier.SEALED)
    # Flags are decided one by one, by population.
    del tiers[FLAGS_FIELD]
    return tiers


FIELD_TIERS = MappingProxyType(_list_field_tiers())
"""Tier of each canonical field and golden-record attribute, flags apart."""


def fields_up_to(tier: Tier) -> frozenset[str]:
    """Return the fields whose tier is at most a given one."""
    return frozenset(field for field, field_tier in FIELD_TIERS.items() if field_tier <= tier)


def populations_up_to(tier: Tier) -> frozenset[str]:
    """Return the populations up to a tier, never the sealed ones."""
    return frozenset(population for population in POPULATIONS if POPULATION_TIERS[population] <= tier)


@dataclass(frozen=True, slots=True)
class PurposeRule:
    """What a purpose of use may carry.

    Args:
        highest_tier: highest tier of a field or population in an answer.
        populations: populations whose flags an answer may hold.
        carries_own: whether a source may read all its own flags and placements under this purpose.
    """

    highest_tier: Tier
    populations: frozenset[str] = frozenset()
    carries_own: bool = False

    @property
    def fields(self) -> frozenset[str]:
        """Fields that an answer may hold, flags apart."""
        return fields_up_to(self.highest_tier)


def _rule(tier: Tier, populations: Iterable[str] = (), *, carries_own: bool = False) -> PurposeRule:
    return PurposeRule(tier, frozenset(populations), carries_own)


PURPOSE_RULES = MappingProxyType({
    "enrolment_coordination": _rule(Tier.SENSITIVE, (
        "foster_care", "homeless", "unaccompanied_youth", "awaiting_foster_care", "english_learner",
        "migrant", "military_connected", "disability", "section_504",
    )),
    "school_stability": _rule(Tier.SENSITIVE, (
        "foster_care", "homeless", "unaccompanied_youth", "awaiting_foster_care", "kinship_care",
    )),
    "credit_transfer": _rule(Tier.DEMOGRAPHIC, ("english_learner",)),
    "case_planning": _rule(Tier.RESTRICTED, POPULATIONS),
    "special_education_coordination": _rule(Tier.SENSITIVE, (
        "foster_care", "disability", "section_504", "english_learner",
    )),
    "court_report": _rule(Tier.RESTRICTED, POPULATIONS),
    "transport": _rule(Tier.DEMOGRAPHIC),
    "reporting_federal": _rule(Tier.PROGRAM),
    "program_evaluation": _rule(Tier.PROGRAM),
    "data_quality": _rule(Tier.PROGRAM, carries_own=True),
    "system_admin": _rule(Tier.DIRECTORY, carries_own=True),
    "subject_access": _rule(Tier.RESTRICTED, POPULATIONS, carries_own=True),
    "emergency_breakglass": _rule(Tier.RESTRICTED, POPULATIONS),
})  # fmt: skip
"""What each purpose of use may carry."""

ADDED_PURPOSE_RULE = PurposeRule(Tier.DIRECTORY)
"""What a purpose may carry that a state added, if an agreement names it."""
