"""The settings of the FHIR API, checked."""

import re

from mpi.config import Settings
from mpi.domain.errors import InputError
from mpi.service.core.index import FhirSettings

_WEB_ADDRESS = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?", re.ASCII)
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[^\s|,]+", re.ASCII | re.IGNORECASE)
_RESERVED = "urn:mpi:"
"""Beginning of the systems that the index names itself."""


def read_fhir_settings(settings: Settings) -> FhirSettings:
    """Return the settings of the FHIR API.

    Raises:
        InputError: the address, a system or the contact cannot be used.
    """
    url = settings.fhir_url
    if url is not None and not _WEB_ADDRESS.fullmatch(url):
        raise InputError("MPI_FHIR_URL: give an address such as https://mpi.example.gov/fhir")
    contact = settings.fhir_contact
    if contact is not None and not contact.strip():
        raise InputError("MPI_FHIR_CONTACT: give an e-mail address, a phone number or an https:// address")
    return FhirSettings(
        url=None if url is None else url.rstrip("/"),
        systems=_read_systems(settings.fhir_systems),
        organization=settings.fhir_organization.strip() or FhirSettings().organization,
        contact=None if contact is None else contact.strip(),
    )


def _read_systems(text: str) -> dict[str, str]:
    """Return the identifier systems by source code.

    Raises:
        InputError: an entry is not ``SOURCE=URI``, or names a source or system again.
    """
    systems: dict[str, str] = {}
    for entry in filter(None, map(str.strip, text.split(","))):
        source, _, uri = (part.strip() for part in entry.partition("="))
        if not source or not _URI.fullmatch(uri) or uri.startswith(_RESERVED):
            raise InputError(
                "MPI_FHIR_SYSTEMS: give entries SOURCE=URI, such as D01=urn:oid:2.16.840.1.113883"
            )
        if source in systems or uri in systems.values():
            raise InputError("MPI_FHIR_SYSTEMS: name each source and each system once")
        systems[source] = uri
    return systems
