"""Records that are near to each other in every way that the models look at; seeded."""

import random
from dataclasses import replace
from datetime import date, timedelta

from mpi.domain.features import LIST_COLUMNS, Features

_GIVEN = ["JAYDEN", "JAYLEN", "MARIA", "MARIE", "JOSÉ", "ANA", "J", "DANIEL", "DANIELA", "李", "ØYVIND"]
_SURNAMES = ["GARCIA", "GARCÍA", "SMITH", "SMYTHE", "VANDENBERG", "VANDENBURG", "NGUYEN", "OBRIEN"]
_STREETS = ["MAIN ST", "MIAN ST", "OAK AVE", "OAKS AVE", "ÉLYSÉE BLVD"]


def record(rng: random.Random) -> Features:
    """A record; each value may be missing."""

    def maybe(value):
        return value if rng.random() < 0.85 else None

    given, other = rng.choice(_GIVEN), rng.choice(_GIVEN)
    surname, second = rng.choice(_SURNAMES), rng.choice(_SURNAMES)
    born = date(2010, 1, 1) + timedelta(days=rng.randrange(60))
    swapped = date(born.year, born.day, born.month) if born.day <= 12 else None
    home = f"{rng.randrange(1, 4)} {rng.choice(_STREETS)}|43001"
    middle = maybe(rng.choice([*_GIVEN, "A", "M"]))
    ssn = maybe(f"ssn{rng.randrange(6)}")
    found = Features(
        given=maybe(given),
        given_forms=(given,),
        given_roots=tuple(sorted({given, other})),
        middle=middle,
        middle_initial=middle[0] if middle else None,
        surname=maybe(surname),
        surname_tokens=tuple(sorted({surname, second})),
        surname_forms=(surname,),
        suffix=maybe(rng.choice(["JR", "SR"])),
        birth_date=maybe(born.isoformat()),
        birth_date_swapped=swapped.isoformat() if swapped else None,
        birth_dates=(born.isoformat(),),
        birth_year=born.year + rng.randrange(2),
        sex=maybe(rng.choice("MFX")),
        ssn=ssn,
        ssn_last4=maybe(f"last{rng.randrange(4)}"),
        identifiers=(f"id{rng.randrange(5)}", f"id{rng.randrange(5, 9)}"),
        street_number=maybe(str(rng.randrange(1, 4))),
        street=maybe(rng.choice(_STREETS)),
        postal_code=maybe(rng.choice(["43001", "43002"])),
        addresses=(home,),
        phones=(f"+1{rng.randrange(4)}",),
        guardians=(f"{rng.choice(_GIVEN)} {surname}",),
        household_ids=(f"A|{rng.randrange(9)}",),
        birth_place=maybe(rng.choice(["PORT LINDEN|OH|US", "SABLE CREEK|OH|US"])),
        multiple_birth=rng.choice([None, True, False]),
    )
    emptied = {name: () for name in sorted(LIST_COLUMNS) if rng.random() < 0.2}
    return replace(found, **emptied)


def near(features: Features, rng: random.Random) -> Features:
    """The same record with a few values taken from another."""
    other = record(rng)
    taken = rng.sample(Features.__slots__, rng.randrange(1, 6))
    return replace(features, **{name: getattr(other, name) for name in taken})


def records(count: int, seed: int) -> list[tuple[int, Features]]:
    """Records numbered from 0, of which each odd one is near the even one before it."""
    rng = random.Random(seed)
    made: list[Features] = []
    while len(made) < count:
        made.append(record(rng))
        made.append(near(made[-1], rng))
    return list(enumerate(made))
