"""Version number of the standardizer, importable without its libraries."""

STANDARDIZER_VERSION = "6"
"""Version of the standardizer, part of a configuration's identity.

Raise it whenever a record may get other features than before.
"""

MODEL_VERSIONS = frozenset({"4", "5"})
"""Earlier versions whose models this one serves.

Version 5 reads postal codes, dates and phone numbers that version 4 left out, and no text that stands for no
value. Version 6 adds the source of a record, which no earlier model compares. Neither changes another value.
"""


def name_version(version: str, exchange_tag: str) -> str:
    """Return a standardizer's version with the exchanges whose tokens it makes.

    Args:
        version: version of the standardizer.
        exchange_tag: tag of the exchanges; empty for none.
    """
    return f"{version}+{exchange_tag}" if exchange_tag else version


def split_version(text: str) -> tuple[str, str]:
    """Return the version and the tag of exchanges that ``name_version`` joined."""
    version, _, exchange_tag = text.partition("+")
    return version, exchange_tag
