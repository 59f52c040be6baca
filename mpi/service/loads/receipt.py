"""Receipts of file loads, which account for every row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mpi.service.loads.row_intake import Reject, ValidatedFile
from mpi.service.statements.statement import Statement
from mpi.service.statements.statement_judgement import StatementOutcome
from mpi.storage.repositories.sources.records import StoredRecord

COUNT_NAMES = (
    "received", "created", "updated", "unchanged", "withdrawn", "history", "superseded", "held", "rejected",
    "dropped",
)  # fmt: skip
"""Counts of a load: all rows, and then each outcome, in the order in which they are shown."""
STAYED_NAMES = ("spared", "newer")
"""Counts of records that a full file lacks and that stay active; they count no rows."""
SEALED_ROW = "sealed"
"""Reason of a rejected row whose record is sealed or expunged, so that it depends on what is stored."""


@dataclass(slots=True)
class Receipt:
    """Receipt of a file load, with one count per outcome.

    ``received`` is the sum of all other counts (``COUNT_NAMES``). It counts the file's rows and, for a full
    snapshot, the records whose absence it states. ``dropped`` counts rows of a source with minimum holdings
    that match no child in care: nothing of them is stored. ``drops_wait`` tells that stored records wait for
    approval to be dropped. ``spared`` counts absent records that were not withdrawn because an unreadable row
    may be theirs, ``newer`` those that were not because their source stated them after the file's as-of.
    ``unfinished`` holds the numbers of other loads of the source that were unfinished when this one began.
    """

    source: str
    status: str = "loaded"
    received: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    history: int = 0
    superseded: int = 0
    held: int = 0
    rejected: int = 0
    dropped: int = 0
    drops_wait: bool = False
    held_reason: str | None = None
    spared: int = 0
    newer: int = 0
    batch: int | None = None
    unfinished: tuple[int, ...] = ()
    rejects: list[Reject] = field(default_factory=list)
    issues: dict[str, int] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """The load's row counts by outcome name."""
        return {name: getattr(self, name) for name in COUNT_NAMES}

    @property
    def stored_counts(self) -> dict[str, int]:
        """The counts that the index keeps: rows, and absent records that stay."""
        return self.counts | {name: getattr(self, name) for name in STAYED_NAMES}

    @property
    def adds_up(self) -> bool:
        """Whether the load receipt accounts for every row of the file."""
        return self.received == sum(n for name, n in self.counts.items() if name != "received")


def receipt_from(source: str, file: ValidatedFile) -> Receipt:
    """Create the load receipt of a file that has only been validated.

    Args:
        source: code of the source.
        file: the validated file.
    """
    return Receipt(
        source,
        received=file.received_count,
        superseded=file.superseded_count,
        rejected=len(file.rejects),
        rejects=list(file.rejects),
        issues=dict(file.issues),
    )


def count_verdicts(
    receipt: Receipt,
    statements: Iterable[Statement],
    records: Mapping[str, StoredRecord],
    verdicts: Mapping[str, StatementOutcome],
) -> None:
    """Add the outcomes of record statements to a load receipt.

    Args:
        receipt: receives the counts, and a reject for each refused statement.
        statements: the statements.
        records: the records that existed before, by local ID.
        verdicts: the outcomes by local ID.
    """
    for statement in statements:
        match verdicts[statement.local_id]:
            case StatementOutcome.CREATED:
                receipt.created += 1
            case StatementOutcome.UPDATED:
                receipt.updated += 1
            case StatementOutcome.SEALED if statement.local_id in records:
                receipt.updated += 1
            case StatementOutcome.SEALED:
                receipt.created += 1
            case StatementOutcome.UNCHANGED:
                receipt.unchanged += 1
            case StatementOutcome.HELD:
                receipt.held += 1
            case StatementOutcome.HISTORY:
                receipt.history += 1
            case StatementOutcome.REFUSED:
                receipt.rejects.append(
                    Reject(
                        statement.line_number,
                        None,
                        SEALED_ROW,
                        "the record is sealed or expunged: a person must lift it",
                    )
                )
                receipt.rejected += 1
