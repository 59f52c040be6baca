"""Comparison of linkage tokens, derived from a model's own comparisons of fields.

A model is fitted on records in clear text. What it learned of names and birth dates tells what an equal token
is worth: rule T3 agrees where first name, last name and birth date do, so it weighs what these three weigh
together, and no more. The sex is left out, as it may be sent beside the tokens. ADR 0136 has the rule, and
what it was measured against.

Two records in clear text are compared by their values: their tokens say nothing new, and the comparison is
missing. So no evidence is counted twice.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mpi.domain.weight import Thresholds
from mpi.matching.model.blocking_keys import BlockingRule
from mpi.matching.model.cautions import Cautions
from mpi.matching.model.frequencies import Frequencies
from mpi.matching.model.match_model import MatchModel

TOKEN_COMPARISON = "tokens"  # noqa: S105 - the name of a comparison
PARTIAL_CAUTION = "linkage tokens agree in part of the first name alone"
SEX_CAUTION = "linkage tokens agree, and sex does not"

_INITIAL, _PLACE, _NAME, _NUMBER, _SHORT = (
    f"list_has_any({column}_l, {column}_r)"
    for column in ("tokens_initial", "tokens_place", "tokens_name", "tokens_number", "tokens_short")
)
_IN_CLEAR_TEXT = "(surname_l IS NOT NULL AND surname_r IS NOT NULL)"
_NOTHING_TO_COMPARE = (
    f"(list_has_any(token_exchanges_l, token_exchanges_r) OR {_PLACE} OR {_NUMBER}) IS NOT TRUE"
)
_SAME_YEAR = "birth_year_l = birth_year_r"
_NO_BIRTH_DATE = "(tokens_initial_l IS NULL OR tokens_initial_r IS NULL)"
_SEX_DIFFERS = (
    f"({_PLACE} AND tokens_name_l IS NOT NULL AND tokens_name_r IS NOT NULL AND {_NAME} IS NOT TRUE)"
)

_SHARE_OF_NICKNAMES = 0.5
"""Share of nicknames that begin as the other name does, such as Liz (no) and Ben (yes)."""
_SIMILARITY = "jaro_winkler_similarity(given_l, given_r)"
_SMALLEST = 1e-9

_BLOCKING = {
    "token-start": (("tokens_initial",), ("tokens_name",)),
    "token-place": (("tokens_place",), ()),
    "token-number": (("tokens_number",), ()),
    "token-short": (("tokens_short", "birth_year"), ()),
}


@dataclass(frozen=True, slots=True)
class _Odds:
    """How often an outcome is seen in matches and in others.

    Args:
        m: probability in pairs that are one child.
        u: probability in pairs that are two.
    """

    m: float
    u: float

    def __mul__(self, other: "_Odds") -> "_Odds":
        return _Odds(self.m * other.m, self.u * other.u)

    def __truediv__(self, other: "_Odds") -> "_Odds":
        """Return odds without evidence that another comparison counts already."""
        return _Odds(self.m * other.u, self.u * other.m)


@dataclass(frozen=True, slots=True)
class _FieldOdds:
    """What a model learned of the fields of which tokens are made."""

    given: _Odds
    given_three: _Odds
    given_initial: _Odds
    surname: _Odds
    birth_date: _Odds
    birth_year: _Odds
    sex_differs: _Odds
    number: _Odds


def compare_tokens(model: MatchModel) -> MatchModel:
    """Return a model that also blocks on and compares linkage tokens.

    A model that has such a comparison keeps it. One that does not compare first name, last name and birth
    date cannot tell what a token is worth, and is returned as it is.
    """
    comparisons = {each["output_column_name"]: each for each in model.settings["comparisons"]}
    odds = _find_field_odds(comparisons, model.frequencies)
    if odds is None:
        return model
    settings = dict(model.settings)
    if TOKEN_COMPARISON not in comparisons:
        settings["comparisons"] = [*model.settings["comparisons"], _write_comparison(odds)]
    rules = {rule.name for rule in model.blocking.rules}
    added = [BlockingRule.parse(name, *parts) for name, parts in _BLOCKING.items() if name not in rules]
    return replace(
        model,
        settings=settings,
        blocking=replace(model.blocking, rules=(*model.blocking.rules, *added)),
        cautions=_add_cautions(model.cautions, model.thresholds),
    )


def _find_field_odds(comparisons: Mapping[str, Any], frequencies: Frequencies) -> _FieldOdds | None:
    """Read what a model learned of the fields, or None."""
    given = _find_level(comparisons, "given", "given_l = given_r")
    surname = _find_level(comparisons, "surname", "surname_l = surname_r")
    birth_date = _find_level(comparisons, "birth_date", "birth_date_l = birth_date_r")
    if given is None or surname is None or birth_date is None:
        return None
    neutral = _Odds(1.0, 1.0)
    year = "birth_year_l = birth_year_r AND (birth_date_l IS NULL OR birth_date_r IS NULL)"
    return _FieldOdds(
        given=given,
        given_three=_find_part_odds(comparisons, given, _count_equal_starts(frequencies, 3), frequencies),
        given_initial=_find_part_odds(comparisons, given, _count_equal_starts(frequencies, 1), frequencies),
        surname=surname,
        birth_date=birth_date,
        birth_year=_find_level(comparisons, "birth_date", year) or neutral,
        sex_differs=_find_level(comparisons, "sex", "ELSE") or neutral,
        number=_find_level(comparisons, "ssn", "ssn_l = ssn_r") or neutral,
    )


def _find_level(comparisons: Mapping[str, Any], name: str, condition: str) -> _Odds | None:
    """Return the odds of a level of a comparison, by its condition."""
    for level in comparisons.get(name, {}).get("comparison_levels", ()):
        is_wanted = level["sql_condition"].replace('"', "") == condition
        if is_wanted and level.get("m_probability") and level.get("u_probability"):
            return _Odds(float(level["m_probability"]), float(level["u_probability"]))
    return None


def _find_part_odds(
    comparisons: Mapping[str, Any], same: _Odds, equal_starts: float, frequencies: Frequencies
) -> _Odds:
    """Return the odds that first names differ, and begin alike.

    Of matches: half of the nicknames, and all names that are spelled alike. Of others: as the listed names do
    whose first letters are equal, without those that are equal whole.
    """
    levels = [
        (level["sql_condition"].replace('"', ""), level.get("m_probability") or 0.0)
        for level in comparisons["given"]["comparison_levels"]
    ]
    nicknames = sum(m for condition, m in levels if condition.startswith("list_has_any(given_roots_l"))
    alike = sum(m for condition, m in levels if condition.startswith(_SIMILARITY))
    u = max(equal_starts - _count_equal_starts(frequencies, None), same.u)
    return _Odds(max(_SHARE_OF_NICKNAMES * nicknames + alike, _SMALLEST), u)


def _count_equal_starts(frequencies: Frequencies, length: int | None) -> float:
    """Return the probability that two children's first names begin alike."""
    shares: dict[str, float] = {}
    for name, share in frequencies.tables.get("given", {}).items():
        shares[name[:length]] = shares.get(name[:length], 0.0) + share
    return sum(share * share for share in shares.values())


