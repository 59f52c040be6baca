"""Invented places of the state: towns, streets, apartment houses and phone numbers."""

from dataclasses import dataclass

import numpy as np

from training.simulate.columns import Ints, Rng, Texts, blank_column, draw_events, text_column

STATE = "OH"
"""Postal code of the invented state.

The code is real, so that state tables accept it; every town, county and street name is invented.
"""

NORTH, SOUTH, ELSEWHERE = range(3)


@dataclass(frozen=True, slots=True)
class Town:
    """Town; its weight is its share of the region's households."""

    name: str
    county: str
    region: int
    postal_codes: tuple[str, ...]
    weight: float


TOWNS = (
    Town(
        name="Alder Falls",
        county="Larkin",
        region=NORTH,
        postal_codes=("43011", "43012", "43014"),
        weight=0.50,
    ),
    Town(name="Briar Glen", county="Larkin", region=NORTH, postal_codes=("43017",), weight=0.20),
    Town(name="North Juniper", county="Marlowe", region=NORTH, postal_codes=("43021", "43022"), weight=0.30),
    Town(
        name="Sable Creek",
        county="Quillan",
        region=SOUTH,
        postal_codes=("45301", "45303", "45305"),
        weight=0.45,
    ),
    Town(name="Harrow", county="Quillan", region=SOUTH, postal_codes=("45311",), weight=0.20),
    Town(name="Port Linden", county="Tamsin", region=SOUTH, postal_codes=("45320", "45322"), weight=0.35),
    Town(
        name="Merrivale",
        county="Osier",
        region=ELSEWHERE,
        postal_codes=("44101", "44102", "44105", "44107"),
        weight=0.40,
    ),
    Town(name="East Wexham", county="Osier", region=ELSEWHERE, postal_codes=("44120",), weight=0.15),
    Town(name="Cutler's Ford", county="Pell", region=ELSEWHERE, postal_codes=("44411", "44412"), weight=0.20),
    Town(name="Dunmore Heights", county="Pell", region=ELSEWHERE, postal_codes=("44420",), weight=0.15),
    Town(name="St. Aubrey", county="Rook", region=ELSEWHERE, postal_codes=("44701",), weight=0.10),
)

DISTRICTS = ("NORTH", "SOUTH")
_OTHER_DISTRICTS = ("MERRIVALE", "PELL", "ROOK")

