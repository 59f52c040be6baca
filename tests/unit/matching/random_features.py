"""Seeded records that are near to each other in every way that the models compare."""

import random
from dataclasses import replace
from datetime import date, timedelta

from mpi.domain.features import LIST_COLUMNS, Features

_GIVEN = ["JAYDEN", "JAYLEN", "MARIA", "MARIE", "JOSÉ", "ANA", "J", "DANIEL", "DANIELA", "李", "ØYVIND"]
_SURNAMES = ["GARCIA", "GARCÍA", "SMITH", "SMYTHE", "VANDENBERG", "VANDENBURG", "NGUYEN", "OBRIEN"]
_STREETS = ["MAIN ST", "MIAN ST", "OAK AVE", "OAKS AVE", "ÉLYSÉE BLVD"]


def random_record(rng: random.Random) -> Features:
    """Return a record; each value may be missing."""

    def or_none(value):
        return value if rng.random() < 0.85 else None

    given_name, other_given = rng.choice(_GIVEN), rng.choice(_GIVEN)
    surname, second = rng.choice(_SURNAMES), rng.choice(_SURNAMES)
    birth_date = date(2010, 1, 1) + timedelta(days=rng.randrange(60))
    swapped = date(birth_date.year, birth_date.day, birth_date.month) if birth_date.day <= 12 else None
    home = f"{rng.randrange(1, 4)} {rng.choice(_STREETS)}|43001"
    middle = or_none(rng.choice([*_GIVEN, "A", "M"]))
    ssn = or_none(f"ssn{rng.randrange(6)}")
    features = Features(
        given=or_none(given_name),
        given_forms=(given_name,),
        given_roots=tuple(sorted({given_name, other_given})),
        middle=middle,
        middle_initial=middle[0] if middle else None,
        surname=or_none(surname),
        surname_tokens=tuple(sorted({surname, second})),
        surname_forms=(surname,),
        suffix=or_none(rng.choice(["JR", "SR"])),
        birth_date=or_none(birth_date.isoformat()),
        birth_date_swapped=swapped.isoformat() if swapped else None,
        birth_dates=(birth_date.isoformat(),),
        birth_year=birth_date.year + rng.randrange(2),
        sex=or_none(rng.choice("MFX")),
        ssn=ssn,
        ssn_last4=or_none(f"last{rng.randrange(4)}"),
        identifiers=(f"id{rng.randrange(5)}", f"id{rng.randrange(5, 9)}"),
        street_number=or_none(str(rng.randrange(1, 4))),
        street=or_none(rng.choice(_STREETS)),
        postal_code=or_none(rng.choice(["43001", "43002"])),
        addresses=(home,),
        phones=(f"+1{rng.randrange(4)}",),
        guardians=(f"{rng.choice(_GIVEN)} {surname}",),
        household_ids=(f"A|{rng.randrange(9)}",),
        birth_place=or_none(rng.choice(["PORT LINDEN|OH|US", "SABLE CREEK|OH|US"])),
        multiple_birth=rng.choice([None, True, False]),
        source=or_none(rng.choice(["sis", "ccwis"])),
    )
    emptied = {name: () for name in sorted(LIST_COLUMNS) if rng.random() < 0.2}
    return replace(features, **emptied)


def near_record(features: Features, rng: random.Random) -> Features:
    """Return the record with a few values of another one."""
    donor = random_record(rng)
    columns = rng.sample(Features.__slots__, rng.randrange(1, 6))
    return replace(features, **{name: getattr(donor, name) for name in columns})


def random_records(count: int, seed: int) -> list[tuple[int, Features]]:
    """Return numbered records, of which each odd one is near the even one before it."""
    rng = random.Random(seed)
    features: list[Features] = []
    while len(features) < count:
        features.append(random_record(rng))
        features.append(near_record(features[-1], rng))
    return list(enumerate(features))
