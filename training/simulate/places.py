"""The invented state: towns in three districts, streets, apartment houses, phones."""

from dataclasses import dataclass

import numpy as np

from training.simulate.columns import Ints, Rng, Texts, blank, happens, texts

STATE = "OH"
"""A real code, so that state tables accept it; every town, county and street name is invented."""

NORTH, SOUTH, ELSEWHERE = range(3)


@dataclass(frozen=True, slots=True)
class Town:
    """A town: its weight is the share of its region's households that live there."""

    name: str
    county: str
    region: int
    postal_codes: tuple[str, ...]
    weight: float


TOWNS = (
    Town("Alder Falls", "Larkin", NORTH, ("43011", "43012", "43014"), 0.50),
    Town("Briar Glen", "Larkin", NORTH, ("43017",), 0.20),
    Town("North Juniper", "Marlowe", NORTH, ("43021", "43022"), 0.30),
    Town("Sable Creek", "Quillan", SOUTH, ("45301", "45303", "45305"), 0.45),
    Town("Harrow", "Quillan", SOUTH, ("45311",), 0.20),
    Town("Port Linden", "Tamsin", SOUTH, ("45320", "45322"), 0.35),
    Town("Merrivale", "Osier", ELSEWHERE, ("44101", "44102", "44105", "44107"), 0.40),
    Town("East Wexham", "Osier", ELSEWHERE, ("44120",), 0.15),
    Town("Cutler's Ford", "Pell", ELSEWHERE, ("44411", "44412"), 0.20),
    Town("Dunmore Heights", "Pell", ELSEWHERE, ("44420",), 0.15),
    Town("St. Aubrey", "Rook", ELSEWHERE, ("44701",), 0.10),
)

DISTRICTS = ("NORTH", "SOUTH")
_OTHER_DISTRICTS = ("MERRIVALE", "PELL", "ROOK")

_STREETS = texts([
    "Acorn", "Amber", "Anchor", "Apple", "Arbor", "Aspen", "Avalon", "Barley", "Beacon", "Beech",
    "Birch", "Bluebird", "Bluff", "Bramble", "Brook", "Buckeye", "Canal", "Cardinal", "Cedar",
    "Chapel", "Cherry", "Chestnut", "Clay", "Clover", "College", "Concord", "Copper",
    "Cottonwood", "Court", "Crescent", "Dogwood", "Dover", "Eagle", "Elm", "Fairview", "Falcon",
    "Fern", "Finch", "Forest", "Foundry", "Franklin", "Garden", "Granite", "Grove", "Harbor",
    "Harvest", "Hawthorn", "Hazel", "Heron", "Hickory", "High", "Highland", "Hill", "Holly",
    "Hunter", "Indigo", "Iris", "Ivy", "Jackson", "Juniper", "Kestrel", "King", "Lake", "Lantern",
    "Laurel", "Liberty", "Lilac", "Lincoln", "Locust", "Madison", "Magnolia", "Main", "Maple",
    "Market", "Martin Luther King", "Meadow", "Mill", "Monroe", "Mulberry", "Oak", "Old Mill",
    "Olive", "Orchard", "Park", "Pearl", "Pine", "Plum", "Poplar", "Prairie", "Prospect", "Quail",
    "Quarry", "Raven", "Ridge", "River", "Robin", "Rose", "Sage", "Saint Clair", "School",
    "Spring", "Spruce", "Station", "Sycamore", "Timber", "Union", "Valley", "Vine", "Walnut",
    "Washington", "Willow", "Winding", "Windsor", "Wren",
])  # fmt: skip
_TYPES = texts(["St", "Ave", "Rd", "Dr", "Ln", "Ct", "Pl", "Way", "Blvd"])
_AREA_CODES = (
    "216",
    "220",
    "234",
    "283",
    "326",
    "330",
    "380",
    "419",
    "440",
    "513",
    "567",
    "614",
    "740",
    "937",
)
_EXCHANGES = ("555", "958", "959")
"""Exchanges that are given to nobody's home: fiction and line tests."""

_HOMES_A_BUILDING = 40
_UNITS_IN_BUILDINGS = 0.5  # apartments that are in one of the big houses [own assumption]


