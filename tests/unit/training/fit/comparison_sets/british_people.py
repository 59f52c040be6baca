"""Seeded British records of past centuries: names, birth date, postal code and place of birth."""

import random
from collections.abc import Iterator

from mpi.domain.features import Features
from training.records import RecordRow, standardize_rows

_GIVEN = (
    "John", "William", "Thomas", "George", "James", "Mary", "Anne", "Elizabeth", "Charles", "Henry", "Edward",
    "Robert", "Margaret", "Sarah", "Jane",
)  # fmt: skip
_SURNAMES = (
    "Smith", "Jones", "Taylor", "Brown", "Clifford", "Ashworth", "Pemberton", "Hargreaves", "Thornton",
    "Whitaker", "Bancroft", "Fairfax", "Lovell", "Norton", "Oakley", "Percy", "Quarles", "Radcliffe", "Selby",
    "Tufton", "Upton", "Vane", "Warburton", "Yorke", "Askew", "Marsh",
)  # fmt: skip
_AREAS = ("TQ", "SW", "B", "M", "LS", "NE", "EX", "BS")
_UNIT_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
_PLACES = ("London", "Exeter", "Leeds", "Bristol", "York")


def make_british_rows(people: int, seed: int = 1) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each record's person and fields; one person in seven is born on the first of January."""
    rng = random.Random(seed)
    for person in range(people):
        born = f"{rng.randrange(1620, 1905)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
        fields = {
            "first_name": rng.choice(_GIVEN),
            "last_name": rng.choice(_SURNAMES),
            "birth_date": born if rng.random() < 0.85 else f"{born[:4]}-01-01",
            "postal_code": make_postcode(rng),
            "birth_city": rng.choice(_PLACES),
        }
        for _ in range(rng.choice((1, 2, 2, 3))):
            yield person, add_noise(fields, rng)


def make_postcode(rng: random.Random) -> str:
    """Return a postcode in one of the ways in which people write it."""
    outward = f"{rng.choice(_AREAS)}{rng.randrange(1, 20)}"
    inward = f"{rng.randrange(1, 9)}{''.join(rng.choices(_UNIT_LETTERS, k=2))}"
    return rng.choice((f"{outward} {inward}", f"{outward}{inward}", f"{outward} {inward}".lower()))


def add_noise(fields: dict[str, str], rng: random.Random) -> dict[str, str]:
    """Return fields with slips of the pen and gaps."""
    noisy = dict(fields)
    for name in ("first_name", "last_name"):
        if rng.random() < 0.15:
            place = rng.randrange(len(noisy[name]))
            noisy[name] = noisy[name][:place] + rng.choice("aeiou") + noisy[name][place + 1 :]
    if rng.random() < 0.15:
        noisy["birth_date"] = noisy["birth_date"][:4]
    if rng.random() < 0.15:
        noisy["postal_code"] = make_postcode(rng)
    for name in ("birth_date", "postal_code", "birth_city"):
        if rng.random() < 0.1:
            del noisy[name]
    return noisy


def make_british_records(people: int, seed: int = 1) -> tuple[list[tuple[int, Features]], dict[int, int]]:
    """Return standardized records and the person of each."""
    rows = list(make_british_rows(people, seed))
    standardized = standardize_rows([RecordRow("register", fields, {}) for _, fields in rows])
    records = [(number, features) for number, features in enumerate(standardized) if features is not None]
    return records, {number: person for number, (person, _) in enumerate(rows)}
