"""Flows: what calls do, written once for both clients.

A flow is a generator. It yields what is to be done next, and gets the reply. It does no I/O itself. The two
drivers, ``mpi.client.client`` and ``mpi.client.async_client``, do what it asks for.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import httpx

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request; the reply is its response, read to the end."""

    request: httpx.Request


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Work:
    """Run a function that waits for a disk.

    The reply is what the function returns.
    """

    function: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand a value to the caller, and wait for the next request."""

    value: Any


Effect: TypeAlias = Send | Pause | Work | Emit
Flow: TypeAlias = Generator[Effect, Any, T]


@dataclass(frozen=True, slots=True)
class Reply:
    """Reply to an effect: a value, or why there is none."""

    value: Any = None
    failure: httpx.RequestError | None = None

    def resume(self, flow: Flow[Any]) -> Effect:
        """Give the reply to a flow and return its next effect.

        Raises:
            StopIteration: the flow is done; its ``value`` is the result.
        """
        return flow.send(self.value) if self.failure is None else flow.throw(self.failure)
