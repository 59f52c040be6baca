"""Typed rates of the simulated state, read from ``rates.toml``."""

import hashlib
import tomllib
from dataclasses import dataclass
from importlib import resources

import numpy as np

_FILE = "rates.toml"


@dataclass(frozen=True, slots=True)
class StateRates:
    """Size of the simulated state, and the day of its files."""

    as_of: str
    oldest_years: int
    records_per_child: float

    @property
    def today(self) -> np.datetime64:
        """Day on which the four simulated source systems were read."""
        return np.datetime64(self.as_of, "D")


@dataclass(frozen=True, slots=True)
class FamilyRates:
    """Simulation rates of births, homes and surnames."""

    children_shares: list[float]
    twin_births: float
    triplet_births: float
    spacing_median_months: float
    spacing_spread: float
    spacing_least_months: float
    group_shares: list[float]
    two_guardians: float
    father_named: float
    half_sibling_surname: float
    hyphenated: float
    two_surnames: float
    shared_building: float
    moved_recently: float
    poor: float
    kin_surname: float


@dataclass(frozen=True, slots=True)
class NameRates:
    """Simulation rates of names and name changes."""

    middle_name: float
    middle_name_hispanic: float
    junior: float
    look_alike_twin: float
    same_initial_sibling: float
    kin_cousin_same_name: float
    mononym_african_asian: float
    tail_share: float
    surname_tail_share: float
    identity_change: float
    change_is_given: float
    sex_x: float
    died: float
    change_is_birth_date: float


@dataclass(frozen=True, slots=True)
class StrangerRates:
    """Numbers of unrelated children made alike, per million children."""

    hispanic_pairs: float
    other_pairs: float


@dataclass(frozen=True, slots=True)
class CareRates:
    """Simulation rates of child-welfare cases, placements and adoptions."""

    family_known: float
    child_known: float
    family_in_care: float
    child_in_care: float
    family_left_care: float
    left_care_mean_days: int
    relative_home: float
    group_home: float
    trial_home_visit: float
    siblings_together: float
    children_a_foster_home: float
    children_a_group_home: float
    adopted_after_care: float
    adopted_new_given: float
    adopted_two_clients: float
    adopted_sealed: float
    expunged: float
    merged_client: float
    registered_twice: float
    placement_move: float
    foster_surname_at_school: float
    school_has_placement: float
    address_confidential: float


@dataclass(frozen=True, slots=True)
class SchoolRates:
    """Simulation rates of enrollment, moves and double registrations."""

    public: float
    preschool: float
    in_care_enrolled: float
    leaver_on_file: float
    moved_between_districts: float
    moved_in_care: float
    two_state_ids: float
    two_state_ids_after_move: float
    registered_twice: float
    district_shares: list[float]


@dataclass(frozen=True, slots=True)
class FeedRates:
    """Simulation rates of weekly changes, and how often sources send everything."""

    newcomers_a_year: float
    departures_a_year: float
    corrected_a_week: float
    closed_case_kept_years: int
    closed_case_dropped: float
    full_every_weeks: dict[str, int]


@dataclass(frozen=True, slots=True)
class MissingRates:
    """Simulation rates at which one kind of source leaves out values."""

    middle_name: float
    suffix: float
    birth_date: float
    sex: float
    address: float
    phone: float
    email: float
    guardian: float
    birth_place: float
    race: float
    ssn: float
    state_student_id: float
    household: float
    multiple_birth: float


@dataclass(frozen=True, slots=True)
class NoiseRates:
    """Simulation rates at which one kind of source records wrong values."""

    given_typo: float
    given_nickname: float
    given_variant: float
    surname_typo: float
    surname_reduced: float
    surname_joined: float
    names_swapped: float
    middle_initial: float
    middle_in_first: float
    goes_by_middle: float
    placeholder_name: float
    truncated_at: int
    birth_wrong_digit: float
    birth_swapped: float
    birth_off_by_one: float
    birth_placeholder: float
    birth_of_sibling: float
    sex_wrong: float
    address_old: float
    address_typo: float
    street_spelled_out: float
    unit_in_line1: float
    old_identity: float
    former_given: float
    ssn_typo: float
    ssn_other_person: float
    ssn_last4_only: float
    id_wrong: float
    plain_letters: float


@dataclass(frozen=True, slots=True)
class MisspellingRates:
    """Shares of simulated misspellings made by ear and by scanner.

    The rest are keyboard slips.
    """

    by_ear: float
    by_scanner: float


@dataclass(frozen=True, slots=True)
class ErrorFactors:
    """Factors by which some groups of children have more misrecorded names."""

    black: float
    hispanic: float
    asian: float
    african: float
    english_learner: float


@dataclass(frozen=True, slots=True)
class FlagRates:
    """Simulation rates of special populations such as homeless children."""

    disability: float
    disability_in_care: float
    section_504: float
    english_learner_hispanic: float
    english_learner_other: float
    homeless_poor: float
    homeless_formerly_in_care: float
    migrant_hispanic: float
    military: float
    foster_care_ended_kept: float
    reported: float


@dataclass(frozen=True, slots=True)
class Rates:
    """All rates of the simulation, as ``rates.toml`` states them.

    ``missing`` and ``noise`` are by kind of source; ``digest`` is of the file.
    """

    state: StateRates
    families: FamilyRates
    names: NameRates
    strangers: StrangerRates
    care: CareRates
    school: SchoolRates
    feed: FeedRates
    missing: dict[str, MissingRates]
    noise: dict[str, NoiseRates]
    misspelling: MisspellingRates
    uneven: ErrorFactors
    flags: FlagRates
    digest: str


def load_rates() -> Rates:
    """Load the rates that ship with the simulator.

    Raises:
        TypeError: the file has a key too many or too few.
    """
    content = resources.files("training.simulate").joinpath(_FILE).read_bytes()
    raw = tomllib.loads(content.decode())
    return Rates(
        state=StateRates(**raw["state"]),
        families=FamilyRates(**raw["families"]),
        names=NameRates(**raw["names"]),
        strangers=StrangerRates(**raw["strangers"]),
        care=CareRates(**raw["care"]),
        school=SchoolRates(**raw["school"]),
        feed=FeedRates(**raw["feed"]),
        missing={kind: MissingRates(**rates) for kind, rates in raw["missing"].items()},
        noise={kind: NoiseRates(**rates) for kind, rates in raw["noise"].items()},
        misspelling=MisspellingRates(**raw["misspelling"]),
        uneven=ErrorFactors(**raw["uneven"]),
        flags=FlagRates(**raw["flags"]),
        digest=hashlib.blake2b(content, digest_size=8).hexdigest(),
    )
