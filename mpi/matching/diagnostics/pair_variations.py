"""Variations of a record pair, to explain what would change its weight.

One feature of the pair is changed and the pair is scored again like any other. A level is not simply
exchanged for another by its weight, because the levels of one comparison affect others (twins are
recognized by given name, home and birth date together) and the cautions. Variations are never stored.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from mpi.domain.features import LIST_COLUMNS, Features

COLUMNS_OF_SUBJECT: Mapping[str, tuple[str, ...]] = {
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
"""Attributes that can be varied, with their feature columns."""

_TOKEN_SUBJECTS = frozenset({"given", "surname", "birth_date"})
"""Attributes that cannot vary apart from the tokens that stand for them."""

SAME, MISSING, DIFFERENT = "same", "missing", "different"
_MIN_MISSPELLED_LETTERS = 4
"""Letters of a name from which one can be left out and it stays similar."""
_UNIQUE_TEXT = "QXZVQXZ"
_UNIQUE_TEXTS = (_UNIQUE_TEXT,)
_AGREEING_VALUES: dict[str, Mapping[str, Any]] = {
    "middle": {"middle": _UNIQUE_TEXT, "middle_initial": _UNIQUE_TEXT[0]},
    "ssn": {"ssn": _UNIQUE_TEXT, "ssn_last4": _UNIQUE_TEXT},
    "identifiers": {
        "identifiers": _UNIQUE_TEXTS, "identifiers_near": _UNIQUE_TEXTS, "identifier_systems": _UNIQUE_TEXTS,
    },
    "email": {"email": _UNIQUE_TEXT},
    "phone": {"phones": _UNIQUE_TEXTS},
    "guardian": {"guardians": _UNIQUE_TEXTS, "guardian_surnames": _UNIQUE_TEXTS},
    "birth_place": {"birth_place": _UNIQUE_TEXT},
}  # fmt: skip
"""Values for both records where neither has one; no frequency is known of them."""

_DISAGREEING_VALUES: Mapping[str, Mapping[str, Any]] = _AGREEING_VALUES | {
    "given": {"given": _UNIQUE_TEXT, "given_forms": _UNIQUE_TEXTS, "given_roots": _UNIQUE_TEXTS},
    "surname": {"surname": _UNIQUE_TEXT, "surname_tokens": _UNIQUE_TEXTS, "surname_forms": _UNIQUE_TEXTS},
    "birth_date": {
        "birth_date": "1903-03-03", "birth_date_swapped": None, "birth_dates": ("1903-03-03",),
        "birth_year": 1903,
    },
    "sex": {"sex": "-"},
    "suffix": {"suffix": "-"},
    "home": {
        "street_number": "0", "street": _UNIQUE_TEXT, "unit": None, "city": _UNIQUE_TEXT, "state": None,
        "postal_code": "-", "addresses": _UNIQUE_TEXTS, "placement_homes": (), "shared_homes": (),
    },
    "household": {"household_ids": _UNIQUE_TEXTS},
    # Of the same kind as before, or they would not be compared.
    "identifiers": {"identifiers": _UNIQUE_TEXTS, "identifiers_near": _UNIQUE_TEXTS},
}  # fmt: skip
"""Values that differ from every other."""


@dataclass(frozen=True, slots=True)
class PairVariation:
    """Pair of records with one attribute changed, to test a model with.

    Args:
        subject: the changed attribute, a key of ``COLUMNS_OF_SUBJECT``.
        how: ``same``, ``missing``, ``different``, or a degree between: ``nickname``, ``alike``, ``initial``,
            ``one_of_two``, ``swapped``, ``stroke``, ``month``, ``year``, ``day_unknown``, ``last_four``; of a
            multiple birth ``no``.
        left: features of one record.
        right: features of the other.
    """

    subject: str
    how: str
    left: Features
    right: Features


def generate_variations(left: Features, right: Features) -> Iterator[PairVariation]:
    """Yield copies of a pair, each with one attribute changed."""
    fixed_subjects = _TOKEN_SUBJECTS if _is_compared_by_tokens(left, right) else ()
    for subject, columns in COLUMNS_OF_SUBJECT.items():
        if subject == "multiple_birth" or subject in fixed_subjects:
            continue
        yield from _vary_to_same(subject, columns, left, right)
        if _has_value(left, columns) and _has_value(right, columns):
            missing: dict[str, Any] = {column: () if column in LIST_COLUMNS else None for column in columns}
            yield PairVariation(subject, MISSING, replace(left, **missing), right)
            yield PairVariation(subject, DIFFERENT, replace(left, **_DISAGREEING_VALUES[subject]), right)
    for subject, how, changes in (
        *_vary_names(left, right),
        *_vary_birth_date(left, right),
        *_vary_ssn(left, right),
    ):
        yield PairVariation(subject, how, replace(left, **changes), right)
    if left.multiple_birth or right.multiple_birth:
        yield PairVariation(
            "multiple_birth", "no", replace(left, multiple_birth=None), replace(right, multiple_birth=None)
        )


def _is_compared_by_tokens(left: Features, right: Features) -> bool:
    """Return whether tokens stand for names in the pair."""
    return any(not each.surname and (each.token_exchanges or each.tokens_place) for each in (left, right))


def _has_value(features: Features, columns: tuple[str, ...]) -> bool:
    """Return whether a record's features have a value in some columns."""
    return any(getattr(features, column) for column in columns)


