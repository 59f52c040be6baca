"""Certificates that records were destroyed, without personal data.

A certificate names the record by keyed hashes of its local IDs, so that nobody without the secret of the
index learns which record it was. The signature is a keyed hash too: the index alone can make and check it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from mpi.domain.errors import InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.storage.repositories.sources.boundary_orders import OrderKind, StoredCertificate
from mpi.storage.repositories.sources.record_erasure import PendingExpunge
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

CERTIFICATE_VERSION = 1
EMPTIED_TABLES = ("kept_answer", "note", "owner_question", "record_keys", "task_action")
"""Tables in which the record's texts, keys and answers were destroyed without being counted."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that a record was destroyed.

    Args:
        content: the certificate's statements, by name.
        signature: keyed hash of the content, in hexadecimal.
        is_valid: whether the signature is that of the content.
    """

    content: Mapping[str, Any]
    signature: str
    is_valid: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the certificate as plain values for JSON, as it is checked."""
        return {**self.content, "signature": self.signature}


def issue_certificates(
    unit: WriteUnit,
    index: Index,
    destroyed: Mapping[int, Mapping[str, int]],
    requests: Mapping[int, PendingExpunge],
) -> None:
    """Store a certificate for each record that this transaction destroys.

    Args:
        unit: the transaction.
        index: the open index.
        destroyed: number of rows destroyed by table, by record.
        requests: the request of each record.
    """
    info = unit.configs.index_info()
    orders = {
        order.record_id: order
        for order in unit.boundary_orders.orders_of(destroyed)
        if order.kind is OrderKind.EXPUNGE
    }
    tokens = unit.tombstones.tokens_of(destroyed)
    commits = unit.commit_info({request.commit_no for request in requests.values()} | {unit.commit_no})
    first = unit.counters.take("expunge_certificate", len(destroyed))
    certificates = []
    for number, record_id in enumerate(sorted(destroyed), first):
        order, request = orders[record_id], requests[record_id]
        content = {
            "certificate": number,
            "version": CERTIFICATE_VERSION,
            "scope": "" if info is None else info.scope,
            "source": order.source,
            "records": sorted(tokens[record_id]),
            "requested_by": commits[request.commit_no][1],
            "requested_at": commits[request.commit_no][0],
            "approved_by": commits[unit.commit_no][1],
            "destroyed_at": commits[unit.commit_no][0],
            "reference": order.reference,
            "order": order.no,
            "rows": dict(destroyed[record_id]),
            "emptied": list(EMPTIED_TABLES),
        }
        text = _to_text(content)
        certificates.append(StoredCertificate(number, order.source, text, _sign(index, text), unit.commit_no))
    unit.boundary_orders.add_certificates(certificates)


def list_certificates(index: Index, viewer: Viewer) -> list[Certificate]:
    """List the certificates of the viewer's sources, oldest first.

    Raises:
        AccessDenied: the viewer may not expunge records.
    """
    require_permission(viewer, Action.RECORD_EXPUNGE)
    with index.database.read(viewer) as unit:
        return _read_certificates(unit, index)


def get_certificate(index: Index, viewer: Viewer, number: int) -> Certificate:
    """Return a certificate by number.

    Raises:
        NotFoundError: there is no such certificate, or not of the viewer's sources.
        AccessDenied: the viewer may not expunge records.
    """
    for certificate in list_certificates(index, viewer):
        if certificate.content["certificate"] == number:
            return certificate
    raise NotFoundError(f"there is no certificate {number}")


def check_certificate(index: Index, viewer: Viewer, text: bytes) -> Certificate:
    """Check a certificate that somebody presents as JSON.

    Args:
        index: the open index.
        viewer: who checks it.
        text: the certificate, as ``as_dict`` gives it.

    Raises:
        InputError: it is no certificate.
        AccessDenied: the viewer may not expunge records.
    """
    require_permission(viewer, Action.RECORD_EXPUNGE)
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("signature"), str):
        raise InputError("this is no certificate: give one as mpi expunge certificate --json prints it")
    signature = content.pop("signature")
    return Certificate(content, signature, _sign(index, _to_text(content)) == signature)


def format_certificate(certificate: Certificate) -> str:
    """Return a certificate as plain text, to be printed and filed."""
    content = certificate.content
    rows = ", ".join(f"{name} {count}" for name, count in content["rows"].items())
    lines = [
        f"Certificate of destruction {content['certificate']}",
        "",
        f"The index (scope {content['scope']}) destroyed all that it stored about one record.",
        "",
        f"Source:        {content['source']}",
        *(f"Record:        {token} (keyed hash of the local ID)" for token in content["records"]),
        f"Order:         {content['order']}, reference {content['reference'] or 'not given'}",
        f"Requested by:  {content['requested_by']}, {content['requested_at']}",
        f"Approved by:   {content['approved_by']}",
        f"Destroyed at:  {content['destroyed_at']}",
        f"Rows:          {rows}",
        f"Emptied:       {', '.join(content['emptied'])}",
        f"Signature:     {certificate.signature} ({'valid' if certificate.is_valid else 'NOT VALID'})",
    ]
    return "\n".join(lines) + "\n"


def _read_certificates(unit: ReadUnit, index: Index) -> list[Certificate]:
    return [
        Certificate(
            orjson.loads(stored.content), stored.signature, _sign(index, stored.content) == stored.signature
        )
        for stored in unit.boundary_orders.certificates()
        if unit.viewer.may_see(stored.source)
    ]


def _to_text(content: Mapping[str, Any]) -> str:
    """Return the text that is signed: JSON with sorted names."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()


def _sign(index: Index, text: str) -> str:
    return index.keyed_hash.to_token("certificate", text)