@dataclass(slots=True)
class Addresses:
    """A table of addresses; households, foster homes and facilities point into it by row."""

    line1: Texts
    line2: Texts
    town: Ints
    postal_code: Texts

    def __len__(self) -> int:
        return len(self.line1)

    def joined(self, other: "Addresses") -> "Addresses":
        """Both tables, the other's rows after this one's."""
        return Addresses(
            np.concatenate([self.line1, other.line1]),
            np.concatenate([self.line2, other.line2]),
            np.concatenate([self.town, other.town]),
            np.concatenate([self.postal_code, other.postal_code]),
        )


TOWN_NAMES = texts([town.name for town in TOWNS])
TOWN_COUNTIES = texts([town.county for town in TOWNS])
TOWN_REGIONS = np.array([town.region for town in TOWNS])


def draw_towns(rng: Rng, regions: Ints) -> Ints:
    """A town in each one's region."""
    drawn = np.zeros(len(regions), dtype=np.int64)
    for region in (NORTH, SOUTH, ELSEWHERE):
        rows = np.flatnonzero(regions == region)
        towns = np.flatnonzero(region == TOWN_REGIONS)
        weights = [TOWNS[town].weight for town in towns]
        drawn[rows] = rng.choice(towns, len(rows), p=weights)
    return drawn


def draw_addresses(rng: Rng, towns: Ints, shared_building: float) -> Addresses:
    """An address in each town; some in apartment houses, which many households share."""
    size = len(towns)
    streets = _STREETS[rng.integers(0, len(_STREETS), size)]
    types = _TYPES[rng.choice(len(_TYPES), size, p=_falling(len(_TYPES)))]
    numbers = rng.integers(1, 9000, size)
    line1 = texts([f"{n} {s} {t}" for n, s, t in zip(numbers.tolist(), streets, types, strict=True)])
    line2 = blank(size)
    in_unit = happens(rng, shared_building / _UNITS_IN_BUILDINGS, size)
    units = rng.integers(1, 400, size).tolist()
    line2[in_unit] = texts([f"Apt {unit}" for unit, yes in zip(units, in_unit, strict=True) if yes])
    codes = np.empty(size, dtype=object)
    for index, town in enumerate(TOWNS):
        rows = np.flatnonzero(towns == index)
        codes[rows] = texts(town.postal_codes)[rng.integers(0, len(town.postal_codes), len(rows))]
    addresses = Addresses(line1, line2, towns.copy(), codes)
    _share_buildings(rng, addresses, np.flatnonzero(in_unit & happens(rng, _UNITS_IN_BUILDINGS, size)))
    return addresses


def _share_buildings(rng: Rng, addresses: Addresses, rows: Ints) -> None:
    """Put these addresses into a few houses, each the first line of one of them."""
    if not len(rows):
        return
    houses = rows[rng.integers(0, max(1, len(rows) // _HOMES_A_BUILDING), len(rows))]
    addresses.line1[rows] = addresses.line1[houses]
    addresses.town[rows] = addresses.town[houses]
    addresses.postal_code[rows] = addresses.postal_code[houses]


def _falling(size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    weights = 1.0 / (np.arange(size) + 1.5)
    return np.asarray(weights / weights.sum())


def draw_phones(rng: Rng, size: int) -> Texts:
    """Telephone numbers that no home has, in several ways of writing."""
    area = rng.integers(0, len(_AREA_CODES), size).tolist()
    exchange = rng.integers(0, len(_EXCHANGES), size).tolist()
    line = rng.integers(1000, 10_000, size).tolist()
    return texts([
        f"({_AREA_CODES[a]}) {_EXCHANGES[e]}-{n}" for a, e, n in zip(area, exchange, line, strict=True)
    ])  # fmt: skip


def district_codes(towns: Ints) -> Texts:
    """The school district of each town."""
    counties = sorted({town.county for town in TOWNS if town.region == ELSEWHERE})
    by_county = dict(zip(counties, _OTHER_DISTRICTS, strict=True))
    codes = texts([
        DISTRICTS[town.region] if town.region != ELSEWHERE else by_county[town.county] for town in TOWNS
    ])  # fmt: skip
    found: Texts = codes[towns]
    return found
