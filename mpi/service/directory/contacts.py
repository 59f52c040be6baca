"""Points of contact, and who answers for a district or a source."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mpi.domain.viewer import Action

CONTACT_READERS = (
    Action.ROSTER_READ, Action.CASELOAD_READ, Action.TASK_READ, Action.PERSON_READ, Action.QUESTION_ANSWER,
    Action.LOAD, Action.SOURCE_ADMIN, Action.AGREEMENT_READ, Action.AGREEMENT_ADMIN, Action.LEDGER_READ,
)  # fmt: skip
"""Actions of which one lets a caller read the directory."""


class ContactLevel(StrEnum):
    """Kind of organization that a point of contact answers for."""

    STATE = "state"
    DISTRICT = "district"
    AGENCY = "agency"
    COUNTY = "county"


@dataclass(frozen=True, slots=True)
class Contact:
    """A point of contact, by the work address alone.

    Args:
        level: kind of organization.
        code: district ID as enrollments name it, county code, or code of an agency; empty for the state.
        organization: name of the organization.
        name: the person or desk that answers.
        phone: work telephone number; None where there is none.
        email: work mail address; None where there is none.
        owner: who keeps this entry right.
        confirm_by: day by which the owner has to confirm it again (ISO).
        sources: codes of the sources whose records it answers for; not shown to other agencies.
    """

    level: ContactLevel
    code: str
    organization: str
    name: str
    phone: str | None
    email: str | None
    owner: str
    confirm_by: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContactDirectory:
    """Points of contact, in the order of the file.

    Where several answer for one organization, the first in the file is named on lists.

    Args:
        contacts: all of them.
    """

    contacts: tuple[Contact, ...] = ()
    _by_source: Mapping[str, Contact] = field(init=False, repr=False, compare=False)
    _by_district: Mapping[str, Contact] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the contacts by source and by district."""
        latest_first = self.contacts[::-1]
        by_source = {source: each for each in latest_first for source in each.sources}
        by_district = {each.code: each for each in latest_first if each.level is ContactLevel.DISTRICT}
        object.__setattr__(self, "_by_source", by_source)
        object.__setattr__(self, "_by_district", by_district)

    def find_for_source(self, source: str) -> Contact | None:
        """Return who answers for the records of a source."""
        return self._by_source.get(source)

    def find_for_school(self, district_id: str | None, source: str) -> Contact | None:
        """Return who answers for a student.

        This is the district's contact, or else that of the school's source.

        Args:
            district_id: district of the enrollment; None where the school did not name it.
            source: code of the source of the school's record.
        """
        return self._by_district.get(district_id or "") or self._by_source.get(source)

    def list_level(self, level: ContactLevel) -> tuple[Contact, ...]:
        """Return the contacts of one kind of organization."""
        return tuple(each for each in self.contacts if each.level is level)
