"""Cautions of a fitted model: conditions that cap a pair's weight.

See ``mpi.matching.model.cautions``. The weight of a level is an average. It says too much where the
agreeing values are shared by a whole household, or where nothing but a name and a birth date agrees
and something contradicts them. No caution is learned: each is what a careful person would ask
about, and the field's golden pairs require the same.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

from mpi.domain.weight import Thresholds
from mpi.matching.model.cautions import Cautions
from mpi.matching.model.record_conditions import (
    FIRST_OF_JANUARY,
    GIVEN_ONE_EDIT,
    GUARDIAN_SURNAME,
    HOME_AND_CONTACT,
    NAMES_SWAPPED,
    NAMES_SWAPPED_SIMILAR,
    NEAR_HOME,
    ONLY_NAMES_AGREE,
    SAME_BIRTH,
    SAME_GIVEN,
    SAME_MIDDLE,
    SAME_NUMBER_OR_LAST4,
    SAME_SURNAME,
    SECOND_DOUBT,
    SIMILAR_BIRTH,
    SIMILAR_GIVEN,
    SUPPORT_BEYOND_MIDDLE,
    UNCORROBORATED,
    all_of,
    any_of,
    differ,
    equal,
    equal_swapped,
    overlap,
    prefix_of_other,
    similar,
    within_days,
)
from training.fit.limits.caution_odds import (
    LEAST_CORROBORATED_SHARE,
    NO_ODDS,
    CautionOdds,
    Confirmation,
    Mask,
    WeighedPairs,
)
from training.fit.limits.thresholds import get_caution_bits


def _is_not_true(condition: str) -> str:
    """Build the SQL condition that another condition is false or unknown."""
    return f"{condition} IS NOT TRUE"


def _all_equal(*columns: str) -> str:
    """Build the SQL condition that all columns are equal in both records."""
    return f"({all_of(*map(equal, columns))})"


def _missing_in_either(column: str) -> str:
    """Build the SQL condition that either record lacks a column."""
    return f"({column}_l IS NULL OR {column}_r IS NULL)"


_CONTACT_COLUMNS = ("addresses", "guardians", "phones")
_CONTACT_DIFFERS = {column: differ(overlap(column), column) for column in _CONTACT_COLUMNS}
_NUMBERS_DIFFER = f"({all_of(overlap('identifier_systems'), differ(overlap('identifiers'), 'identifiers'))})"
_NUMBERS_NOT_NEAR = f"({all_of(_NUMBERS_DIFFER, _is_not_true(overlap('identifiers_near')))})"


def _unless(*reliefs: str) -> str:
    """Build the SQL condition that no relief lifts a caution.

    Two different numbers of one issuing system are evidence against a match: nothing lifts a caution
    over them, and a person decides.
    """
    return _is_not_true(f"({all_of(any_of(reliefs), _is_not_true(_NUMBERS_DIFFER))})")


_BIRTH_AGREES = any_of([SAME_BIRTH, equal_swapped("birth_date", "birth_date_swapped"), within_days(1)])
_OTHER_PLACE = differ(equal("birth_place"), "birth_place")
_SAME_SSN = any_of([equal("ssn"), equal("ssn_last4")])
_OTHER_SSN = any_of([differ(equal("ssn"), "ssn"), differ(equal("ssn_last4"), "ssn_last4")])
_WEAK_SUPPORT = any_of([equal("middle_initial"), equal("birth_place")])
_OTHER_FAMILY = f"({all_of(equal('household_system'), differ(overlap('household_ids'), 'household_ids'))})"
"""Two family numbers of one source that differ."""
_TWO_CONTACTS_DIFFER = any_of(
    f"({all_of(_CONTACT_DIFFERS[a], _CONTACT_DIFFERS[b])})" for a, b in combinations(_CONTACT_COLUMNS, 2)
)
_OTHER_TOWN = f"({all_of(_CONTACT_DIFFERS['addresses'], differ(equal('city'), 'city'))})"
"""Homes in two towns; most families that move stay in one."""
_NO_STABLE_FACT_AGREES = (
    _is_not_true(equal("birth_place")),
    _is_not_true(_all_equal("middle_initial", "city")),
)
_OTHER_DETAILS = (
    differ(equal("middle_initial"), "middle_initial"),
    _OTHER_PLACE,
    differ(equal("suffix"), "suffix"),
    _OTHER_FAMILY,
    f"({all_of(_TWO_CONTACTS_DIFFER, *_NO_STABLE_FACT_AGREES)})",
    f"({all_of(any_of([_OTHER_TOWN, _CONTACT_DIFFERS['phones']]), _is_not_true(_WEAK_SUPPORT))})",
)
_ONLY_MIDDLE_NAME = f"({all_of(SAME_MIDDLE, _is_not_true(SUPPORT_BEYOND_MIDDLE))})"
_SURNAMES_DIFFER = differ(
    any_of([SAME_SURNAME, overlap("surname_forms"), prefix_of_other("surname"), similar("surname", 0.8)]),
    "surname",
)
_MULTIPLE_BIRTH = any_of(["multiple_birth_l", "multiple_birth_r"])
_SAME_NAMES = f"({all_of(equal('given'), overlap('surname_forms'))})"
_PLACED_TOGETHER = any_of(
    [
        "list_has_any(placement_homes_l, addresses_r)",
        "list_has_any(addresses_l, placement_homes_r)",
    ]
)

_ONE_CHILD_OF_THE_HOME = all_of(
    any_of([SAME_SURNAME, similar("surname", 0.92)]),
    equal("birth_date"),
    _is_not_true(differ(equal("sex"), "sex")),
    any_of(
        [
            overlap("addresses"),
            overlap("household_ids"),
            equal("birth_place"),
            f"({all_of(overlap('guardians'), GUARDIAN_SURNAME)})",
        ]
    ),
)
"""Same surname, birth date and sex, and a home or guardian shared.

