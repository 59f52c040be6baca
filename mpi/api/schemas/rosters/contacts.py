"""API schemas of the directory of points of contact."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.parameters import NoQuery
from mpi.service.directory.contacts import ContactLevel

CONTACT_EXAMPLE: dict[str, Any] = {
    "level": "district",
    "code": "D01",
    "organization": "North School District",
    "name": "Pat Doe",
    "phone": "614-555-0100",
    "email": "pat@north.example",
    "owner": "North student services",
    "confirm_by": "2027-06-30",
}


class ContactsQuery(NoQuery):
    """Query for points of contact."""

    level: ContactLevel | None = Field(None, description="Kind of organization. Default: all.")


class ContactOut(BaseModel):
    """A point of contact of a state, district, agency or county.

    It holds the work address alone.
    """

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": CONTACT_EXAMPLE})

    level: ContactLevel = Field(description="Kind of organization.")
    code: str = Field(description="District ID, county code or code of the agency; empty for the state.")
    organization: str = Field(description="Name of the organization.")
    name: str = Field(description="The person or desk that answers.")
    phone: str | None = Field(description="Work telephone number.")
    email: str | None = Field(description="Work mail address.")
    owner: str = Field(description="Who keeps this entry right.")
    confirm_by: str = Field(description="Day by which the owner has to confirm it again.")
