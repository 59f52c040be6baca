"""Sources: kinds of systems that send records, and their scopes."""

import re
from enum import StrEnum

from mpi.domain.errors import InputError
from mpi.domain.survivorship.values import STEWARD_SOURCE_KIND

SHARED_SCOPE = "shared"
"""The scope that holds the records of all sources."""
MAX_CODE_LENGTH = 32
_CODE = re.compile(rf"[a-z][a-z0-9_]{{0,{MAX_CODE_LENGTH - 1}}}")


class SourceKind(StrEnum):
    """Kind of system that sends records, such as a school's."""

    SIS = "sis"
    CCWIS = "ccwis"
    STATE_ID = "state_id"
    OTHER = "other"
    STEWARD = STEWARD_SOURCE_KIND


class Holdings(StrEnum):
    """Which records of a source the index holds.

    ``all`` holds every record. ``linked`` holds a record only if it is linked to, or may be, a child in care;
    every other row is dropped. ``tokens`` does too, and keeps keyed tokens of the dropped rows.
    """

    ALL = "all"
    TOKENS = "tokens"
    LINKED = "linked"


CARE_KINDS = frozenset({SourceKind.CCWIS})
"""Kinds of sources whose children are in care."""
EDUCATION_KINDS = frozenset({SourceKind.SIS, SourceKind.STATE_ID})
"""Kinds of sources that send every pupil."""


def check_scope_code(code: str) -> str:
    """Return the code of a scope other than the shared one.

    Raises:
        InputError: it is the shared one, or has other characters than a code may have.
    """
    if code == SHARED_SCOPE or not _CODE.fullmatch(code):
        raise InputError(
            f"a scope's code has 1 to {MAX_CODE_LENGTH} of a-z, 0-9 and '_', begins with a letter, "
            f"and is not {SHARED_SCOPE!r}"
        )
    return code
