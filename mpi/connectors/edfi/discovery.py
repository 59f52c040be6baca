"""What an Ed-Fi API offers: its data standard, paths and resources."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from mpi.connectors.api_session import ApiSession
from mpi.connectors.connection import Connection
from mpi.connectors.edfi.options import EdfiOptions
from mpi.domain.errors import InputError, RemoteSystemError
from mpi.intake.edfi import resources
from mpi.intake.edfi.items import Item, list_objects, read_object, read_text

_VERSION = re.compile(r"^(\d{1,2})\.")
_FIRST_STANDARD = 3
_FIRST_WITH_CONTACTS = 5
_FIRST_WITH_DIRECTORIES = 6


@dataclass(frozen=True, slots=True)
class EdfiApi:
    """An Ed-Fi API.

    Args:
        standard: major version of its data standard.
        data_path: path of its resources below the address of the connection, or a whole address.
        changes_path: the same of its change versions.
    """

    standard: int
    data_path: str
    changes_path: str

    def list_resources(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        """Return the resources with parts of students' data, students first."""
        has_contacts = self.standard >= _FIRST_WITH_CONTACTS
        descriptions = ["studentEducationOrganizationAssociations"]
        if self.standard >= _FIRST_WITH_DIRECTORIES:
            descriptions += ["studentDemographics", "studentDirectories", resources.IDENTIFICATION_CODES]
        names_of_part = {
            "descriptions": descriptions,
            "contacts": ["contacts", "studentContactAssociations"]
            if has_contacts
            else ["parents", "studentParentAssociations"],
            "enrollments": [resources.ENROLLMENTS],
            "programs": sorted(resources.POPULATION_OF_PROGRAM),
        }
        return (resources.STUDENTS, *(name for part in parts for name in names_of_part[part]))

    @property
    def has_identification_codes(self) -> bool:
        """Whether identification codes are a resource of their own."""
        return self.standard >= _FIRST_WITH_DIRECTORIES


def discover(session: ApiSession, connection: Connection, options: EdfiOptions) -> EdfiApi:
    """Ask an Ed-Fi API at its base address what it offers.

    Raises:
        RemoteSystemError: it cannot be reached, or says nothing that can be read.
        InputError: the address lacks a tenant or a school year.
    """
    answer = session.get("").json()
    description: Item = answer if isinstance(answer, dict) else {}
    urls = read_object(description, "urls")
    data_path = options.data_path or _find_path(connection, urls, "dataManagementApi")
    if not data_path:
        raise RemoteSystemError(
            f"{connection.name}: the API does not say where its data is; check the url, or give "
            "options.data_path"
        )
    changes_path = options.changes_path or _find_path(connection, urls, "changeQueries")
    return EdfiApi(
        standard=_find_standard(connection, description),
        data_path=data_path,
        changes_path=changes_path or f"{connection.url}/changeQueries/v1",
    )


def _find_standard(connection: Connection, description: Item) -> int:
    """Return the major version of the data standard.

    The connection says it, or else the API.
    """
    stated = connection.version or next(
        (
            read_text(model, "version") or ""
            for model in list_objects(description, "dataModels")
            if (read_text(model, "name") or "").lower() == "ed-fi"
        ),
        "",
    )
    found = _VERSION.match(stated)
    if found is None or int(found[1]) < _FIRST_STANDARD:
        raise InputError(
            f"{connection.name}: version: the data standard of the API, such as 5.2; "
            f"{_FIRST_STANDARD} is the earliest"
        )
    return int(found[1])


def _find_path(connection: Connection, urls: Item, name: str) -> str:
    """Return the address of a part of the API.

    It is always on the server of the connection.

    An API behind a proxy may state another scheme or host than callers use, so its path alone counts.
    """
    stated = read_text(urls, name)
    if not stated:
        return ""
    if "{" in stated:
        raise InputError(
            f"{connection.name}: url: add what the API asks for in its addresses, such as the tenant "
            "or school year"
        )
    try:
        path = urlsplit(stated).path.rstrip("/")
    except ValueError:
        return ""
    base = urlsplit(connection.url)
    return f"{base.scheme}://{base.netloc}{path}" if path else ""
