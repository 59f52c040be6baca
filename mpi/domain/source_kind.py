"""Kinds of systems that send records."""

from enum import StrEnum

from mpi.domain.survivorship import STEWARD_SOURCE_KIND


class SourceKind(StrEnum):
    """Kind of system that sends records, such as a school's."""

    SIS = "sis"
    CCWIS = "ccwis"
    STATE_ID = "state_id"
    OTHER = "other"
    STEWARD = STEWARD_SOURCE_KIND
