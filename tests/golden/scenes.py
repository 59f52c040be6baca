"""Other records of each golden scene: who else is in the index when the pair is decided."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class OtherRecord:
    """Another record of a scene.

    Args:
        source: its source.
        like: ``left`` or ``right``: the record of the pair that it resembles; None for neither.
        changes: the values that differ; None removes a value.
    """

    source: str
    like: str | None = None
    changes: dict[str, object] = field(default_factory=dict)


_HAVEN = "500 Haven Rd"
_RESIDENTS = (
    "Aaron", "Bilal", "Caleb", "Darnell", "Emeka", "Felix", "Gavin", "Hakeem", "Ivan", "Jerome", "Kofi",
    "Leon", "Mateo", "Nolan", "Omar", "Perry", "Quentin", "Rashad", "Silas", "Tobias", "Uri", "Victor",
    "Wesley", "Xander", "Yusuf", "Zachary", "Andre", "Boris", "Cyrus", "Dmitri", "Elias", "Franco",
    "Gideon", "Hugo", "Ignacio", "Jonas",
)  # fmt: skip
_SURNAMES = ("Abbott", "Brandt", "Coleman", "Dawson", "Ellison", "Fuentes", "Greene", "Holloway", "Ingram")

RECLUSTERED = frozenset({"HC17"})
"""Scenes that are re-clustered with fresh lists first, so that their address is listed as shared."""

OTHERS: dict[str, tuple[OtherRecord, ...]] = {
    # Each twin is in both systems.
    "HC02": (OtherRecord("SIS", "left"), OtherRecord("CCWIS", "right", {"multiple_birth": "true"})),
    "HC03": (OtherRecord("SIS", "left"), OtherRecord("CCWIS", "right", {"multiple_birth": "true"})),
    # The other twin, named at school and not yet at the hospital.
    "HC14": (
        OtherRecord("CCWIS", "left", {"first_name": "Baby Boy B"}),
        OtherRecord("SIS", "right", {"first_name": "Liam"}),
    ),
    # With the pair, 38 children have used the address.
    "HC17": tuple(
        OtherRecord(
            "CCWIS",
            None,
            {
                "first_name": given,
                "last_name": _SURNAMES[number % len(_SURNAMES)],
                "birth_date": f"20{6 + number % 6:02}-{1 + number % 12:02}-{1 + number * 7 % 28:02}",
                "sex": "M",
                "address_line1": _HAVEN,
                "postal_code": "43010",
            },
        )
        for number, given in enumerate(_RESIDENTS)
    ),
    "HC21b": (OtherRecord("SIS", "right", {"address_line1": "19 Mill Rd", "postal_code": "43077"}),),
    "HC22": (OtherRecord("SIS", "right", {"address_line1": "4 Quarry Rd", "postal_code": "43078"}),),
    # The two children of one kin home are each in both systems.
    "HC35": (OtherRecord("SIS", "left"), OtherRecord("CCWIS", "right")),
}
