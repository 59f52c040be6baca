"""Certificate of what a pilot made, and of its destruction."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from mpi import __version__
from mpi.cli.pilot.folder import Destruction
from mpi.cli.pilot.inputs import FileDigest

METHOD = (
    "The keys were overwritten with random bytes and synced to the disk. Then every file of the folder was "
    "deleted, and the folder."
)
"""How a pilot's index is destroyed."""
LIMITS = (
    "A disk may keep deleted blocks until it uses them again. Stored records were encrypted under keys that "
    "are gone; names and birth dates in the search tables were not. Run a pilot on an encrypted disk, or in "
    "memory (--folder /dev/shm)."
)
"""What deleting does not do."""


@dataclass(frozen=True, slots=True)
class InputCheck:
    """Checksums of an input file before and after a pilot.

    Args:
        before: checksum before anything was read.
        after: checksum after the destruction; None if the file could not be read again.
    """

    before: FileDigest
    after: FileDigest | None

    @property
    def is_unchanged(self) -> bool:
        """Whether the file is as it was."""
        return self.before == self.after


@dataclass(frozen=True, slots=True)
class Certificate:
    """Certificate of a pilot.

    Args:
        outcome: ``finished``, ``failed`` or ``interrupted``.
        began: when the pilot began (ISO, UTC).
        made: what was made.
        destroyed: what was destroyed, and when.
        earlier: folders of pilots that were killed, which this one destroyed.
        inputs: checksums of the input files.
    """

    outcome: str
    began: str
    made: str
    destroyed: Destruction
    earlier: Sequence[Destruction]
    inputs: Sequence[InputCheck]

    def to_dict(self) -> dict[str, object]:
        """Return the certificate as JSON values."""
        return {
            "certificate": "pilot of the Master Person Index",
            "program": __version__,
            "outcome": self.outcome,
            "began": self.began,
            "made": self.made,
            "destroyed": asdict(self.destroyed),
            "method": METHOD,
            "limits": LIMITS,
            "left_by_killed_pilots": [asdict(each) for each in self.earlier],
            "inputs": [
                {
                    "name": check.before.name,
                    "size_bytes": check.before.size_bytes,
                    "sha256": check.before.sha256,
                    "sha256_afterwards": None if check.after is None else check.after.sha256,
                    "unchanged": check.is_unchanged,
                }
                for check in self.inputs
            ],
        }
