"""Child processes for long computations.

A computing thread keeps request threads from the interpreter for milliseconds at a time; a child process does
not.
"""

import copyreg
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from pickle import PicklingError
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from mpi.domain.errors import EngineError, MpiError, describe_origin
from mpi.domain.keyed_hash import KeyedHash
from mpi.service.core.index import Index, IndexSettings, Matcher, open_store
from mpi.standardize.process_pool import WORKER_NICENESS, lower_priority
from mpi.storage.encryption.key_ring import KeyRing
from mpi.storage.encryption.token_keys import TokenKeyRing
from mpi.storage.unit_of_work.database import Database

Result = TypeVar("Result")

_CHILD_ENDED = "the process that computes was ended from outside, for want of memory perhaps: try again"


class _RemoteError(NamedTuple):
    """An error of a child process in picklable form.

    Not every error can be built again from its message.
    """

    kind: type[MpiError]
    arguments: tuple[Any, ...]
    attributes: dict[str, Any]

    def to_error(self) -> MpiError:
        """Build the child process's error again in this process."""
        error = self.kind.__new__(self.kind, *self.arguments)
        error.args = self.arguments
        error.__dict__.update(self.attributes)
        return error


class _IndexParts(NamedTuple):
    """The parts of an open person index that a child process receives."""

    matcher: Matcher
    keyed_hash: KeyedHash
    token_ring: TokenKeyRing | None
    home: Path
    settings: IndexSettings
    key_ring: KeyRing | None


def run_in_child_process(
    work: Callable[..., Result],
    *arguments: object,
    niceness: int = WORKER_NICENESS,
    ended_error: MpiError | None = None,
) -> Result:
    """Run a function in a child process and return its result.

    Args:
        work: a function of a module.
        *arguments: arguments of the function, which are pickled.
        niceness: niceness of the child process.
        ended_error: raised if the process is killed from outside; None for an ``EngineError``.

    Raises:
        MpiError: the error that the function raised.
        EngineError: the process cannot be started, or it failed.
    """
    register_mapping_pickling()
    # Spawn: a forked child may crash where DuckDB or Arrow run threads.
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run_child, args=(sender, niceness, work, arguments), daemon=True)
    with receiver:
        try:
            with sender:
                process.start()
        except OSError as error:
            raise EngineError(f"no process can be begun ({type(error).__name__}): try again") from None
        try:
            returned, raised = receiver.recv()
        except (EOFError, OSError):
            raise (ended_error or EngineError(_CHILD_ENDED)) from None
        finally:
            process.join()
    if raised is not None:
        raise raised.to_error()
    result: Result = returned
    return result


def run_with_index_in_child_process(index: Index, work: Callable[..., Result], *arguments: object) -> Result:
    """Run a function in a child process that opens the person index.

    Args:
        index: the open index.
        work: a function of a module; its first argument is the index.
        *arguments: further arguments of the function, which are pickled.

    Raises:
        MpiError: the error that the function raised.
        EngineError: the process cannot be started, failed, or was killed from outside.
    """
    # The store and the caches stay in this process: the child opens the database itself.
    parts = _IndexParts(
        index.matcher,
        index.keyed_hash,
        index.token_ring,
        index.home,
        index.settings,
        index.database.key_ring,
    )
    result: Result = run_in_child_process(_run_with_index, index.database.url, parts, work, arguments)
    return result


def register_mapping_pickling() -> None:
    """Register how to pickle the read-only mappings of a match model."""
    copyreg.pickle(MappingProxyType, _reduce_mapping)


def _reduce_mapping(mapping: MappingProxyType[Any, Any]) -> tuple[Any, tuple[dict[Any, Any]]]:
    return _restore_mapping, (dict(mapping),)


def _restore_mapping(mapping: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(mapping)


def _run_child(
    sender: Connection, niceness: int, work: Callable[..., Any], arguments: tuple[object, ...]
) -> None:
    lower_priority(niceness)
    # A daemon could not start child processes; the parent ends this process in any case.
    current_process().daemon = False
    register_mapping_pickling()
    returned, raised = None, None
    try:
        returned = work(*arguments)
    except MpiError as error:
        raised = _RemoteError(type(error), error.args, error.__dict__)
    except Exception as error:  # noqa: BLE001 - the message may hold personal data; only the type is sent
        raised = _failure(error)
    # The parent may have ended.
    with suppress(BrokenPipeError, ConnectionResetError):
        try:
            sender.send((returned, raised))
        except (AttributeError, TypeError, PicklingError) as error:
            sender.send((None, _failure(error)))


def _failure(error: Exception) -> _RemoteError:
    message = f"a process that was begun for it failed ({type(error).__name__}): try again"
    # A note is logged with the error, and never sent to a client.
    note = f"there {type(error).__name__} at {describe_origin(error)}"
    return _RemoteError(EngineError, (message,), {"__notes__": [note]})


def _run_with_index(
    url: str, parts: _IndexParts, work: Callable[..., Result], arguments: tuple[object, ...]
) -> Result:
    database = Database(url, tuning=parts.settings.tuning.storage, key_ring=parts.key_ring)
    try:
        index = Index(
            store=open_store(database, parts.settings.tuning),
            matcher=parts.matcher,
            keyed_hash=parts.keyed_hash,
            token_ring=parts.token_ring,
            home=parts.home,
            settings=parts.settings,
        )
        return work(index, *arguments)
    finally:
        database.dispose()
