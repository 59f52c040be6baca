"""What if: a pair of records with one thing otherwise, for the scorer itself to say what that changes.

A level is not exchanged for another by its weight alone: the levels of one comparison bear on others (twins
are told by given name, home and birthday together) and on the cautions. So one record is given features with
which the pair compares otherwise, and the pair is scored again like any other. Nothing here is ever stored.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from mpi.domain.features import LIST_COLUMNS, Features

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "given": ("given", "given_forms", "given_roots"),
    "middle": ("middle", "middle_initial"),
    "surname": ("surname", "surname_tokens", "surname_forms"),
    "suffix": ("suffix",),
    "birth_date": ("birth_date", "birth_date_swapped", "birth_dates", "birth_year"),
    "sex": ("sex",),
    "ssn": ("ssn", "ssn_last4"),
    "identifiers": ("identifiers", "identifiers_near", "identifier_systems"),
    "home": (
        "street_number", "street", "unit", "city", "state", "postal_code", "addresses", "placement_homes",
        "shared_homes",
    ),
    "phone": ("phones",),
    "email": ("email",),
    "guardian": ("guardians", "guardian_surnames"),
    "household": ("household_ids", "household_system"),
    "birth_place": ("birth_place",),
    "multiple_birth": ("multiple_birth",),
}  # fmt: skip
"""What can be otherwise, and the columns of Features that tell of it."""

SAME, MISSING, DIFFERENT = "same", "missing", "different"
_SHORTEST = 4
"""Letters of a name from which one that is left out still leaves it spelled alike."""
_UNHEARD_OF = "QXZVQXZ"
_NAMES = (_UNHEARD_OF,)
_FILLED: dict[str, Mapping[str, Any]] = {
    "middle": {"middle": _UNHEARD_OF, "middle_initial": _UNHEARD_OF[0]},
    "ssn": {"ssn": _UNHEARD_OF, "ssn_last4": _UNHEARD_OF},
    "identifiers": {
        "identifiers": _NAMES, "identifiers_near": _NAMES, "identifier_systems": _NAMES,
    },
    "email": {"email": _UNHEARD_OF},
    "phone": {"phones": _NAMES},
    "guardian": {"guardians": _NAMES, "guardian_surnames": _NAMES},
    "birth_place": {"birth_place": _UNHEARD_OF},
}  # fmt: skip
"""What both records are given where neither states anything: a value that no frequency is known of."""

_UNLIKE: Mapping[str, Mapping[str, Any]] = _FILLED | {
    "given": {"given": _UNHEARD_OF, "given_forms": _NAMES, "given_roots": _NAMES},
    "surname": {"surname": _UNHEARD_OF, "surname_tokens": _NAMES, "surname_forms": _NAMES},
    "birth_date": {
        "birth_date": "1903-03-03", "birth_date_swapped": None, "birth_dates": ("1903-03-03",),
        "birth_year": 1903,
    },
    "sex": {"sex": "-"},
    "suffix": {"suffix": "-"},
    "home": {
        "street_number": "0", "street": _UNHEARD_OF, "unit": None, "city": _UNHEARD_OF, "state": None,
        "postal_code": "-", "addresses": _NAMES, "placement_homes": (), "shared_homes": (),
    },
    "household": {"household_ids": _NAMES},
    # Of the same kind as before, or they would not be compared.
    "identifiers": {"identifiers": _NAMES, "identifiers_near": _NAMES},
}  # fmt: skip
"""A value that is like no other."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The pair with one thing about it otherwise.

    Args:
        subject: what is otherwise: a key of ``COLUMNS``.
        how: ``same``, ``missing``, ``different``, or a degree between: ``nickname``, ``alike``, ``initial``,
            ``one_of_two``, ``swapped``, ``stroke``, ``month``, ``year``, ``day_unknown``, ``last_four``; of a
            multiple birth ``no``.
        left: features of the one.
        right: features of the other.
    """

    subject: str
    how: str
    left: Features
    right: Features


def what_ifs(left: Features, right: Features) -> Iterator[WhatIf]:
    """Every single thing that could be otherwise about a pair, as far as its records allow it."""
    for subject, columns in COLUMNS.items():
        if subject == "multiple_birth":
            continue
        yield from _same(subject, columns, left, right)
        if _states(left, columns) and _states(right, columns):
            missing: dict[str, Any] = {column: () if column in LIST_COLUMNS else None for column in columns}
            yield WhatIf(subject, MISSING, replace(left, **missing), right)
            yield WhatIf(subject, DIFFERENT, replace(left, **_UNLIKE[subject]), right)
    for subject, how, changed in (*_names(left, right), *_dates(left, right), *_numbers(left, right)):
        yield WhatIf(subject, how, replace(left, **changed), right)
    if left.multiple_birth or right.multiple_birth:
        yield WhatIf(
            "multiple_birth", "no", replace(left, multiple_birth=None), replace(right, multiple_birth=None)
        )


def _states(features: Features, columns: tuple[str, ...]) -> bool:
    return any(getattr(features, column) for column in columns)


def _same(subject: str, columns: tuple[str, ...], left: Features, right: Features) -> Iterator[WhatIf]:
    if _states(right, columns):
        copied = {column: getattr(right, column) for column in columns}
        yield WhatIf(subject, SAME, replace(left, **copied), right)
    elif _states(left, columns):
        copied = {column: getattr(left, column) for column in columns}
        yield WhatIf(subject, SAME, left, replace(right, **copied))
    elif subject in _FILLED:
        filled = _FILLED[subject]
        yield WhatIf(subject, SAME, replace(left, **filled), replace(right, **filled))


def _names(left: Features, right: Features) -> Iterator[tuple[str, str, dict[str, Any]]]:
    if left.given and right.given:
        roots = tuple(sorted({*left.given_roots, *right.given_roots}))
        yield "given", "nickname", {"given_roots": roots}
        yield "given", "initial", _given(right.given[0])
        if len(right.given) >= _SHORTEST:
            yield "given", "alike", _given(_misspelled(right.given))
    if left.surname and right.surname:
        both = tuple(sorted({*left.surname_tokens, *right.surname_tokens}))
        yield "surname", "one_of_two", {"surname_tokens": both}
        if len(right.surname) >= _SHORTEST:
            alike = _misspelled(right.surname)
            names = (alike,)
            yield "surname", "alike", {"surname": alike, "surname_tokens": names, "surname_forms": names}
    if right.middle_initial and left.middle:
        yield "middle", "initial", {"middle": right.middle_initial, "middle_initial": right.middle_initial}


def _given(name: str) -> dict[str, Any]:
    return {"given": name, "given_forms": (name,), "given_roots": (name,)}


def _misspelled(name: str) -> str:
    """The name without the last letter but one: spelled alike, and begun alike."""
    return name[:-2] + name[-1]


def _dates(left: Features, right: Features) -> Iterator[tuple[str, str, dict[str, Any]]]:
    if not left.birth_date or not right.birth_date:
        return
    day = date.fromisoformat(right.birth_date)
    if right.birth_date_swapped:
        yield "birth_date", "swapped", _born(date.fromisoformat(right.birth_date_swapped))
    yield "birth_date", "stroke", _born(_a_stroke_off(day))
    yield "birth_date", "month", _born(day.replace(day=(day.day + 13) % 28 + 1))
    yield (
        "birth_date",
        "year",
        _born(day.replace(month=(day.month + 5) % 12 + 1, day=(day.day + 13) % 28 + 1)),
    )
    yield "birth_date", "day_unknown", {
        "birth_date": None, "birth_date_swapped": None, "birth_dates": (), "birth_year": day.year
    }  # fmt: skip


def _a_stroke_off(day: date) -> date:
    """A day that is written with one digit otherwise."""
    for days in (2, -2, 3, -3):
        other = day + timedelta(days)
        if sum(a != b for a, b in zip(other.isoformat(), day.isoformat(), strict=True)) == 1:
            return other
    return day.replace(year=day.year - 1)


def _born(day: date) -> dict[str, Any]:
    text = day.isoformat()
    return {"birth_date": text, "birth_date_swapped": None, "birth_dates": (text,), "birth_year": day.year}


def _numbers(left: Features, right: Features) -> Iterator[tuple[str, str, dict[str, Any]]]:
    if left.ssn_last4 and right.ssn_last4:
        yield "ssn", "last_four", {"ssn": None, "ssn_last4": right.ssn_last4}
