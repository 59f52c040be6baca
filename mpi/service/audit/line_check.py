"""Check of the ledger's lines one after another, while their tree grows."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

import orjson

from mpi.domain.ledger.line_hash import ERASED, REDACT_ACTION, commit_to, hash_line
from mpi.domain.ledger.merkle import EMPTY_ROOT, Frontier, hash_node
from mpi.service.audit.tree import NODE_LEVEL, NODE_LINES
from mpi.service.statements.ledger_redaction import COMMITMENT_FIELD, LINE_FIELD
from mpi.storage.repositories.access.ledger_tree import StoredLine
from mpi.storage.unit_of_work.units import ReadUnit

_MOST_FINDINGS = 1_000
"""Findings of lines that are kept; the counts go on."""
_HANDLE_RECORD = 0


@dataclass(frozen=True, slots=True)
class LedgerFinding:
    """Something wrong with the ledger.

    Args:
        kind: stable code (docs/reference/ledger.md).
        number: number of the line or of the root.
        detail: what is wrong, without personal data.
    """

    kind: str
    number: int
    detail: str


class LineCheck:
    """Check of lines, which are added in the order of numbers.

    Args:
        sizes: sizes of the tree whose heads are wanted.

    Attributes:
        size: lines that were added.
        heads: heads of the tree by size, for the sizes wanted.
        times: times of the lines that follow a wanted size, by that size; also of the first line.
        redacted: lines that lost records, with the commitment to what they have now; None for nothing.
        findings: what is wrong so far.
    """

    def __init__(self, sizes: Collection[int]) -> None:
        self._sizes = frozenset(sizes) | {0}
        self._frontier = Frontier()
        self._chunk = Frontier()
        self._nodes: dict[tuple[int, int], bytes] = {}
        self._stated: dict[int, str | None] = {}
        self._named = _PairSum()
        self._expected = 1
        self.heads: dict[int, bytes] = {0: EMPTY_ROOT}
        self.times: dict[int, str] = {}
        self.redacted: dict[int, str | None] = {}
        self.findings: list[LedgerFinding] = []

    @property
    def size(self) -> int:
        """Lines that were added."""
        return self._frontier.size

    @property
    def root(self) -> bytes:
        """Head of the tree over the lines that were added."""
        return self._frontier.root()

    def add(self, line: StoredLine) -> None:
        """Check the next line."""
        if line.number != self._expected:
            self._report("missing", self._expected, f"line {line.number} follows line {self._expected - 1}")
        self._expected = line.number + 1
        if self.size in self._sizes:
            self.times[self.size] = line.public.at
        leaf = self._hash(line)
        if leaf != line.leaf:
            self._report("line", line.number, "the line is not what its hash states")
        if line.public.action == REDACT_ACTION:
            self._note_statement(line)
        self._name_records(line)
        self._grow(leaf)

    def finish(self, unit: ReadUnit) -> None:
        """Compare the lines with what else the ledger holds.

        Args:
            unit: the transaction that the lines were read in.
        """
        given = unit.ledger_tree.last_number_given()
        if given != self._expected - 1:
            self._report("missing", self._expected, f"the last line ought to have the number {given}")
        for node, head in unit.ledger_tree.all_nodes().items():
            if self._nodes.get(node) != head:
                position = node[1] << node[0]
                self._report(
                    "node", position + 1, "the lines from here on are not what their stored head states"
                )
        named = _PairSum()
        for record, number in unit.ledger_tree.iterate_named_records():
            named.add(record, number)
        if named.value != self._named.value:
            self._report("index-by-record", 0, "the index by record does not name the records of the lines")

    def _hash(self, line: StoredLine) -> bytes:
        """Return the hash of a line from its content."""
        if line.commitment is None:
            return hash_line(line.public, commit_to(line.nonce, line.personal))
        is_empty = line.personal == ERASED
        self.redacted[line.number] = None if is_empty else commit_to(line.nonce, line.personal).hex()
        return hash_line(line.public, line.commitment)

    def _note_statement(self, line: StoredLine) -> None:
        """Remember which line lost records, by the line that states it."""
        try:
            fields = [str(field) for field in orjson.loads(line.personal.fields)]
            number = int(fields[0].removeprefix(LINE_FIELD))
        except (ValueError, IndexError, TypeError):
            self._report("redaction", line.number, "this line states no line that lost records")
            return
        self._stated[number] = fields[1].removeprefix(COMMITMENT_FIELD) if len(fields) > 1 else None

    def _name_records(self, line: StoredLine) -> None:
        try:
            records = {int(record) for record in orjson.loads(line.personal.record_ids)}
        except (ValueError, TypeError):
            return  # the hash of the line has told of it
        if line.personal.handle is not None:
            records.add(_HANDLE_RECORD)
        for record in records:
            self._named.add(record, line.number)

    def _grow(self, leaf: bytes) -> None:
        """Add a leaf to the tree, and keep the heads to compare."""
        self._frontier.add(leaf)
        self._chunk.add(leaf)
        if self.size in self._sizes:
            self.heads[self.size] = self._frontier.root()
        if self._chunk.size < NODE_LINES:
            return
        level, position, head = NODE_LEVEL, (self.size >> NODE_LEVEL) - 1, self._chunk.root()
        self._chunk = Frontier()
        self._nodes[level, position] = head
        while position & 1:
            head = hash_node(self._nodes[level, position - 1], head)
            level, position = level + 1, position >> 1
            self._nodes[level, position] = head

    def compare_redactions(self, *, has_destroyed: bool) -> None:
        """Compare the lines that lost records with the lines that state it.

        Args:
            has_destroyed: whether the index has destroyed a record.
        """
        for number in sorted(self.redacted.keys() | self._stated.keys()):
            is_stated = number in self._stated and number in self.redacted
            if not is_stated or self._stated[number] != self.redacted[number]:
                self._report("redaction", number, "the line lost records in a way that no other line states")
        if self.redacted and not has_destroyed:
            self._report("redaction", min(self.redacted), "lines lost records, and no record was destroyed")

    def _report(self, kind: str, number: int, detail: str) -> None:
        if len(self.findings) < _MOST_FINDINGS:
            self.findings.append(LedgerFinding(kind, number, detail))


class _PairSum:
    """Sum of hashes of pairs, equal for equal sets of pairs."""

    def __init__(self) -> None:
        self._sum = 0
        self._count = 0

    def add(self, record: int, number: int) -> None:
        digest = hashlib.sha256(b"%d:%d" % (record, number)).digest()
        self._sum = (self._sum + int.from_bytes(digest, "big")) & ((1 << 256) - 1)
        self._count += 1

    @property
    def value(self) -> tuple[int, int]:
        """Sum and count, which are equal for equal sets of pairs."""
        return self._sum, self._count