def _vary_to_same(
    subject: str, columns: tuple[str, ...], left: Features, right: Features
) -> Iterator[PairVariation]:
    """Yield a copy of a pair whose records agree on an attribute."""
    if _has_value(right, columns):
        values: Mapping[str, Any] = {column: getattr(right, column) for column in columns}
        yield PairVariation(subject, SAME, replace(left, **values), right)
    elif _has_value(left, columns):
        values = {column: getattr(left, column) for column in columns}
        yield PairVariation(subject, SAME, left, replace(right, **values))
    elif subject in _AGREEING_VALUES:
        values = _AGREEING_VALUES[subject]
        yield PairVariation(subject, SAME, replace(left, **values), replace(right, **values))


def _vary_names(left: Features, right: Features) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield copies of a pair with one name changed."""
    if left.given and right.given:
        roots = tuple(sorted({*left.given_roots, *right.given_roots}))
        yield "given", "nickname", {"given_roots": roots}
        yield "given", "initial", _make_given_columns(right.given[0])
        if len(right.given) >= _MIN_MISSPELLED_LETTERS:
            yield "given", "alike", _make_given_columns(_misspell(right.given))
    if left.surname and right.surname:
        tokens = tuple(sorted({*left.surname_tokens, *right.surname_tokens}))
        yield "surname", "one_of_two", {"surname_tokens": tokens}
        if len(right.surname) >= _MIN_MISSPELLED_LETTERS:
            misspelled = _misspell(right.surname)
            names = (misspelled,)
            yield "surname", "alike", {"surname": misspelled, "surname_tokens": names, "surname_forms": names}
    if right.middle_initial and left.middle:
        yield "middle", "initial", {"middle": right.middle_initial, "middle_initial": right.middle_initial}


def _make_given_columns(name: str) -> dict[str, Any]:
    """Return the feature columns that follow from a given name."""
    return {"given": name, "given_forms": (name,), "given_roots": (name,)}


def _misspell(name: str) -> str:
    """Return a misspelled name: its last letter but one is left out.

    It is spelled alike, and begins alike.
    """
    return name[:-2] + name[-1]


def _vary_birth_date(left: Features, right: Features) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield copies of a pair with a changed birth date."""
    if not left.birth_date or not right.birth_date:
        return
    day = date.fromisoformat(right.birth_date)
    if right.birth_date_swapped:
        yield "birth_date", "swapped", _make_birth_date_columns(date.fromisoformat(right.birth_date_swapped))
    yield "birth_date", "stroke", _make_birth_date_columns(_change_one_digit(day))
    yield "birth_date", "month", _make_birth_date_columns(day.replace(day=(day.day + 13) % 28 + 1))
    yield (
        "birth_date",
        "year",
        _make_birth_date_columns(day.replace(month=(day.month + 5) % 12 + 1, day=(day.day + 13) % 28 + 1)),
    )
    yield "birth_date", "day_unknown", {
        "birth_date": None, "birth_date_swapped": None, "birth_dates": (), "birth_year": day.year
    }  # fmt: skip


def _change_one_digit(day: date) -> date:
    """Return a nearby date that differs in one digit."""
    for days in (2, -2, 3, -3):
        candidate = day + timedelta(days)
        if (
            sum(left != right for left, right in zip(candidate.isoformat(), day.isoformat(), strict=True))
            == 1
        ):
            return candidate
    return day.replace(year=day.year - 1)


def _make_birth_date_columns(day: date) -> dict[str, Any]:
    """Return the feature columns that follow from a birth date."""
    text = day.isoformat()
    return {"birth_date": text, "birth_date_swapped": None, "birth_dates": (text,), "birth_year": day.year}


def _vary_ssn(left: Features, right: Features) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield a copy of a pair whose SSNs share only four digits."""
    if left.ssn_last4 and right.ssn_last4:
        yield "ssn", "last_four", {"ssn": None, "ssn_last4": right.ssn_last4}