The two are one child, or twins whose birth is not recorded as multiple.
"""

_HOME_OF_THE_CHILD = all_of(
    any_of([HOME_AND_CONTACT, f"({_ONE_CHILD_OF_THE_HOME})"]),
    SAME_BIRTH,
    _is_not_true(differ(equal("sex"), "sex")),
    _is_not_true(_MULTIPLE_BIRTH),
)
"""One home, birth date and sex, and no multiple birth known: one child."""

OTHER_NUMBER_AND_YEAR_CAUTION = "birth years are apart, and numbers of one system differ"
CAUTIONS: dict[str, str] = {
    "a given name is missing": all_of(
        _missing_in_either("given"),
        _unless(SAME_NUMBER_OR_LAST4, f"({_HOME_OF_THE_CHILD})"),
    ),
    "nothing but name and birth date in common, and another guardian": all_of(
        UNCORROBORATED, _CONTACT_DIFFERS["guardians"], _is_not_true(any_of([_WEAK_SUPPORT, equal("city")]))
    ),
    "given names differ": all_of(differ(SIMILAR_GIVEN, "given"), _is_not_true(overlap("identifiers"))),
    "a surname is missing, and nothing else is in common": all_of(
        _missing_in_either("surname"), ONLY_NAMES_AGREE
    ),
    "a birth date is not whole, and given names are not the same": all_of(
        _missing_in_either("birth_date"),
        differ(SAME_GIVEN, "given"),
        _unless(SAME_NUMBER_OR_LAST4, SAME_MIDDLE),
    ),
    "birth years differ, and nothing but names is in common": all_of(
        differ(_BIRTH_AGREES, "birth_date"), differ(equal("birth_year"), "birth_year"), ONLY_NAMES_AGREE
    ),
    OTHER_NUMBER_AND_YEAR_CAUTION: all_of(
        "abs(birth_year_l - birth_year_r) > 1", _NUMBERS_DIFFER, _is_not_true(_SAME_SSN)
    ),
    "born on the first of January, as one whose birthday is unknown, and names differ": all_of(
        FIRST_OF_JANUARY, _unless(SAME_NUMBER_OR_LAST4, NEAR_HOME), _is_not_true(_SAME_NAMES)
    ),
    "twins: one home and birthday, given names alike, more in doubt": all_of(
        NEAR_HOME,
        SAME_BIRTH,
        differ(SAME_GIVEN, "given"),
        any_of(
            [
                SECOND_DOUBT,
                _is_not_true(any_of([NAMES_SWAPPED_SIMILAR, similar("given", 0.92), GIVEN_ONE_EDIT])),
            ]
        ),
        _unless(SAME_NUMBER_OR_LAST4, equal("middle_initial")),
    ),
    "twins: one home and birthday, given names of one root, sex different": all_of(
        NEAR_HOME,
        SAME_BIRTH,
        differ(overlap("given_forms"), "given"),
        differ(equal("sex"), "sex"),
        _unless(SAME_NUMBER_OR_LAST4, SAME_MIDDLE),
    ),
    "one home in common, but by a placement, and surnames differ": all_of(
        _PLACED_TOGETHER, _SURNAMES_DIFFER, _unless(SAME_NUMBER_OR_LAST4, equal("birth_place"))
    ),
}
"""Cautions: the label that people read, with its SQL condition."""

NAMESAKE_CAUTION = "birth dates differ, and nothing but names and a middle name in common"
EXCHANGE_CAUTION = "first and last name are exchanged, more differs, and nothing else is in common"
STRANGER_CAUTION = "nothing but name and birth date in common, as strangers of this name have"
OTHER_NUMBER_CAUTION = "numbers of one system differ, and a name is missing"
OTHER_NUMBER_AND_NAME_CAUTION = "numbers of one system differ, and first names differ"
OTHER_SSN_CAUTION = "nothing but name and birth date in common, and another SSN"
OTHER_ID_CAUTION = "nothing but name and birth date in common, and another number of one system"
OTHER_DETAILS_CAUTION = "nothing but name and birth date in common, and a detail differs"
_OTHER_BIRTH = any_of(
    [
        differ(SIMILAR_BIRTH, "birth_date"),
        f"({all_of(_missing_in_either('birth_date'), 'abs(birth_year_l - birth_year_r) > 1')})",
    ]
)
"""Birth dates that differ in more than a slip, or years alone by more than one."""
_NAMES_EXCHANGED_WITH_DOUBT = any_of(
    [
        f"({all_of(NAMES_SWAPPED, _is_not_true(SAME_BIRTH))})",
        f"({all_of(NAMES_SWAPPED_SIMILAR, _is_not_true(NAMES_SWAPPED))})",
    ]
)
"""First and last name exchanged, and a second difference: misspelled, or born on another day."""


def _list_other_number_cautions(other_number: str) -> dict[str, str]:
    """List the cautions against two numbers of one system and another doubt.

    Args:
        other_number: SQL condition that numbers of one system differ.
    """
    is_other = any_of([other_number, _OTHER_SSN])
    return {
        OTHER_NUMBER_CAUTION: all_of(
            is_other, any_of([_missing_in_either("given"), _missing_in_either("surname")])
        ),
        OTHER_NUMBER_AND_NAME_CAUTION: all_of(is_other, differ(SIMILAR_GIVEN, "given")),
    }


ODDS_CAUTIONS: dict[str, str] = {
    EXCHANGE_CAUTION: all_of(
        _NAMES_EXCHANGED_WITH_DOUBT, _is_not_true(overlap("given_roots")), UNCORROBORATED
    ),
    NAMESAKE_CAUTION: all_of(_OTHER_BIRTH, SAME_GIVEN, SAME_SURNAME, _is_not_true(SUPPORT_BEYOND_MIDDLE)),
    **_list_other_number_cautions(_NUMBERS_DIFFER),
}
"""Cautions of data in which most matches rest on names and dates alone.

