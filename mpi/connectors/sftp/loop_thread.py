"""Event loop in a thread of its own."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

CLOSE_S = 5.0
"""Most seconds that a session, or a step after Ctrl-C, has to end."""
_T = TypeVar("_T")


class LoopThread:
    """Thread with an event loop, in which coroutines run.

    Ctrl-C and SIGTERM raise an exception in the main thread; in an event loop, a task could swallow it.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sftp", daemon=True)
        self._thread.start()

    def run(self, steps: Coroutine[Any, Any, _T]) -> _T:
        """Return the result of a coroutine; cancel it on an interrupt."""
        future = asyncio.run_coroutine_threadsafe(steps, self._loop)
        try:
            return future.result()
        except BaseException:  # also an interrupt, which would leave the coroutine at work
            future.cancel()
            raise

    def close(self, last_steps: Coroutine[Any, Any, None]) -> None:
        """Run a last coroutine, end what still runs, and stop the loop."""

        async def end() -> None:
            await last_steps
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(end(), self._loop).result(2 * CLOSE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_S)
        if not self._thread.is_alive():
            self._loop.close()
