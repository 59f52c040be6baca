"""When a pair is never linked by the model alone, as one readable list (see ``mpi.matching.model.cautions``).

The weight of a level is an average. It says too much where what agrees is shared by a whole household, or
where nothing but a name and a birth date agrees and something speaks against it. None of this is learned:
it is what a careful person would ask about, and the golden pairs of the field ask for the same.
"""

from itertools import combinations

from mpi.domain.weight import Thresholds
from mpi.matching.model.cautions import Cautions
from training.fit.sql_fragments import (
    ALIKE_GIVEN,
    ANY_NUMBER,
    BESIDES_MIDDLE,
    FIRST_OF_JANUARY,
    GUARDIAN_SURNAME,
    HOME_AND_CONTACT,
    NAMES_ALONE,
    NEAR_HOME,
    ONE_LETTER,
    SAME_BIRTH,
    SAME_GIVEN,
    SAME_MIDDLE,
    SAME_SURNAME,
    SECOND_DOUBT,
    SWAPPED_ALIKE,
    UNCORROBORATED,
    alike,
    any_of,
    begins,
    both,
    crosswise,
    days_apart,
    same,
    share,
    unlike,
)


def _not(condition: str) -> str:
    return f"{condition} IS NOT TRUE"


def _agreeing(*columns: str) -> str:
    return f"({both(*map(same, columns))})"


def _missing(column: str) -> str:
    return f"({column}_l IS NULL OR {column}_r IS NULL)"


_CONTACTS = ("addresses", "guardians", "phones")
_CONTACT_DIFFERS = {column: unlike(share(column), column) for column in _CONTACTS}
_NUMBERS_DIFFER = f"({both(share('identifier_systems'), unlike(share('identifiers'), 'identifiers'))})"
_NUMBERS_FAR = f"({both(_NUMBERS_DIFFER, _not(share('identifiers_near')))})"
_BIRTH_AGREES = any_of([SAME_BIRTH, crosswise("birth_date", "birth_date_swapped"), days_apart(1)])
_OTHER_PLACE = unlike(same("birth_place"), "birth_place")
_OTHER_SSN = any_of([unlike(same("ssn"), "ssn"), unlike(same("ssn_last4"), "ssn_last4")])
_HALF_BORNE_OUT = any_of([same("middle_initial"), same("birth_place")])
_OTHER_FAMILY = f"({both(same('household_system'), unlike(share('household_ids'), 'household_ids'))})"
"""Two numbers of families that one source gave."""
_TWO_CONTACTS = any_of(
    f"({both(_CONTACT_DIFFERS[a], _CONTACT_DIFFERS[b])})" for a, b in combinations(_CONTACTS, 2)
)
_ELSEWHERE = f"({both(_CONTACT_DIFFERS['addresses'], unlike(same('city'), 'city'))})"
"""Homes in two towns; most families that move stay in one."""
_AGAINST = (
    unlike(same("middle_initial"), "middle_initial"),
    _OTHER_SSN,
    _OTHER_PLACE,
    unlike(same("suffix"), "suffix"),
    _OTHER_FAMILY,
    f"({both(_TWO_CONTACTS, _not(same('birth_place')), _not(_agreeing('middle_initial', 'city')))})",
    f"({both(any_of([_ELSEWHERE, _CONTACT_DIFFERS['phones']]), _not(_HALF_BORNE_OUT))})",
)
_MIDDLE_ALONE = f"({both(SAME_MIDDLE, _not(BESIDES_MIDDLE))})"
_SURNAMES_DIFFER = unlike(
    any_of([SAME_SURNAME, share("surname_forms"), begins("surname"), alike("surname", 0.8)]), "surname"
)
_MULTIPLE = any_of(["multiple_birth_l", "multiple_birth_r"])
_SAME_NAMES = f"({both(same('given'), share('surname_forms'))})"
_PLACED_TOGETHER = any_of(
    [
        "list_has_any(placement_homes_l, addresses_r)",
        "list_has_any(addresses_l, placement_homes_r)",
    ]
)

_ONE_CHILD_OF_THE_HOME = both(
    any_of([SAME_SURNAME, alike("surname", 0.92)]),
    same("birth_date"),
    _not(unlike(same("sex"), "sex")),
    any_of(
        [
            share("addresses"),
            share("household_ids"),
            same("birth_place"),
            f"({both(share('guardians'), GUARDIAN_SURNAME)})",
        ]
    ),
)
"""One surname, birthday and sex, and a home, place of birth or guardian: the child, or a twin not told of."""

