"""Data that no record and no file may bring into the index.

Circumstances of a removal, trafficking, substance use and immigration do harm when they leak. They tell
nothing about who a child is, so they are refused before anything is stored.
"""

from functools import lru_cache

from mpi.domain.errors import RecordError
from mpi.policy.tiers import POPULATION_TIERS

REASON = "never-ingested"
"""Reason code of a record that is refused for such data."""

_TOPICS = {
    "immigration": (
        "immigra", "undocumented", "refugee", "asyl", "deport", "daca", "alien", "uscis", "visa_status",
    ),
    "the circumstances of a removal": (
        "removal", "abuse", "maltreat", "neglect", "abandon", "domestic_violence", "incarcerat", "relinquish",
    ),
    "trafficking": ("traffick", "sexual_exploit", "csec"),
    "substance use": ("substance", "addict", "alcohol", "drug", "opioid", "prenatal_exposure"),
}  # fmt: skip
"""Topics, and the parts of a code by which each is recognized.

Sources: AFCARS 2020 elements 74 to 105 (removal circumstances) and 106 to 111 (trafficking), 85 FR 28410;
42 CFR Part 2 (substance use); CEDS 000291 and Ed-Fi characteristic Immigrant (immigration).
"""

_PERMITTED_CODES = frozenset({"neglectedprograms"})
"""Codes that only look like such data: CEDS 000194 names Title I-D programs."""


@lru_cache(4096)
def find_never_ingested_topic(code: str) -> str | None:
    """Return the topic that forbids storing a code, or None."""
    if code in POPULATION_TIERS or code.casefold() in _PERMITTED_CODES:
        return None
    squeezed = code.casefold().replace(" ", "_").replace("-", "_")
    for topic, parts in _TOPICS.items():
        if any(part in squeezed for part in parts):
            return topic
    return None


def refuse_never_ingested(field: str, code: str) -> None:
    """Refuse a code of a topic that may not be stored.

    Args:
        field: the canonical field that holds the code, for the message.
        code: a population, a detail, a placement type or an identifier's system.

    Raises:
        RecordError: the code tells of such a topic; the message holds the code's field and topic.
    """
    topic = find_never_ingested_topic(code)
    if topic is not None:
        raise RecordError(
            field, REASON, f"tells of {topic}, which this index never stores: leave the entry out"
        )


def list_never_ingested_topics() -> tuple[str, ...]:
    """Return the topics of which no record may tell, for people."""
    return tuple(_TOPICS)
