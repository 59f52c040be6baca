"""Made-up children of the sandbox, whose last names bring about an outcome."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeAlias

Record: TypeAlias = Mapping[str, Any]

SIS, STATE, LAPSED = "sis", "state", "old_sis"
"""Sources of the sandbox: the vendor's own, the state's, and one whose agreement has ended."""
OVERLAY_ID = "OVERLAY-1"
"""Local ID of the vendor's source that stands for another child already."""
DUPLICATE_IDS = ("STALE-1", "STALE-2")
"""Local IDs of two records of the vendor's source that are one child."""


class MagicName(StrEnum):
    """Last name that brings about an outcome."""

    SEARCH = "Searchmore"
    LINK = "Linkworth"
    REVIEW = "Reviewby"
    RETIRE = "Retirewood"
    SPLIT = "Splitfield"
    OVERLAY = "Overlayton"
    LAPSE = "Lapseham"
    STALE = "Stalebrook"
    LIMIT = "Limitford"
    DOWN = "Downbury"
    RESTORE = "Restoredale"


_ADDRESS = {"address_line1": "12 Elm St", "city": "Dayton", "state": "OH", "postal_code": "45402"}


def _child(local_id: str, first_name: str, name: MagicName, birth_date: str, sex: str, **more: str) -> Record:
    return {
        "local_id": local_id,
        "first_name": first_name,
        "last_name": name.value,
        "birth_date": birth_date,
        "sex": sex,
    } | more


RECORDS_TO_SEND: Mapping[MagicName, tuple[str, Record]] = {
    MagicName.SEARCH: (SIS, _child("V-1", "Noor", MagicName.SEARCH, "2014-06-21", "F")),
    MagicName.LINK: (SIS, _child("V-2", "Amara", MagicName.LINK, "2014-03-09", "F", **_ADDRESS)),
    MagicName.REVIEW: (SIS, _child("V-3", "Mila", MagicName.REVIEW, "2012-06-17", "F")),
    MagicName.RETIRE: (SIS, _child("V-4", "Otis", MagicName.RETIRE, "2010-01-25", "M")),
    MagicName.SPLIT: (SIS, _child("V-5", "Kofi", MagicName.SPLIT, "2015-08-30", "M", **_ADDRESS)),
    MagicName.OVERLAY: (SIS, _child(OVERLAY_ID, "Bruno", MagicName.OVERLAY, "2015-04-23", "M")),
    MagicName.LAPSE: (LAPSED, _child("V-6", "Elif", MagicName.LAPSE, "2013-02-14", "F")),
    MagicName.LIMIT: (SIS, _child("V-7", "Hugo", MagicName.LIMIT, "2011-12-05", "M")),
    MagicName.DOWN: (SIS, _child("V-8", "Sana", MagicName.DOWN, "2016-09-18", "F")),
    MagicName.RESTORE: (SIS, _child("V-9", "Ravi", MagicName.RESTORE, "2013-10-11", "M")),
}
"""Source and record that a vendor sends, by magic name; ``Stalebrook`` is there already."""

RECORDS_AT_START: tuple[tuple[str, Record], ...] = (
    (STATE, _child("ST-1", "Amara", MagicName.LINK, "2014-03-09", "F", **_ADDRESS)),
    (STATE, _child("ST-2", "Mila", MagicName.REVIEW, "2013-05-17", "F")),
    (STATE, _child("ST-3", "Otto", MagicName.RETIRE, "2012-10-02", "M")),
    (STATE, _child("ST-4", "Kofi", MagicName.SPLIT, "2015-08-30", "M", **_ADDRESS)),
    (SIS, _child(OVERLAY_ID, "Ida", MagicName.OVERLAY, "2011-11-11", "F", **_ADDRESS)),
    (SIS, _child(DUPLICATE_IDS[0], "Tess", MagicName.STALE, "2012-07-04", "F")),
    (SIS, _child(DUPLICATE_IDS[1], "Esther", MagicName.STALE, "2010-04-27", "F")),
)
"""Source and record of each child that the sandbox holds from its start."""

PARTNER_OF: Mapping[MagicName, str] = {
    MagicName.REVIEW: "ST-2",
    MagicName.RETIRE: "ST-3",
    MagicName.SPLIT: "ST-4",
}
"""Local ID of the state's record that the steward's step is about."""

_NAMES_BY_BYTES = {name.value.upper().encode(): name for name in MagicName}


def find_magic_name(body: bytes) -> MagicName | None:
    """Return the magic name in a request body, if any."""
    text = body.upper()
    return next((name for spelling, name in _NAMES_BY_BYTES.items() if spelling in text), None)