CAUTIONS: dict[str, str] = {
    "a given name is missing": both(
        _missing("given"),
        _not(
            any_of(
                [
                    ANY_NUMBER,
                    f"({both(any_of([HOME_AND_CONTACT, f'({_ONE_CHILD_OF_THE_HOME})']), _not(_MULTIPLE))})",
                ]
            )
        ),
    ),
    "nothing but name and birth date in common, and another guardian": both(
        UNCORROBORATED, _CONTACT_DIFFERS["guardians"], _not(any_of([_HALF_BORNE_OUT, same("city")]))
    ),
    "given names differ": both(unlike(ALIKE_GIVEN, "given"), _not(share("identifiers"))),
    "a surname is missing, and nothing else is in common": both(_missing("surname"), NAMES_ALONE),
    "a birth date is not whole, and given names are not the same": both(
        _missing("birth_date"), unlike(SAME_GIVEN, "given"), _not(any_of([ANY_NUMBER, SAME_MIDDLE]))
    ),
    "birth years differ, and nothing but names is in common": both(
        unlike(_BIRTH_AGREES, "birth_date"), unlike(same("birth_year"), "birth_year"), NAMES_ALONE
    ),
    "born on the first of January, as one whose birthday is unknown, and names differ": both(
        FIRST_OF_JANUARY, _not(any_of([ANY_NUMBER, NEAR_HOME])), _not(_SAME_NAMES)
    ),
    "twins: one home and birthday, given names alike, more in doubt": both(
        NEAR_HOME,
        SAME_BIRTH,
        unlike(SAME_GIVEN, "given"),
        any_of([SECOND_DOUBT, _not(any_of([SWAPPED_ALIKE, alike("given", 0.92), ONE_LETTER]))]),
        _not(any_of([ANY_NUMBER, same("middle_initial")])),
    ),
    "twins: one home and birthday, given names of one root, sex different": both(
        NEAR_HOME,
        SAME_BIRTH,
        unlike(share("given_forms"), "given"),
        unlike(same("sex"), "sex"),
        _not(any_of([ANY_NUMBER, SAME_MIDDLE])),
    ),
    "one home in common, but by a placement, and surnames differ": both(
        _PLACED_TOGETHER, _SURNAMES_DIFFER, _not(any_of([ANY_NUMBER, same("birth_place")]))
    ),
}
"""What is said to people, and when."""


TWINS = frozenset(label for label in CAUTIONS if label.startswith("twins"))
"""Cautions that only twins give cause for."""
PARTIAL = frozenset(label for label in CAUTIONS if label.startswith("a birth date is not whole"))
"""Cautions that only a birth date that is not whole gives cause for."""


def _opposed(another_number: str) -> str:
    """Name and birth date, and a middle name at best, speak for the pair, and something speaks against it."""
    return any_of(
        [
            f"({both(UNCORROBORATED, any_of([another_number, *_AGAINST]))})",
            f"({both(_MIDDLE_ALONE, any_of([_OTHER_SSN, _OTHER_PLACE]))})",
        ]
    )


def cautions_for(
    thresholds: Thresholds, relief: float = 0.0, slip: float = 0.0, *, whole_dates: bool = True
) -> Cautions:
    """The cautions, weighing half the margin less than a link: such a pair still contests a poor one.

    Args:
        thresholds: of the enterprise IDs.
        relief: bits by which guards against relatives weigh less (``training.fit.relatives``).
        slip: what a number a slip of the pen apart was learned to weigh. Where numbers follow each other it
            weighs little, and such a number is another child's; where it would link by itself it is a slip.
        whole_dates: whether a birth date that is not whole is an exception (``training.fit.birth_date_precision``).
    """
    needless = TWINS if relief >= thresholds.link else frozenset()
    if not whole_dates:
        needless |= PARTIAL
    another = _NUMBERS_FAR if slip >= thresholds.link else _NUMBERS_DIFFER
    return Cautions(
        round(thresholds.link - thresholds.margin / 2, 4),
        {label: condition for label, condition in CAUTIONS.items() if label not in needless},
        UNCORROBORATED,
        _opposed(another),
    )
