"""Verification of the whole ledger against its hashes and signed roots."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from mpi.domain import clock
from mpi.domain.errors import InputError
from mpi.domain.ledger.signed_root import NO_PREVIOUS, SignedRoot, parse_root
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.audit.line_check import LedgerFinding, LineCheck
from mpi.service.audit.signing import make_index_name
from mpi.service.audit.signing_key import PublicKey
from mpi.service.core.index import Index
from mpi.storage.backends.roots_file import read_root_lines


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """What the verification of the ledger found.

    Args:
        lines: lines of the ledger.
        root: head of the tree over them, in hexadecimal.
        roots: signed roots that were compared.
        signed_lines: lines under the last signed root.
        redacted_lines: lines that lost destroyed records.
        restores: signed roots that the ledger no longer holds, before a note of a restore.
        findings: what is wrong; empty if the ledger is whole.
    """

    lines: int
    root: str
    roots: int
    signed_lines: int
    redacted_lines: int
    restores: int
    findings: tuple[LedgerFinding, ...]


@dataclass(frozen=True, slots=True)
class RootEvidence:
    """What the ledger is compared with.

    Args:
        path: file of the signed roots, or a copy of it.
        key: the public key that auditors hold.
        longest_unsigned: time after which a line without a signed root is a finding.
        is_copy: whether the file is an auditor's copy, which may lack the latest roots.
    """

    path: Path
    key: PublicKey
    longest_unsigned: timedelta = timedelta(hours=26)
    is_copy: bool = False


def verify_ledger(index: Index, viewer: Viewer, evidence: RootEvidence) -> LedgerReport:
    """Compare all hashes, computed anew, with what is stored and signed.

    Every line is read. Lines that are written meanwhile are left out.

    Args:
        index: the open index.
        viewer: who asks.
        evidence: the signed roots and the key.

    Raises:
        StoreError: the database or the file of roots cannot be read.
        AccessDenied: the viewer may not read the ledger.
    """
    require_permission(viewer, Action.LEDGER_READ)
    findings: list[LedgerFinding] = []
    with index.database.read(viewer) as unit:
        name = make_index_name(unit, index)
    roots = _read_roots(read_root_lines(evidence.path), name, evidence.key, findings)
    with index.database.ledger.read(viewer) as unit:
        check = LineCheck({root.size for root in roots})
        for line in unit.ledger_tree.iterate_lines():
            check.add(line)
        check.finish(unit)
        stored = unit.ledger_tree.list_roots()
    with index.database.read(viewer) as unit:
        # Read last: what was destroyed meanwhile is in no line that was read.
        check.compare_redactions(has_destroyed=unit.ledger_tree.has_destroyed_records())
    findings += check.findings
    restores = _compare_roots(roots, check, findings)
    findings += _compare_copies(stored, read_root_lines(evidence.path), is_copy=evidence.is_copy)
    if not evidence.is_copy:
        findings += _find_unsigned(check, roots, evidence.longest_unsigned)
    return LedgerReport(
        lines=check.size,
        root=check.root.hex(),
        roots=len(roots),
        signed_lines=roots[-1].size if roots else 0,
        redacted_lines=len(check.redacted),
        restores=restores,
        findings=tuple(findings),
    )


def _read_roots(
    lines: list[str], name: str, key: PublicKey, findings: list[LedgerFinding]
) -> list[SignedRoot]:
    """Return the file's signed roots; note what is wrong with others."""
    roots: list[SignedRoot] = []
    previous = NO_PREVIOUS
    for number, line in enumerate(lines, 1):
        try:
            root = parse_root(line)
        except InputError:
            findings.append(LedgerFinding("root-damaged", number, "this line of the file is no signed root"))
            continue
        if not key.verifies(root.signature, root.signed_bytes()):
            findings.append(LedgerFinding("root-forged", number, "the signature is not of this key"))
        elif root.index != name:
            findings.append(LedgerFinding("root-foreign", number, "the root is of another index"))
        elif root.number != number or root.previous != previous:
            findings.append(LedgerFinding("root-chain", number, "the root does not follow the one before it"))
            roots.append(root)
        else:
            roots.append(root)
        previous = root.digest()
    return roots


def _compare_roots(roots: list[SignedRoot], check: LineCheck, findings: list[LedgerFinding]) -> int:
    """Compare signed roots with the tree; return how many a restore explains."""
    explained_up_to = max((root.number for root in roots if root.note), default=0)
    restores = 0
    for root in roots:
        head = check.heads.get(root.size)
        if head is not None and head.hex() == root.root:
            continue
        if root.number < explained_up_to:
            restores += 1
        elif root.size > check.size:
            detail = f"the root states {root.size:,} lines, and the ledger has {check.size:,}"
            findings.append(LedgerFinding("truncated", root.number, detail))
        else:
            detail = f"the first {root.size:,} lines are not those that were signed"
            findings.append(LedgerFinding("root-mismatch", root.number, detail))
    return restores


def _compare_copies(stored: list[str], in_file: list[str], *, is_copy: bool) -> list[LedgerFinding]:
    """Compare the roots in the database with those in the file."""
    findings = [
        LedgerFinding("root-replaced", number, "the file and the database have different roots")
        for number, (one, other) in enumerate(zip(stored, in_file, strict=False), 1)
        if one != other
    ]
    if len(in_file) < len(stored) and not is_copy:
        detail = f"the file lacks roots that the database has, from {len(in_file) + 1} on"
        findings.append(LedgerFinding("roots-file-short", len(in_file) + 1, detail))
    if len(stored) < len(in_file):
        detail = f"the database lacks roots that the file has, from {len(stored) + 1} on"
        findings.append(LedgerFinding("roots-missing", len(stored) + 1, detail))
    return findings


def _find_unsigned(check: LineCheck, roots: list[SignedRoot], longest: timedelta) -> list[LedgerFinding]:
    """Return a finding if a line is unsigned for too long."""
    signed = roots[-1].size if roots else 0
    written_at = check.times.get(signed)
    if written_at is None:
        return []
    try:
        is_late = clock.now() - datetime.fromisoformat(written_at) > longest
    except (ValueError, TypeError):
        return [LedgerFinding("line", signed + 1, "the time of this line is none")]
    if not is_late:
        return []
    detail = f"{check.size - signed:,} lines have no signed root, the first since {written_at}"
    return [LedgerFinding("unsigned", signed + 1, detail)]
