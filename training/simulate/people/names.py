"""Weighted name lists by cultural group and sex.

Groups are those of ``rates.toml``: they choose names and nothing else. Faker's US lists have
weights. For lists without, the weight falls with rank as in life (Zipf), the rank being fixed by
its own seed, so that a name is equally common in every simulated state.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import chain

import numpy as np

from mpi.domain.errors import InputError
from training.simulate.columns import Ints, Rng, Texts, text_column

WHITE, BLACK, HISPANIC, ASIAN, AFRICAN, OTHER = range(6)
GROUPS = 6

_RANK_SEED = 20_260_901
_ZIPF_FLATTENING = 20.0
_SPANISH_SURNAME_FLATTENING, _SPANISH_GIVEN_FLATTENING = 10.0, 4.0
"""Flattening of the Zipf weights of Spanish names.

It is steeper, so that two Hispanic children share a surname (42 in 10,000) or a given name as in
the census.
"""
_NEIGHBORS = 3
_AFTER_LATIN = "\u0250"

_HISPANIC_COMMON = (
    "García", "Rodríguez", "Martínez", "Hernández", "López", "González", "Pérez", "Sánchez",
    "Ramírez", "Torres", "Flores", "Rivera", "Gómez", "Díaz", "Reyes", "Morales", "Cruz", "Ortiz",
    "Gutiérrez", "Chávez",
)  # fmt: skip
_DISTINCTIVE_GIVEN = {
    True: (
        "Jamal", "Tyrell", "DeShawn", "Malik", "Darius", "Marquis", "Isaiah", "Elijah", "Xavier",
        "Kareem", "Terrence", "Jaylen", "Jayden", "Amari", "Khalil", "Tyrone", "Davion", "Kamari",
        "Zion", "Trayvon",
    ),
    False: (
        "Aaliyah", "Imani", "Nia", "Destiny", "Ebony", "Kiara", "Shanice", "Tiana", "Jada",
        "Latoya", "Keisha", "Amara", "Zariah", "Nevaeh", "Precious", "Aniyah", "Janiyah", "Kayla",
        "Raven", "Monique",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NamePool:
    """Weighted list of names to draw from; ``edges`` are cumulative shares."""

    names: Texts
    edges: np.ndarray[tuple[int, ...], np.dtype[np.float64]]

    @classmethod
    def from_weights(cls, weights: Mapping[str, float]) -> "NamePool":
        """Return a pool that draws names in proportion to their weights."""
        shares = np.cumsum(np.fromiter(weights.values(), dtype=float))
        return cls(text_column(list(weights)), shares / shares[-1])

    def draw(self, rng: Rng, size: int) -> Texts:
        """Draw names from the pool in proportion to their weights."""
        positions = np.searchsorted(self.edges, rng.random(size), side="right")
        names: Texts = self.names[np.minimum(positions, len(self.names) - 1)]
        return names


@dataclass(frozen=True, slots=True)
class NameBook:
    """Name pools: surnames by group, given names by group and sex."""

    surnames: tuple[NamePool, ...]
    given: tuple[tuple[NamePool, NamePool], ...]
    sorted_given: tuple[Texts, Texts]

    @classmethod
    def from_pools(
        cls, surnames: Sequence[NamePool], given: Sequence[tuple[NamePool, NamePool]]
    ) -> "NameBook":
        """Return a book of name pools; given-name pairs are (female, male)."""
        by_sex = [
            text_column(sorted(set(chain.from_iterable(pair[sex].names for pair in given)))) for sex in (0, 1)
        ]
        return cls(tuple(surnames), tuple(given), (by_sex[0], by_sex[1]))

    def draw_surnames(self, rng: Rng, groups: Ints) -> Texts:
        """Draw a surname for each entry by its ethnic group."""
        surnames = np.empty(len(groups), dtype=object)
        for group, pool in enumerate(self.surnames):
            rows = np.flatnonzero(groups == group)
            surnames[rows] = pool.draw(rng, len(rows))
        return surnames

    def draw_given(self, rng: Rng, groups: Ints, male: Ints) -> Texts:
        """Draw given names by ethnic group and sex (1 for male)."""
        given_names = np.empty(len(groups), dtype=object)
        for group, pair in enumerate(self.given):
            for sex, pool in enumerate(pair):
                rows = np.flatnonzero((groups == group) & (male == sex))
                given_names[rows] = pool.draw(rng, len(rows))
        return given_names

    def draw_look_alikes(self, rng: Rng, names: Texts, male: Ints) -> Texts:
        """Draw another name of the same sex that begins like each name.

        It is a near neighbor in the alphabet.
        """
        steps = rng.integers(1, _NEIGHBORS + 1, len(names)) * rng.choice([-1, 1], len(names))
        look_alikes = np.empty(len(names), dtype=object)
        for sex, alphabet in enumerate(self.sorted_given):
            rows = np.flatnonzero(male == sex)
            positions = np.searchsorted(alphabet, names[rows]) + steps[rows]
            look_alikes[rows] = alphabet[np.clip(positions, 0, len(alphabet) - 1)]
        return look_alikes


def zipf_weights(
    names: Iterable[str], common: Sequence[str] = (), flattening: float = _ZIPF_FLATTENING
) -> dict[str, float]:
    """Return weights of names that fall with rank.

    Args:
        names: names in any order; their ranks follow a fixed shuffle.
        common: names that rank first.
        flattening: number added to each rank.
    """
    others = sorted(set(names) - set(common))
    np.random.default_rng(_RANK_SEED).shuffle(others)
    ranked = [*common, *others]
    return {name: 1.0 / (rank + flattening) for rank, name in enumerate(ranked)}


def blend_weights(parts: Sequence[tuple[float, Mapping[str, float]]]) -> dict[str, float]:
    """Blend several weightings of names, each with its share of the total."""
    blended: dict[str, float] = {}
    for share, weights in parts:
        total = sum(weights.values())
        for name, weight in weights.items():
            blended[name] = blended.get(name, 0.0) + share * weight / total
    return blended


def _faker_weights(locale: str, attribute: str, flattening: float = _ZIPF_FLATTENING) -> dict[str, float]:
    """Return a Faker name list as weights, its own or by rank."""
    names = getattr(_import_names(locale), attribute)
    latin_names = {
        " ".join(name.split()): name
        for name in names
        if name.replace(" ", "").isalpha() and name[0] < _AFTER_LATIN
    }
    if isinstance(names, Mapping):
        return {name: float(names[written]) for name, written in latin_names.items()}
    return zipf_weights(latin_names, flattening=flattening)


def _import_names(locale: str) -> type:
    """Return the class that holds Faker's names of a locale.

    Raises:
        InputError: Faker, an optional extra, is not installed.
    """
    try:
        provider: type = import_module(f"faker.providers.person.{locale}").Provider
    except ModuleNotFoundError as error:
        raise InputError(
            "simulated people need the optional extra simulator, which is not installed: "
            "pip install '.[simulator]' in a checkout"
        ) from error
    return provider


def _blend_locales(
    locales: Sequence[str], attribute: str, flattening: float = _ZIPF_FLATTENING
) -> dict[str, float]:
    """Blend the name lists of several locales equally."""
    return blend_weights([(1.0, _faker_weights(locale, attribute, flattening)) for locale in locales])


def _build_surname_pools(tail_share: float) -> list[NamePool]:
    """Build the surname pool of each ethnic group."""
    us_names = _faker_weights("en_US", "last_names")
    european = _blend_locales(("de_DE", "it_IT", "fr_FR", "en_GB"), "last_names")
    spanish = zipf_weights(
        [*_faker_weights("es_MX", "last_names"), *_faker_weights("es_ES", "last_names")],
        common=_HISPANIC_COMMON,
        flattening=_SPANISH_SURNAME_FLATTENING,
    )
    asian = blend_weights([
        (0.45, _faker_weights("en_IN", "last_names")),
        (0.25, _faker_weights("vi_VN", "last_names")),
        (0.30, _faker_weights("zh_CN", "last_romanized_names")),
    ])  # fmt: skip
    african = _blend_locales(("yo_NG", "ig_NG", "ha_NG", "en_KE"), "last_names")
    american = blend_weights([(1 - tail_share, us_names), (tail_share, european)])
    mixed = blend_weights([(0.6, american), (0.2, spanish), (0.1, asian), (0.1, african)])
    black = blend_weights([(1 - tail_share / 2, us_names), (tail_share / 2, european)])
    weightings = (american, black, spanish, asian, african, mixed)
    return [NamePool.from_weights(weights) for weights in weightings]


def _build_given_weights(attribute: str, *, male: bool, tail_share: float) -> list[dict[str, float]]:
    """Build the given-name weights of each ethnic group for one sex."""
    us_names = _faker_weights("en_US", attribute)
    tail = _faker_weights("en", attribute)
    american = blend_weights([(1 - tail_share, us_names), (tail_share, tail)])
    distinctive = zipf_weights((), common=_DISTINCTIVE_GIVEN[male])
    spanish = _blend_locales(("es_MX", "es_ES"), attribute, _SPANISH_GIVEN_FLATTENING)
    asian = blend_weights([
        (0.40, _faker_weights("en_IN", attribute)), (0.10, _faker_weights("vi_VN", attribute)),
        (0.10, _faker_weights("zh_CN", "first_romanized_names")), (0.40, american),
    ])  # fmt: skip
    african = _blend_locales(("yo_NG", "ig_NG", "ha_NG", "en_KE"), attribute)
    black = blend_weights([(0.65, american), (0.25, distinctive), (0.10, tail)])
    hispanic = blend_weights([(0.65, spanish), (0.35, american)])
    mixed = blend_weights([(0.7, american), (0.2, hispanic), (0.1, african)])
    return [american, black, hispanic, asian, african, mixed]


def build_faker_names(tail_share: float, surname_tail_share: float) -> NameBook:
    """Build a name book from the ``faker`` package alone.

    Args:
        tail_share: share of given names drawn outside the most common.
        surname_tail_share: share of surnames drawn outside the thousand most common.
    """
    female = _build_given_weights("first_names_female", male=False, tail_share=tail_share)
    male = _build_given_weights("first_names_male", male=True, tail_share=tail_share)
    pairs = [(NamePool.from_weights(f), NamePool.from_weights(m)) for f, m in zip(female, male, strict=True)]
    return NameBook.from_pools(_build_surname_pools(surname_tail_share), pairs)
