"""Identifier systems: the URIs under which clients know sources, IDs and numbers.

An identifier domain of FHIR is a source of the index: its value is the source's local ID. The domain of the
index itself is that of enterprise IDs. A number that a record states, such as a state student ID, has a
system made of its own system and assigner.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

from mpi.domain.viewer import Action, Viewer
from mpi.service.core.index import Index
from mpi.service.statements.sources import list_data_sources

ENTERPRISE_ID_SYSTEM = "urn:mpi:enterprise-id"
"""System of enterprise IDs."""
SSN_SYSTEM = "http://hl7.org/fhir/sid/us-ssn"
"""FHIR's system of Social Security numbers."""
_SOURCE_PREFIX = "urn:mpi:source:"
_NUMBER_PREFIX = "urn:mpi:identifier:"


class IdentifierSystems:
    """The systems that one caller may know of.

    A source that the caller may not see is like one that does not exist.

    Args:
        sources: codes of the sources that the caller may see.
        configured: URI by source code, where the operator set one.
    """

    def __init__(self, sources: Iterable[str], configured: Mapping[str, str]) -> None:
        self._uri_by_source = {code: configured.get(code, _SOURCE_PREFIX + quote(code)) for code in sources}
        self._source_by_uri = {uri: code for code, uri in self._uri_by_source.items()}

    def find_source(self, uri: str | None) -> str | None:
        """Return the source whose local IDs a system holds, or None."""
        return None if uri is None else self._source_by_uri.get(uri)

    def find_uri(self, source: str) -> str | None:
        """Return the system of a source's local IDs; None if hidden."""
        return self._uri_by_source.get(source)


def read_systems(index: Index, viewer: Viewer, action: Action) -> IdentifierSystems:
    """Return the systems of sources where the viewer may perform an action.

    Raises:
        StoreError: the store cannot be used.
    """
    return IdentifierSystems(list_data_sources(index, viewer, action), index.settings.fhir.systems)


def format_number_system(system: str, assigner: str) -> str:
    """Return the URI of a number's system and assigner."""
    return f"{_NUMBER_PREFIX}{quote(system, safe='')}:{quote(assigner, safe='')}"


def parse_number_system(uri: str | None) -> tuple[str, str] | None:
    """Return the system and assigner of a URI; None for another URI."""
    if uri is None or not uri.startswith(_NUMBER_PREFIX):
        return None
    system, _, assigner = uri.removeprefix(_NUMBER_PREFIX).partition(":")
    return (unquote(system), unquote(assigner)) if system and assigner and ":" not in assigner else None
