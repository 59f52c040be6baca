"""Items that schools and agencies have to know of a child."""

from enum import StrEnum


class ItemKind(StrEnum):
    """Item of a child in care.

    It is also a field that an agreement may name.
    """

    DECISION_MAKER = "education_decision_maker"
    """Who makes decisions about education; a surrogate parent under 34 CFR 300.519."""
    CONTACT_RESTRICTION = "contact_restriction"
    """Whether somebody may not have contact with the child; not who, and not why."""
    BEST_INTEREST = "best_interest_decision"
    """Whether it is best for the child to stay in the school of origin, and when that was decided."""
    SCHOOL_OF_ORIGIN = "school_of_origin"
    """The school in which the child was enrolled when entering care."""
    TRANSPORT = "transport"
    """Who brings the child to the school of origin, and since when."""
    RECORDS_REQUESTED = "records_requested"
    """Day on which the new school asked for the child's records."""
    RECORDS_RECEIVED = "records_received"
    """Day on which the new school received the child's records."""


class ItemOwner(StrEnum):
    """Role of who answers for an item."""

    CASEWORKER = "caseworker"
    POINT_OF_CONTACT = "point-of-contact"
    REGISTRAR = "registrar"


ITEM_OWNERS = {
    ItemKind.DECISION_MAKER: ItemOwner.CASEWORKER,
    ItemKind.CONTACT_RESTRICTION: ItemOwner.CASEWORKER,
    ItemKind.BEST_INTEREST: ItemOwner.CASEWORKER,
    ItemKind.SCHOOL_OF_ORIGIN: ItemOwner.CASEWORKER,
    ItemKind.TRANSPORT: ItemOwner.POINT_OF_CONTACT,
    ItemKind.RECORDS_REQUESTED: ItemOwner.REGISTRAR,
    ItemKind.RECORDS_RECEIVED: ItemOwner.REGISTRAR,
}
"""Who answers for each item: the caseworker for child welfare, the other two for the child's school."""

SCHOOL_ITEMS = frozenset({ItemKind.TRANSPORT, ItemKind.RECORDS_REQUESTED, ItemKind.RECORDS_RECEIVED})
"""Items for which the child's school answers."""
