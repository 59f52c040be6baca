"""What every connector takes and gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

Progress = Callable[[str, int, int | None], None]
"""Receives the name of a resource, the number of its items that were read, and of all, where known."""


class RowSink(Protocol):
    """Where a connector puts what it pulls.

    The order is free, but for a record that is renamed twice. Renames are applied first, then rows, then
    removals; local IDs of rows and removals are those after all renames. A record that is added and removed
    stays.
    """

    def add(self, fields: Mapping[str, object]) -> None:
        """Add one record in canonical fields, as JSON values.

        Its ``local_id`` names the record.
        """

    def reject(self, reason: str, detail: str, local_id: str | None = None) -> None:
        """Count an item that gives no row.

        The record stays as it is, also in a full pull. Without a local ID the item may be any record's, so a
        full pull then withdraws no record for its absence.

        Args:
            reason: stable code, such as ``no-birth-date``.
            detail: one sentence for a person, without any text of the item.
            local_id: the record, where the item names it.
        """

    def remove(self, local_id: str) -> None:
        """Say that the system holds a record no more."""

    def rename(self, old_local_id: str, new_local_id: str) -> None:
        """Say that the system gave a record another local ID."""


@dataclass(frozen=True, slots=True)
class PullResult:
    """How a pull ended.

    Args:
        cursor: where the next pull begins, in the connector's own form; at most 4,000 characters.
        is_full: whether every record of the system was pulled, so that a record that is absent is gone.
    """

    cursor: str
    is_full: bool


class Connector(Protocol):
    """Pulls the records of one system."""

    def pull(self, cursor: str | None, sink: RowSink, progress: Progress) -> PullResult:
        """Pull what has changed since a cursor, or everything.

        What has not changed may be added again. A pull that fails is repeated from the same cursor.

        Args:
            cursor: where the last pull ended; None to pull everything.
            sink: gets the rows.
            progress: is told how far the pull is.

        Raises:
            RemoteSystemError: the system cannot be reached, refuses, or answers what cannot be read.
            InputError: an option of the connection is wrong.
        """


@runtime_checkable
class RenamingConnector(Protocol):
    """Connector whose system tells which records got another local ID."""

    def pull_all(self, cursor: str | None, sink: RowSink, progress: Progress) -> PullResult:
        """Pull everything, with the new local IDs since a cursor.

        Without them, a full pull would withdraw a record and make another one of the same person. In all
        else, this is like ``Connector.pull``.
        """
