"""Cross-references between a person's IDs, as PIXm's query (ITI-83) asks for them.

An identifier domain is a source of the index, that of enterprise IDs, or this server, whose Patients have
enterprise IDs as logical IDs. Domains that the caller may not see are like domains that do not exist.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fhir.resources.R4B.parameters import Parameters

from mpi.api.fhir.outcomes import FhirError, Issue
from mpi.api.fhir.systems import ENTERPRISE_ID_SYSTEM, IdentifierSystems
from mpi.api.request.refusals import record_denied_call
from mpi.domain.errors import EidError, NotFoundError, RecordError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.persons.persons import look_up_crosswalk, look_up_records

_PATIENT = "Patient/"
_ESCAPED = re.compile(r"\\([\\|,$])")


@dataclass(frozen=True, slots=True)
class PatientIdentifier:
    """A patient identifier: the URI of its domain, and its value."""

    system: str
    value: str


def parse_token(text: str) -> PatientIdentifier:
    r"""Parse a search token ``system|value`` with its backslash escapes.

    In a token, ``\`` escapes ``|``, ``,``, ``$`` and itself.
    """
    system, _, value = text.partition("|")
    return PatientIdentifier(system.strip(), _ESCAPED.sub(r"\1", value))


class CrossReference:
    """Cross-reference of one caller.

    Args:
        index: the open index.
        viewer: who asks.
        systems: the systems that the caller may know of.
        base_url: base address of this server, the domain of logical IDs.
    """

    def __init__(self, index: Index, viewer: Viewer, systems: IdentifierSystems, base_url: str) -> None:
        self._index = index
        self._viewer = viewer
        self._systems = systems
        self._base_url = base_url

    def answer(self, source: PatientIdentifier, targets: Sequence[str]) -> Parameters:
        """Return the other identifiers of a patient.

        Args:
            source: the identifier that is asked about; it is not answered.
            targets: domains to answer for; empty for all.

        Raises:
            FhirError: a domain or the identifier is unknown, with the statuses and codes of PIXm.
            AccessDenied: the viewer may not read the crosswalk.
            StoreError: the store cannot be used.
        """
        if not self._is_known(source.system):
            raise FhirError(Issue("code-invalid", "sourceIdentifier Assigning Authority not found"))
        if not all(map(self._is_known, targets)):
            text = "targetSystem not found"
            raise FhirError(Issue("code-invalid", text), status=HTTPStatus.FORBIDDEN)
        parameters = [
            self._build_parameter(identifier)
            for identifier in self._list_others(source)
            if not targets or identifier.system in targets
        ]
        return Parameters.model_validate(
            {"resourceType": "Parameters", **({"parameter": parameters} if parameters else {})}
        )

    def _is_known(self, system: str) -> bool:
        return system in (ENTERPRISE_ID_SYSTEM, self._base_url) or bool(self._systems.find_source(system))

    def _list_others(self, source: PatientIdentifier) -> list[PatientIdentifier]:
        """Return the other identifiers of an identifier's person.

        A retired person has none.

        Raises:
            FhirError: there is no such identifier that the viewer may see.
        """
        try:
            enterprise_id = self._find_enterprise_id(source)
            if enterprise_id is None:
                return []
            person = look_up_records(self._index, self._viewer, enterprise_id)
        except (NotFoundError, EidError, RecordError) as error:
            record_denied_call(self._index, error)
            text = "sourceIdentifier Patient Identifier not found"
            raise FhirError(Issue("not-found", text), status=HTTPStatus.NOT_FOUND) from None
        if not person.records:
            return []
        local_ids = [
            PatientIdentifier(uri, ref.local_id)
            for ref in person.records
            if (uri := self._systems.find_uri(ref.source)) is not None
        ]
        own = [
            PatientIdentifier(ENTERPRISE_ID_SYSTEM, person.enterprise_id),
            PatientIdentifier(self._base_url, _PATIENT + person.enterprise_id),
        ]
        # An enterprise ID may be typed in several ways, a local ID in one.
        return [one for one in local_ids if one != source] + [
            one for one in own if one.system != source.system
        ]

    def _find_enterprise_id(self, identifier: PatientIdentifier) -> str | None:
        """Return an identifier's enterprise ID; None where a record has none.

        Raises:
            NotFoundError: there is no such identifier that the viewer may see.
            EidError: the value is no enterprise ID.
            RecordError: the value is no local ID.
        """
        if identifier.system == self._base_url:
            if not identifier.value.startswith(_PATIENT):
                raise NotFoundError("a logical ID begins with Patient/")
            return identifier.value.removeprefix(_PATIENT)
        source = self._systems.find_source(identifier.system)
        if source is None:
            return identifier.value
        return look_up_crosswalk(self._index, self._viewer, source, identifier.value).enterprise_id

    def _build_parameter(self, identifier: PatientIdentifier) -> dict[str, Any]:
        if identifier.system == self._base_url:
            return {
                "name": "targetId",
                "valueReference": {"reference": f"{self._base_url}/{identifier.value}"},
            }
        return {
            "name": "targetIdentifier",
            "valueIdentifier": {"system": identifier.system, "value": identifier.value},
        }