def _write_comparison(odds: _FieldOdds) -> dict[str, Any]:
    """Write the comparison of tokens as Splink settings."""
    whole = odds.given * odds.surname * odds.birth_date
    without_date = odds.surname * _join(odds.given, odds.given_three)
    other_date = _Odds(1 - odds.birth_date.m, 1 - odds.birth_date.u)
    number = odds.number * odds.birth_date
    three, initial = (
        part * odds.surname * odds.birth_date for part in (odds.given_three, odds.given_initial)
    )
    names = _join(odds.given, odds.given_three) * odds.surname
    dated = [
        ("SSN and birth date", f"{_NUMBER} AND (ssn_l IS NULL OR ssn_r IS NULL)", number),
        ("names and birth date, sex different", _SEX_DIFFERS, whole * odds.sex_differs),
        ("names and birth date", f"({_NAME} OR {_PLACE})", whole),
        ("last name, three letters and birth date", f"({_INITIAL} AND {_SHORT})", three),
        ("last name, initial and birth date", _INITIAL, initial),
    ]
    levels = [{
        "sql_condition": f"({_IN_CLEAR_TEXT} OR {_NOTHING_TO_COMPARE})",
        "label_for_charts": "missing",
        "is_null_level": True,
    }]  # fmt: skip
    for label, condition, level_odds in dated:
        # The year of birth, where both send it, is counted by the comparison of birth dates.
        levels += [
            _write_level(
                f"{condition} AND {_SAME_YEAR}", f"{label}, year known", level_odds / odds.birth_year
            ),
            _write_level(condition, label, level_odds),
        ]
    levels += [
        _write_level(f"{_SHORT} AND {_NO_BIRTH_DATE}", "last name and three letters", without_date),
        _write_level(_SHORT, "last name and three letters, birth date different", names * other_date),
        _write_level("ELSE", "different", _Odds(1 - names.m, 1 - names.u)),
    ]
    return {
        "output_column_name": TOKEN_COMPARISON,
        "comparison_description": TOKEN_COMPARISON,
        "comparison_levels": levels,
    }


def _join(*odds: _Odds) -> _Odds:
    """Return the odds of any of several outcomes that exclude each other."""
    return _Odds(min(sum(each.m for each in odds), 1.0), min(sum(each.u for each in odds), 1.0))


def _write_level(condition: str, label: str, odds: _Odds) -> dict[str, Any]:
    """Write a level whose weight is not trained."""
    bits = math.log2(max(odds.m, _SMALLEST**2) / max(odds.u, _SMALLEST**2))
    # Only the ratio of m and u weighs.
    m, u = (0.5, 0.5 * 2**-bits) if bits > 0 else (0.5 * 2**bits, 0.5)
    return {
        "sql_condition": condition,
        "label_for_charts": label,
        "m_probability": m,
        "u_probability": u,
        "fix_m_probability": True,
        "fix_u_probability": True,
    }


def _add_cautions(cautions: Cautions, thresholds: Thresholds) -> Cautions:
    """Add the cautions of tokens, and lift those that ask for names.

    Where a token says that names or birth date agree, no caution asks that they be known.
    """
    by_tokens = (
        f"({_IN_CLEAR_TEXT} IS NOT TRUE AND ({_NAME} OR {_PLACE} OR {_NUMBER} OR {_INITIAL} OR {_SHORT}))"
    )
    partial = (
        f"({_IN_CLEAR_TEXT} IS NOT TRUE AND ({_INITIAL} OR {_SHORT})"
        f" AND ({_NAME} OR {_PLACE} OR {_NUMBER}) IS NOT TRUE)"
    )
    sex = f"({_IN_CLEAR_TEXT} IS NOT TRUE AND {_SEX_DIFFERS})"
    lifted = {label: f"({by_tokens} IS NOT TRUE AND ({text}))" for label, text in cautions.when.items()}
    bits = cautions.bits if cautions.when else (thresholds.review + thresholds.link) / 2
    return replace(cautions, bits=bits, when={**lifted, PARTIAL_CAUTION: partial, SEX_CAUTION: sex})
