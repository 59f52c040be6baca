"""Program that exports a research extract and dies at given steps.

Each argument is ``FUNCTION:EVENT:COUNT:FOLDER``. A fork of this program runs ``mpi export research`` into the
folder, and is killed when the function has been called or left (``call`` or ``return``) that often. Without a
function, it runs to its end. The program prints the exit status of each fork, negative for a signal.
"""

import os
import signal
import sys
from types import FrameType

from mpi.cli.main import run

PROJECT = "reading"


def _die_at(function: str, event: str, count: int) -> None:
    """Have this process killed at an event of a function of the index."""
    seen = 0

    def watch(frame: FrameType, happened: str, _argument: object) -> None:
        nonlocal seen
        code = frame.f_code
        if code.co_name == function and happened == event and "/mpi/" in code.co_filename:
            seen += 1
            if seen == count:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)


def main() -> None:
    """Run and kill one export for each argument."""
    for argument in sys.argv[1:]:
        function, event, count, folder = argument.split(":")
        child = os.fork()
        if not child:
            if function:
                _die_at(function, event, int(count))
            os._exit(int(run(["export", "research", "--project", PROJECT, "--into", folder])))
        _, status = os.waitpid(child, 0)
        sys.stderr.write(f"{os.waitstatus_to_exitcode(status)}\n")


if __name__ == "__main__":
    main()
