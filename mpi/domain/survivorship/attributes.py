"""Attributes of the golden record, and the keys of their rules."""

SINGLE_VALUE_ATTRIBUTES = (
    "first_name", "middle_name", "last_name", "suffix", "preferred_name", "birth_date", "sex", "birth_place",
    "multiple_birth", "birth_order", "phone", "email", "ethnicity", "death_date",
)  # fmt: skip
"""Attributes with one surviving value.

``birth_place`` is city, state and country of one record.
"""
NAME_PARTS = ("first_name", "middle_name", "last_name", "suffix")
"""Attributes that are chosen together, from one record."""
NAME_RULE = "name"
"""Key of the one rule for all parts of a name."""
MULTI_VALUE_ATTRIBUTES = (
    "other_names", "previous_birth_dates", "identifiers", "addresses", "guardians", "household_ids",
    "enrollments", "placements", "race", "flags",
)  # fmt: skip
"""Attributes whose values all survive, current ones first."""
RULED_ATTRIBUTES = (
    NAME_RULE,
    *(attribute for attribute in SINGLE_VALUE_ATTRIBUTES if attribute not in NAME_PARTS),
    *MULTI_VALUE_ATTRIBUTES,
)
"""Keys of the rules: every attribute, and one key for all parts of a name."""
