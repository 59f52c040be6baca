"""What a connector needs that writes enterprise IDs into another system."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mpi.connectors.pull import Progress


class AssignedIds(Protocol):
    """Enterprise IDs that a system's owner may know."""

    def find(self, local_ids: Sequence[str]) -> Mapping[str, str]:
        """Return the enterprise IDs of records, by local ID.

        Records without one are left out.
        """

    def disclose(self, local_ids: Sequence[str]) -> None:
        """Write to the disclosure ledger that IDs leave, before they do.

        Raises:
            StoreError: the ledger cannot be written, and nothing may leave.
        """


@dataclass(frozen=True, slots=True)
class IdWriteResult:
    """How IDs were written into another system.

    Args:
        written: places whose ID was written.
        unchanged: places that held the right ID.
        unassigned: places of records without an ID. What they hold is left.
        failed: places that the system refused, by status or reason.
    """

    written: int
    unchanged: int
    unassigned: int
    failed: Mapping[str, int]


class IdWriter(Protocol):
    """Writes enterprise IDs into one system."""

    def write_ids(self, assigned: AssignedIds, progress: Progress, *, is_trial: bool) -> IdWriteResult:
        """Write the enterprise IDs that the system lacks.

        Another one in their place is replaced.

        Args:
            assigned: the enterprise IDs.
            progress: is told how far it is.
            is_trial: count what would be written, and send nothing.

        Raises:
            RemoteSystemError: the system cannot be reached, or refuses altogether.
            InputError: an option of the connection is wrong.
        """