There the other cautions give way where the odds say so (``training.fit.limits.caution_odds``). The one
against a missing name and different numbers never does.
"""
_MASKS = {
    "a given name is missing": Mask(
        "given", ("given", "given_forms", "given_roots"), ("given names differ",)
    ),
    "a surname is missing, and nothing else is in common": Mask(
        "surname", ("surname", "surname_tokens", "surname_forms")
    ),
    "a birth date is not whole, and given names are not the same": Mask(
        "birth_date",
        ("birth_date", "birth_date_swapped", "birth_dates"),
        ("birth years differ, and nothing but names is in common", NAMESAKE_CAUTION),
    ),
}
_SAME_BIRTH_AS_KNOWN = any_of(
    [equal("birth_date"), f"({all_of(_missing_in_either('birth_date'), equal('birth_year'))})"]
)
_CONFIRMATIONS = {
    "given names differ": Confirmation("given", equal("given")),
    "birth years differ, and nothing but names is in common": Confirmation("birth_date", equal("birth_date")),
    NAMESAKE_CAUTION: Confirmation("birth_year", _SAME_BIRTH_AS_KNOWN),
    OTHER_SSN_CAUTION: Confirmation("ssn", equal("ssn")),
    OTHER_ID_CAUTION: Confirmation("identifiers", overlap("identifiers")),
    OTHER_NUMBER_AND_YEAR_CAUTION: Confirmation("identifiers", overlap("identifiers")),
    OTHER_NUMBER_AND_NAME_CAUTION: Confirmation(
        "coalesce(ssn, identifiers[1])", any_of([equal("ssn"), overlap("identifiers")])
    ),
}
_NAMESAKES = f"({all_of(SAME_GIVEN, SAME_SURNAME)})"
_STRANGERS = all_of(
    _NAMESAKES,
    UNCORROBORATED,
    "birth_year_l IS NOT NULL",
    "birth_year_r IS NOT NULL",
    _is_not_true(_OTHER_BIRTH),
)
_OPPOSED_BY_DETAILS = f"({all_of(UNCORROBORATED, any_of(_OTHER_DETAILS))})"
_OPPOSED_BY_SSN = f"({all_of(_is_not_true(SUPPORT_BEYOND_MIDDLE), _OTHER_SSN)})"
_OPPOSED_BY_ID = f"({all_of(UNCORROBORATED, _NUMBERS_DIFFER)})"
_OPPOSED_BY_NUMBERS = {OTHER_SSN_CAUTION: _OPPOSED_BY_SSN, OTHER_ID_CAUTION: _OPPOSED_BY_ID}
"""Cautions against two numbers of one system, of which each gives way by itself."""


def measure_caution_odds(
    weighed: WeighedPairs, prior: float, growth: float, relief_bits: float
) -> CautionOdds:
    """Measure from which weights cautions give way in a population.

    Where most matches are corroborated and relatives are usual, a person can ask about the others, and only
    the cautions against two numbers of one system give way: the data itself shows mistyped numbers.

    Args:
        weighed: candidate pairs with the weights of the fitted model.
        prior: share of matches among all pairs of records.
        growth: size of the index in multiples of the data.
        relief_bits: bits by which guards against relatives weigh less (``training.fit.relatives``).
    """
    share = weighed.measure_corroboration()
    if share >= LEAST_CORROBORATED_SHARE and relief_bits < weighed.lowest_bits:
        return CautionOdds(share, until=_drop_unlimited(_find_confirmed_limits(weighed, _OPPOSED_BY_NUMBERS)))
    strangers = weighed.count_strangers(prior, growth)
    conditions = CAUTIONS | ODDS_CAUTIONS | _OPPOSED_BY_NUMBERS
    limits = _find_confirmed_limits(weighed, {label: conditions[label] for label in _CONFIRMATIONS})
    for label, mask in _MASKS.items():
        doubts = [f"({conditions[other]})" for other in mask.doubts if limits[other] is None]
        limits[label] = weighed.find_masked_limit(conditions[label], mask, any_of(doubts or ["FALSE"]))
    limits[STRANGER_CAUTION] = weighed.find_namesake_limit(_STRANGERS, all_of(_NAMESAKES, _OTHER_BIRTH))
    limits[EXCHANGE_CAUTION] = weighed.find_exchange_limit(conditions[EXCHANGE_CAUTION], _OTHER_BIRTH)
    limits[OTHER_DETAILS_CAUTION] = weighed.find_strangers_limit(_OPPOSED_BY_DETAILS, strangers)
    return CautionOdds(share, True, _drop_unlimited(limits), strangers)


def _find_confirmed_limits(weighed: WeighedPairs, conditions: Mapping[str, str]) -> dict[str, float | None]:
    """Find from which weights cautions against two values give way.

    Args:
        weighed: candidate pairs with the weights of the fitted model.
        conditions: SQL condition of each caution, by label.
    """
    return {
        label: weighed.find_confirmed_limit(condition, _CONFIRMATIONS[label])
        for label, condition in conditions.items()
    }


def _drop_unlimited(limits: Mapping[str, float | None]) -> dict[str, float]:
    """Return the limits of the cautions that give way."""
    return {label: limit for label, limit in limits.items() if limit is not None}


TWIN_CAUTIONS = frozenset(label for label in CAUTIONS if label.startswith("twins"))
"""Labels of the cautions against twins."""
PARTIAL_DATE_CAUTIONS = frozenset(
    label for label in CAUTIONS if label.startswith("a birth date is not whole")
)
"""Labels of the cautions against incomplete birth dates."""


def _opposed_condition(
    numbers: Sequence[str], details: Sequence[str] = _OTHER_DETAILS, single_lists: Sequence[str] = ()
) -> str:
    """Build the SQL condition of name-and-birth-date pairs with counter-evidence.

    Only name and birth date, and at best a middle name, count for the pair, and something counts
    against it.

    Args:
        numbers: conditions that numbers of one system differ.
        details: conditions that a detail differs.
        single_lists: sources that list hardly anyone twice.
    """
    in_one_list = [_in_one_list(single_lists)] if single_lists else []
    strong = [number for number in numbers if number == _OTHER_SSN]
    return any_of(
        [
            f"({all_of(UNCORROBORATED, any_of([*numbers, *details, *in_one_list] or ['FALSE']))})",
            f"({all_of(_ONLY_MIDDLE_NAME, any_of([*strong, _OTHER_PLACE, *in_one_list]))})",
        ]
    )


def _in_one_list(sources: Sequence[str]) -> str:
    """Build the SQL condition that one of the sources holds both records."""
    codes = ", ".join("'" + source.replace("'", "''") + "'" for source in sources)
    return f"({all_of(equal('source'), f'source_l IN ({codes})')})"


def build_cautions(
    thresholds: Thresholds,
    relief_bits: float = 0.0,
    near_number_bits: float = 0.0,
    *,
    complete_dates_usual: bool = True,
    odds: CautionOdds = NO_ODDS,
) -> Cautions:
    """Build a model's conditions that keep a doubtful pair from being linked.

    A cautioned pair weighs less than a link: it still contests a poor one.

    Args:
        thresholds: thresholds of the enterprise IDs.
        relief_bits: bits by which guards against relatives weigh less (``training.fit.relatives``).
        near_number_bits: learned weight of two ID numbers that differ by a typo. Where numbers are
            sequential it is low, and such a number belongs to another child; where it would link by
            itself it is a typo.
        complete_dates_usual: whether an incomplete birth date is an exception
            (``training.fit.birth_date_precision``).
        odds: from which weights cautions give way (``training.fit.limits.caution_odds``).
    """
    omitted = TWIN_CAUTIONS if relief_bits >= thresholds.link else frozenset()
    if not complete_dates_usual:
        omitted |= PARTIAL_DATE_CAUTIONS
    other_number = _NUMBERS_NOT_NEAR if near_number_bits >= thresholds.link else _NUMBERS_DIFFER
    numbers = {OTHER_ID_CAUTION: other_number, OTHER_SSN_CAUTION: _OTHER_SSN}
    conditions = dict(CAUTIONS)
    details: Sequence[str] = _OTHER_DETAILS
    if odds.decide:
        conditions |= ODDS_CAUTIONS | _list_other_number_cautions(other_number)
        if odds.until.get(STRANGER_CAUTION, math.inf) > thresholds.link:
            conditions[STRANGER_CAUTION] = _STRANGERS
    if OTHER_DETAILS_CAUTION in odds.until:
        conditions[OTHER_DETAILS_CAUTION] = _OPPOSED_BY_DETAILS
        details = ()
    conditions |= {label: _OPPOSED_BY_NUMBERS[label] for label in numbers if label in odds.until}
    until = {
        label: max(bits, thresholds.link)
        for label, bits in odds.until.items()
        if label in conditions and label not in omitted
    }
    return Cautions(
        get_caution_bits(thresholds),
        {label: condition for label, condition in conditions.items() if label not in omitted},
        UNCORROBORATED,
        _opposed_condition(
            [condition for label, condition in numbers.items() if label not in odds.until],
            details,
            odds.single_lists if odds.decide else (),
        ),
        until,
    )
