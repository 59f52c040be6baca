"""Attested destruction of a project's extracts, with a certificate.

The index cannot see another party's copies. The certificate says who attests that they are destroyed, and
that the index has destroyed the key of the project's IDs. Its digest is on the ledger.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import orjson

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError
from mpi.domain.viewer import Viewer
from mpi.policy.cases.subject_rights import check_person
from mpi.service.core.index import Index
from mpi.service.research.documents import digest
from mpi.service.research.projects import DESTROYED, read_history
from mpi.service.rights.destruction import CERTIFICATE, DestructionCertificate
from mpi.service.rights.research_ids import require_manager
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.repositories.access.research_projects import StoredResearchStep

VERSION = 2
_KEY_NOTE = "The index destroyed the salt of the project's IDs: nobody makes or checks them again."


def attest_destruction(
    index: Index, viewer: Viewer, code: str, attested_by: str, method: str, day: date
) -> DestructionCertificate:
    """Record that a project's extracts are destroyed, and end the project.

    Every copy has to be destroyed. A second call returns the certificate of the first.

    Args:
        index: the open index.
        viewer: who records it.
        code: code of the project.
        attested_by: name of who attests it for the recipient.
        method: how the copies were destroyed.
        day: day of the destruction.

    Raises:
        NotFoundError: there is no such project.
        ConflictError: it never had an extract.
        InputError: a text is wrong, or the day has not come.
        AccessDenied: the viewer may neither export the whole index nor administer agreements.
        StoreError: the ledger cannot be written; call again.
    """
    require_manager(viewer)
    name, method = check_person("attested_by", attested_by), check_person("method", method)
    if day > clock.now().date():
        raise InputError("on: the day of the destruction has not come")
    with index.database.write(viewer, "research-destroyed") as unit:
        history = read_history(unit, code)
        if history.destroyed is None:
            if not history.extracts:
                raise ConflictError("this project never had an extract: end it with mpi research end")
            if history.project.salt is not None:
                unit.research_projects.end(code, name, unit.commit_no)
            content = {
                "certificate": f"research-{code}",
                "version": VERSION,
                "project": code,
                "title": history.project.title,
                "recipients": sorted({str(extract["recipient"]) for extract in history.extracts}),
                "extracts": [dict(extract) for extract in history.extracts],
                "destroyed_on": day.isoformat(),
                "method": method,
                "attested_by": name,
                "recorded_on": clock.today(),
                "recorded_by": viewer.client,
                "key": _KEY_NOTE,
            }
            text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()
            details = {"certificate": text, "signature": _sign(index, text)}
            unit.research_projects.add_step(StoredResearchStep(code, unit.commit_no, DESTROYED, details))
        else:
            details = dict(history.destroyed)
    certificate = read_certificate(index, details)
    _write_digest(index, viewer, certificate)
    return certificate


def read_certificate(index: Index, details: Mapping[str, Any]) -> DestructionCertificate:
    """Return the certificate of a project's attested destruction."""
    text, signature = details["certificate"], details["signature"]
    is_valid = _sign(index, text) == signature
    return DestructionCertificate(orjson.loads(text), signature, digest(text.encode()), is_valid)


def _write_digest(index: Index, viewer: Viewer, certificate: DestructionCertificate) -> None:
    """Write a certificate's digest to the ledger, unless it is there."""
    fields = (str(certificate.content["certificate"]), f"sha256:{certificate.digest}")
    with index.database.read(viewer) as unit:
        if any(line.fields == fields for line in unit.disclosures.of_actions([CERTIFICATE])):
            return
    line = Disclosure(
        at=clock.format_timestamp(clock.now()),
        client=viewer.client,
        purpose=viewer.purpose,
        action=CERTIFICATE,
        record_ids=(),
        fields=fields,
        agreement=viewer.agreement,
    )
    index.store.ledger.write(index.database, viewer, line)


def _sign(index: Index, text: str) -> str:
    return index.keyed_hash.to_token("destruction", text)