_STREETS = text_column([
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
_TYPES = text_column(["St", "Ave", "Rd", "Dr", "Ln", "Ct", "Pl", "Way", "Blvd"])
_AREA_CODES = (  # noqa: SIM905 - 210 literals would fill a page
    "216 220 234 283 326 330 380 419 440 513 567 614 740 937 201 202 203 205 206 207 208 209 210 212 "
    "213 214 215 217 218 219 223 224 225 227 228 229 231 235 239 240 248 251 252 253 254 256 260 262 "
    "267 269 270 272 274 276 279 281 301 302 303 304 305 307 308 309 310 312 313 314 315 316 317 318 "
    "319 320 321 323 324 325 327 329 331 332 334 336 337 339 341 346 347 350 351 352 353 360 361 363 "
    "364 369 385 386 401 402 404 405 406 407 408 409 410 412 413 414 415 417 423 424 425 430 432 434 "
    "435 442 443 445 447 448 458 463 464 469 470 472 475 478 479 480 484 500 501 502 503 504 505 507 "
    "508 509 510 512 515 516 517 518 520 521 522 525 526 527 528 529 530 531 532 533 534 539 540 541 "
    "544 551 557 559 561 562 563 564 566 570 571 572 573 574 575 577 580 582 585 586 588 601 602 603 "
    "605 606 607 608 609 610 612 615 616 617 618 619 620 623 626 628 629 630 "
).split()
_AREA_CODES_A_BLOCK = 14
_EXCHANGES = ("555", "958", "959")
"""Phone exchanges that no home has: fiction and line tests."""

_HOMES_A_BUILDING = 40
_UNITS_IN_BUILDINGS = 0.5  # apartments that are in one of the big houses [own assumption]


@dataclass(slots=True)
class Addresses:
    """Table of simulated addresses.

    Households, foster homes and facilities point to its rows.
    """

    line1: Texts
    line2: Texts
    town: Ints
    postal_code: Texts

    def __len__(self) -> int:
        return len(self.line1)

    def concatenate(self, other: "Addresses") -> "Addresses":
        """Return both address tables, the other's rows after this one's."""
        return Addresses(
            np.concatenate([self.line1, other.line1]),
            np.concatenate([self.line2, other.line2]),
            np.concatenate([self.town, other.town]),
            np.concatenate([self.postal_code, other.postal_code]),
        )


TOWN_NAMES = text_column([town.name for town in TOWNS])
TOWN_COUNTIES = text_column([town.county for town in TOWNS])
TOWN_REGIONS = np.array([town.region for town in TOWNS])


def draw_towns(rng: Rng, regions: Ints) -> Ints:
    """Draw a town in the given region of each entry."""
    town_rows = np.zeros(len(regions), dtype=np.int64)
    for region in (NORTH, SOUTH, ELSEWHERE):
        rows = np.flatnonzero(regions == region)
        towns = np.flatnonzero(region == TOWN_REGIONS)
        weights = [TOWNS[town].weight for town in towns]
        town_rows[rows] = rng.choice(towns, len(rows), p=weights)
    return town_rows


def draw_addresses(rng: Rng, towns: Ints, shared_building: float) -> Addresses:
    """Draw an address in each town; some are in shared apartment houses."""
    size = len(towns)
    streets = _STREETS[rng.integers(0, len(_STREETS), size)]
    types = _TYPES[rng.choice(len(_TYPES), size, p=_falling_weights(len(_TYPES)))]
    numbers = rng.integers(1, 9000, size)
    line1 = text_column([f"{n} {s} {t}" for n, s, t in zip(numbers.tolist(), streets, types, strict=True)])
    line2 = blank_column(size)
    in_unit = draw_events(rng, shared_building / _UNITS_IN_BUILDINGS, size)
    units = rng.integers(1, 400, size).tolist()
    line2[in_unit] = text_column([f"Apt {unit}" for unit, yes in zip(units, in_unit, strict=True) if yes])
    codes = np.empty(size, dtype=object)
    for index, town in enumerate(TOWNS):
        rows = np.flatnonzero(towns == index)
        codes[rows] = text_column(town.postal_codes)[rng.integers(0, len(town.postal_codes), len(rows))]
    addresses = Addresses(line1, line2, towns.copy(), codes)
    _share_buildings(rng, addresses, np.flatnonzero(in_unit & draw_events(rng, _UNITS_IN_BUILDINGS, size)))
    return addresses


def _share_buildings(rng: Rng, addresses: Addresses, rows: Ints) -> None:
    """Move some simulated addresses into a few shared apartment houses."""
    if not len(rows):
        return
    houses = rows[rng.integers(0, max(1, len(rows) // _HOMES_A_BUILDING), len(rows))]
    addresses.line1[rows] = addresses.line1[houses]
    addresses.town[rows] = addresses.town[houses]
    addresses.postal_code[rows] = addresses.postal_code[houses]


def _falling_weights(size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return so many weights, each lower than the one before."""
    weights = 1.0 / (np.arange(size) + 1.5)
    return np.asarray(weights / weights.sum())


def draw_phones(rng: Rng, size: int, block: int) -> Texts:
    """Draw invented phone numbers that no real home has.

    Each block has its own area codes, as long as they last.
    """
    first = block * _AREA_CODES_A_BLOCK % len(_AREA_CODES)
    area = (first + rng.integers(0, _AREA_CODES_A_BLOCK, size)).tolist()
    exchange = rng.integers(0, len(_EXCHANGES), size).tolist()
    line = rng.integers(1000, 10_000, size).tolist()
    return text_column([
        f"({_AREA_CODES[a]}) {_EXCHANGES[e]}-{n}" for a, e, n in zip(area, exchange, line, strict=True)
    ])  # fmt: skip


def to_district_codes(towns: Ints) -> Texts:
    """Return the school district of each town."""
    counties = sorted({town.county for town in TOWNS if town.region == ELSEWHERE})
    by_county = dict(zip(counties, _OTHER_DISTRICTS, strict=True))
    codes = text_column([
        DISTRICTS[town.region] if town.region != ELSEWHERE else by_county[town.county] for town in TOWNS
    ])  # fmt: skip
    districts: Texts = codes[towns]
    return districts
