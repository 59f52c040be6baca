"""Selection of practice pairs: half of one child, half of two children.

Each hard kind gives about as many pairs as the others.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from rapidfuzz.distance import JaroWinkler

from mpi.standardize.text_folding import join_words
from training.simulate.simulation import Population

PAIRS = 160
HIDDEN_FIELDS = frozenset({
    "local_id", "ssn", "ssn_last4", "race", "ethnicity", "subject", "flags", "restrictions", "placements",
    "merged_into", "as_of", "phone",
})  # fmt: skip
"""Fields that no practice pair shows.

They are no evidence, or a number that a real person might have.
"""
_EXCLUDED_TAGS = frozenset({"sealed", "expunged", "address_confidential", "died"})
_LIST_FIELDS = frozenset({"identifiers", "other_names", "enrollments", "addresses", "guardians"})
_SIMILAR, _DISSIMILAR = 0.85, 0.65
_YEAR_LENGTH = len("2026")


@dataclass(frozen=True, slots=True)
class SimulatedRecord:
    """Simulated record with its truth."""

    source: str
    person: str
    household: str
    tags: frozenset[str]
    values: dict[str, Any]

    def text(self, name: str) -> str:
        """Return a comparable value of a field; empty if missing."""
        return join_words(str(self.values.get(name, ""))) or ""


@dataclass(frozen=True, slots=True)
class PairKind:
    """Kind of practice pair for stewards, such as twins.

    Args:
        name: name of the kind.
        truth: ``same`` or ``different``.
        explanation: the truth in one sentence.
        fits: whether a pair, already known to be of one child or of two, is of this kind.
    """

    name: str
    truth: str
    explanation: str
    fits: Callable[[SimulatedRecord, SimulatedRecord], bool]


def _do_names_differ(left: SimulatedRecord, right: SimulatedRecord) -> bool:
    """Return whether first or last names of two records differ."""
    return left.text("first_name") != right.text("first_name") or left.text("last_name") != right.text(
        "last_name"
    )


def _is_misspelled(left: SimulatedRecord, right: SimulatedRecord) -> bool:
    """Return whether a name is misspelled without a change of name."""
    for name in ("first_name", "last_name"):
        left_value, right_value = left.text(name), right.text(name)
        if (
            left_value
            and right_value
            and left_value != right_value
            and JaroWinkler.similarity(left_value, right_value) >= _SIMILAR
        ):
            return not {"name_changed", "placeholder_name", "carer_surname"} & (left.tags | right.tags)
    return False


def _has_moved(left: SimulatedRecord, right: SimulatedRecord) -> bool:
    """Return whether two records differ only in the home."""
    homes = left.text("address_line1"), right.text("address_line1")
    return all(homes) and homes[0] != homes[1] and not _do_names_differ(left, right)


KINDS = (
    PairKind(
        "name change", "same", "the child's name changed, and one system still has the old one",
        lambda left, right: "name_changed" in left.tags and _do_names_differ(left, right)
        and "placeholder_name" not in left.tags | right.tags,
    ),
    PairKind(
        "placeholder", "same", "the child was recorded as a newborn without a name",
        lambda left, right: ("placeholder_name" in left.tags) != ("placeholder_name" in right.tags),
    ),
    PairKind(
        "caregiver's last name", "same", "the school entered the caregiver's last name for the child",
        lambda left, right: ("carer_surname" in left.tags) != ("carer_surname" in right.tags),
    ),
    PairKind("misspelled", "same", "a name is misspelled or shortened", _is_misspelled),
    PairKind("moved", "same", "the family moved, or the child was placed elsewhere", _has_moved),
    PairKind(
        "twins", "different", "they are twins or other multiples",
        lambda left, right: left.household == right.household and "twin" in left.tags & right.tags
        and left.text("birth_date") == right.text("birth_date"),
    ),
    PairKind(
        "siblings", "different", "they are brothers or sisters in one home",
        lambda left, right: left.household == right.household and not {"twin"} & left.tags & right.tags
        and left.text("last_name") == right.text("last_name"),
    ),
    PairKind(
        "namesakes", "different", "two children have the same name",
        lambda left, right: left.household != right.household and not _do_names_differ(left, right)
        and left.text("birth_date")[:_YEAR_LENGTH] == right.text("birth_date")[:_YEAR_LENGTH],
    ),
)  # fmt: skip
"""Hard kinds of practice pairs, half of them of one child."""


def choose_practice_pairs(population: Population, pairs: int = PAIRS) -> list[dict[str, Any]]:
    """Choose pairs for stewards to practice on, numbered in random order.

    Only pairs that can be decided by the shown fields are chosen: of one child with enough in common,
    of two with something that no one child has. The same state gives the same pairs.

    Args:
        population: a simulated state.
        pairs: number of pairs, half of them of one child.
    """
    rng = np.random.default_rng(population.seed)
    records = list(_list_records(population))
    chosen_pairs: list[dict[str, Any]] = []
    for truth in ("same", "different"):
        kinds = [kind for kind in KINDS if kind.truth == truth]
        candidate_pairs = list(
            _pair_within_children(records) if truth == "same" else _pair_across_children(records)
        )
        order = rng.permutation(len(candidate_pairs)).tolist()
        for position, kind in enumerate(kinds):
            count = pairs // 2 // len(kinds) + (position < pairs // 2 % len(kinds))
            fitting = (
                candidate_pairs[n]
                for n in order
                if kind.fits(*candidate_pairs[n]) and _is_decidable(candidate_pairs[n], truth)
            )
            chosen_pairs += [
                _to_practice_pair(kind, left, right)
                for (left, right), _ in zip(fitting, range(count), strict=False)
            ]
    return [
        {"id": n, **chosen_pairs[position]}
        for n, position in enumerate(rng.permutation(len(chosen_pairs)).tolist(), 1)
    ]


def _list_records(population: Population) -> Iterator[SimulatedRecord]:
    """Yield the simulated records that practice pairs may show."""
    for source, file in population.files.items():
        for row in range(len(file)):
            tags = frozenset(file.truth["tags"][row].split("|"))
            if tags & _EXCLUDED_TAGS:
                continue
            values = {
                name: json.loads(column[row]) if name in _LIST_FIELDS else column[row]
                for name, column in file.columns.items()
                if column[row] and name not in HIDDEN_FIELDS
            }
            person, household = file.truth["person_id"][row], file.truth["household_id"][row]
            yield SimulatedRecord(
                source=str(source), person=person, household=household, tags=tags, values=values
            )


def _pair_within_children(
    records: list[SimulatedRecord],
) -> Iterator[tuple[SimulatedRecord, SimulatedRecord]]:
    """Yield pairs of records of one child in two systems."""
    yield from _pair_across_sources(records, lambda record: record.person)


def _pair_across_children(
    records: list[SimulatedRecord],
) -> Iterator[tuple[SimulatedRecord, SimulatedRecord]]:
    """Yield record pairs of two children with one home or name."""
    for key in (
        lambda record: record.household,
        lambda record: f"{record.text('first_name')}|{record.text('last_name')}",
    ):
        yield from (
            (left, right) for left, right in _pair_across_sources(records, key) if left.person != right.person
        )


def _pair_across_sources(
    records: list[SimulatedRecord], key: Callable[[SimulatedRecord], str]
) -> Iterator[tuple[SimulatedRecord, SimulatedRecord]]:
    """Yield pairs of records of two sources that share a key."""
    groups: dict[str, list[SimulatedRecord]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    for group in groups.values():
        for position, left in enumerate(group):
            yield from ((left, right) for right in group[position + 1 :] if left.source != right.source)


def _is_decidable(pair: tuple[SimulatedRecord, SimulatedRecord], truth: str) -> bool:
    """Return whether the fields shown to a steward decide a pair."""
    left, right = pair
    shared, different = compare_facts(left, right)
    if truth == "same":
        has_support = len({"caregiver", "home", "e-mail"} & set(shared)) > 1 or "state student ID" in shared
        return has_support and "birth date" in shared and "state student ID" not in different
    telling = {"first name", "birth date", "caregiver"} & set(different)
    names = left.text("first_name"), right.text("first_name")
    has_unlike_names = all(names) and JaroWinkler.similarity(*names) < _DISSIMILAR
    is_multiple_birth = all(record.values.get("multiple_birth") for record in pair)
    return bool(telling) and (
        "state student ID" in different
        or (has_unlike_names and (is_multiple_birth or "birth date" in different))
    )


def compare_facts(left: SimulatedRecord, right: SimulatedRecord) -> tuple[list[str], list[str]]:
    """Return the facts that two records share, and those that differ.

    A fact that one record lacks is in neither list.
    """
    shared: list[str] = []
    different: list[str] = []
    for name, left_values in _extract_facts(left).items():
        right_values = _extract_facts(right)[name]
        if left_values and right_values:
            (shared if left_values & right_values else different).append(name)
    return shared, different


def _extract_facts(record: SimulatedRecord) -> dict[str, set[str]]:
    """Return the compared facts of a record."""
    facts = {
        "first name": {record.text("first_name")},
        "last name": {record.text("last_name")},
        "birth date": {record.text("birth_date")},
        "sex": {record.text("sex")},
        "state student ID": {identifier["value"] for identifier in record.values.get("identifiers", ())},
        "caregiver": {(record.text("guardian_first_name") + " " + record.text("guardian_last_name")).strip()},
        "home": {record.text("address_line1")},
        "e-mail": {record.text("email")},
    }
    return {name: values - {""} for name, values in facts.items()}


def _to_practice_pair(kind: PairKind, left: SimulatedRecord, right: SimulatedRecord) -> dict[str, Any]:
    """Convert a pair to the JSON form of a practice pair."""
    shared, different = compare_facts(left, right)
    explanation = f"{'Same child' if kind.truth == 'same' else 'Different children'}: {kind.explanation}."
    explanation += f" The same: {', '.join(shared)}." if shared else " Nothing is the same."
    explanation += f" Not the same: {', '.join(different)}." if different else ""
    records = [{"source": record.source, "values": record.values} for record in (left, right)]
    return {"kind": kind.name, "truth": kind.truth, "why": explanation, "records": records}
