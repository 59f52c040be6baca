"""The settings of the page for the public, checked."""

from mpi.config import Settings
from mpi.domain.errors import InputError
from mpi.service.core.index import PublicPageSettings


def read_public_page_settings(settings: Settings) -> PublicPageSettings:
    """Return the settings of the page for the public.

    Raises:
        InputError: the office or its contact is blank, or one is given without the other.
    """
    office, contact = settings.public_office, settings.public_contact
    for name, value in (("MPI_PUBLIC_OFFICE", office), ("MPI_PUBLIC_CONTACT", contact)):
        if value is not None and not value.strip():
            raise InputError(f"{name}: it is blank; name an office and its contact, or leave both out")
    if (office is None) != (contact is None):
        raise InputError("MPI_PUBLIC_OFFICE and MPI_PUBLIC_CONTACT: give both, or leave both out")
    return PublicPageSettings(settings.public_figures, office and office.strip(), contact and contact.strip())
